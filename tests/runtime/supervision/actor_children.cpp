#include "steward/actor_children.hpp"
#include "probe.hpp"
#include "steward/child.hpp"
#include "tests/support/virtual_tree.hpp"

#include <gmock/gmock.h>

// Actors that start and stop supervised children, and hear of their ends.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;
using testing::ElementsAre;

std::vector<std::string>& heard() {
  static std::vector<std::string> all;
  return all;
}

void note(const char* what, const admin_result& x) {
  heard().push_back(std::string{what} + " " + x.path + " " + to_string(x.code));
}

/// (push_atom, supervisor): starts a child of a dynamic supervisor. (put_atom, supervisor): adds one called "extra".
/// (pop_atom, child): stops one. (crash_atom): crashes.
class boss {
public:
  explicit boss(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {
        [this](push_atom, const std::string& under) {
          start_child(self_, under).then([](const admin_result& x) { note("started", x); });
        },
        [this](caf::put_atom, const std::string& under) {
          child_spec spec;
          spec.id = "extra";
          spec.restart = restart_type::temporary;
          spec.what = actor_spec{"probe", {}};
          start_child(self_, under, std::move(spec)).then([](const admin_result& x) { note("added", x); });
        },
        [this](pop_atom, const std::string& one) {
          stop_child(self_, one).then([](const admin_result& x) { note("stopped", x); });
        },
        [](const child_end& x) {
          EXPECT_EQ(x.next, after_end::nothing);
          const bool crashed = x.how == end_kind::crashed;
          heard().push_back("ended " + x.path + (crashed ? " crashed: " + x.why.message : std::string{}));
        },
        [](crash_atom) { throw std::runtime_error("boss"); },
    };
  }

private:
  self_ptr self_;
};

class actor_children : public virtual_tree {
protected:
  actor_children() {
    switches() = {};
    heard().clear();
    actor_type<probe>("probe");
    actor_type<boss>("boss");
  }
  void begin(restart_type restart = restart_type::temporary) {
    auto jobs = tree({child("job", "probe", restart)}, {}, strategy::simple_one_for_one);
    start(tree({nested("jobs", std::move(jobs)), child("boss", "boss")}, {10, 60s}));
  }
  template <class Atom>
  void order(Atom what, const std::string& about) {
    send("/root/boss", what, about);
    run();
  }
  std::vector<std::string> take() { return std::exchange(heard(), {}); }
};

TEST_F(actor_children, are_started_under_a_dynamic_supervisor_and_stopped) {
  begin();
  order(push_atom::value, "jobs");
  EXPECT_THAT(take(), ElementsAre("started /root/jobs/job-1 ok"));
  EXPECT_EQ(status_of("/root/jobs/job-1"), "running");
  order(pop_atom::value, "/root/jobs/job-1");
  EXPECT_THAT(take(), testing::UnorderedElementsAre("ended /root/jobs/job-1", "stopped /root/jobs/job-1 ok"));
  EXPECT_EQ(status_of("/root/jobs/job-1"), "not_found");
}

TEST_F(actor_children, are_added_to_the_actors_own_supervisor) {
  begin();
  order(caf::put_atom::value, "");
  EXPECT_THAT(take(), ElementsAre("added /root/extra ok"));
  order(pop_atom::value, "extra");
  EXPECT_THAT(take(), testing::UnorderedElementsAre("ended /root/extra", "stopped /root/extra ok"));
}

TEST_F(actor_children, tell_their_starter_how_they_ended) {
  begin();
  order(push_atom::value, "jobs");
  order(push_atom::value, "/root/jobs");
  take();
  send("/root/jobs/job-1", crash_atom::value);
  run();
  EXPECT_THAT(take(), ElementsAre("ended /root/jobs/job-1 crashed: gave up: std::invalid_argument: boom"));
}

TEST_F(actor_children, are_not_told_to_have_ended_when_they_restart) {
  begin(restart_type::permanent);
  order(push_atom::value, "jobs");
  take();
  send("/root/jobs/job-1", crash_atom::value);
  run();
  EXPECT_THAT(take(), ElementsAre());
  EXPECT_EQ(incarnation_of("/root/jobs/job-1"), 2U);
}

TEST_F(actor_children, that_cannot_be_are_told_as_such) {
  begin();
  order(push_atom::value, "nowhere");
  order(push_atom::value, "");
  order(pop_atom::value, "/root/jobs/job-9");
  EXPECT_THAT(take(), ElementsAre("started /root/nowhere noproc", "started /root unsupported",
                                  "stopped /root/jobs/job-9 not_found"));
}

TEST_F(actor_children, are_heard_of_by_the_next_incarnation_but_for_what_the_former_has_asked) {
  begin();
  order(push_atom::value, "jobs");
  take();
  hold_back("/root/jobs/job-2");
  order(push_atom::value, "jobs");
  order(crash_atom::value, "");
  send("/root/boss", crash_atom::value);
  run();
  let_go("/root/jobs/job-2");
  EXPECT_THAT(take(), ElementsAre()) << "job-2 is up, and the one that has asked for it is gone";
  EXPECT_EQ(status_of("/root/jobs/job-2"), "running");
  send("/root/jobs/job-2", crash_atom::value);
  run();
  EXPECT_THAT(take(), ElementsAre("ended /root/jobs/job-2 crashed: gave up: std::invalid_argument: boom"));
}

}  // namespace
