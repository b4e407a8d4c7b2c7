#include "probe.hpp"
#include "supervision/number_set.hpp"
#include "tests/support/virtual_tree.hpp"

#include <random>

namespace {

using namespace steward;
using namespace steward::testing_support;
using namespace std::chrono_literals;

/// A tree whose host is woken for mere notes only now and then.
class cell_gathering : public virtual_tree {
protected:
  cell_gathering() {
    switches() = {};
    actor_type<probe>("probe");
  }

  void start_gathering(supervisor_spec spec, milliseconds gather) {
    supervision::host_environment env;
    env.events = &log_;
    env.names = &names_;
    env.actors = &registry_;
    env.tasks = &tasks_;
    env.gather = gather;
    host_ = system_->spawn<supervision::tree_host>(std::move(env));
    on_host([this, spec = std::move(spec)](supervision::tree_host& host) {
      host.start_tree(
          "root", spec, [this](tree_start report) { started_ = std::move(report); },
          [this](policy::exit_info how) { ended_ = std::move(how); });
    });
    run();
    advance(gather);  // what was gathered while it started
    advance(gather);
    ASSERT_TRUE(started_ && started_->failed_child.empty());
  }

  /// A child that is restarted at once.
  static child_spec eager(std::string id) {
    auto out = child(std::move(id), "probe");
    out.backoff = backoff_spec{0ms, 0ms, 1.0, 0.0, 30'000ms};
    return out;
  }

  void crash(const std::string& path) {
    send(path, crash_atom::value);
    run();
  }
  std::size_t crashes_told() const { return events_of(event_kind::crash).size(); }
};

TEST_F(cell_gathering, tells_the_first_crash_at_once_and_those_of_a_storm_soon) {
  start_gathering(tree({eager("a")}, {1'000, 5s}), 1ms);
  crash("/root/a");
  EXPECT_EQ(crashes_told(), 1U);
  for (int n = 0; n < 10; ++n) crash("/root/a");
  EXPECT_EQ(crashes_told(), 1U) << "they wait for the look";
  EXPECT_EQ(*ask<std::uint64_t>("/root/a", caf::get_atom::value), 12) << "restarts do not";
  advance(1ms);
  EXPECT_EQ(crashes_told(), 11U);
  EXPECT_EQ(events_of(event_kind::recover).size(), 11U);
  advance(1ms);
  crash("/root/a");
  EXPECT_EQ(crashes_told(), 12U) << "the storm is over";
}

TEST_F(cell_gathering, leaves_nothing_to_do_when_nothing_happens) {
  start_gathering(tree({eager("a")}, {1'000, 5s}), 1ms);
  crash("/root/a");
  advance(1ms);
  advance(10s);  // ticks for limits of starts that are met
  const auto idle = [this] { return scheduler_->clock().schedule().empty(); };
  EXPECT_TRUE(idle()) << "no look and no timer is due";
}

TEST_F(cell_gathering, never_loses_a_timer) {
  for (const auto gather : {1ms, 7ms, 60ms, 500ms}) {
    auto patient = child("b", "probe");  // waits 100 ms from its second restart on
    start_gathering(tree({eager("a"), patient}, {1'000, 5s}), gather);
    crash("/root/a");  // from now on it gathers
    crash("/root/b");
    crash("/root/b");
    EXPECT_EQ(status_of("/root/b"), "restarting");
    for (int n = 0; n < 20; ++n) {
      advance(5ms);
      crash("/root/a");
    }
    advance(std::max(1ms, gather - 100ms));
    EXPECT_EQ(*ask<std::uint64_t>("/root/b", caf::get_atom::value), 3) << gather.count();
    EXPECT_GE(events_of(event_kind::backoff).size(), 1U);
    end();
    events_.clear();
  }
}

TEST_F(cell_gathering, notices_a_hang_that_begins_amid_a_storm) {
  auto watched = eager("w");
  watched.hang_after = 100ms;
  start_gathering(tree({eager("a"), watched}, {1'000, 5s}), 1ms);
  crash("/root/a");
  crash("/root/w");
  advance(1ms);
  EXPECT_EQ(events_of(event_kind::recover).size(), 2U);
  EXPECT_FALSE(scheduler_->clock().schedule().empty()) << "it is looked at from time to time";
}

TEST_F(cell_gathering, lets_administration_see_and_stop_what_restarts) {
  start_gathering(tree({eager("a"), eager("b")}, {1'000, 5s}), 50ms);
  for (int n = 0; n < 5; ++n) crash("/root/a");
  EXPECT_EQ(incarnation_of("/root/a"), 6U);
  EXPECT_TRUE(*terminate_child("/root/a"));
  EXPECT_EQ(status_of("/root/a"), "undefined");
  EXPECT_EQ(crashes_told(), 5U) << "what waited was told before";
  stop();
  EXPECT_TRUE(ended_);
}

TEST_F(cell_gathering, gives_up_at_once) {
  start_gathering(tree({eager("a")}, {3, 5s}), 50ms);
  for (int n = 0; n < 4; ++n) crash("/root/a");
  EXPECT_TRUE(ended_);
  EXPECT_EQ(crashes_told(), 4U);
}

// -- how children are found -----------------------------------------------------------------------------------------

TEST_F(cell_gathering, finds_dynamic_children_by_paths_that_are_exact) {
  auto spec = tree({child("c", "probe")});
  spec.strategy = strategy::simple_one_for_one;
  spec.initial = 12;
  start(tree({nested("pool-1", spec), child("c-1", "probe")}));
  EXPECT_EQ(status_of("/root/pool-1/c-1"), "running");
  EXPECT_EQ(status_of("/root/pool-1/c-12"), "running");
  for (const auto* wrong :
       {"/root/pool-1/c-13", "/root/pool-1/c-0", "/root/pool-1/c-01", "/root/pool-1/c-1x", "/root/pool-1/c-",
        "/root/pool-1/d-1", "/root/pool-1/c--1", "/root/pool-1/c- 1", "/root/pool-1/c-1/x-1", "/root/c-2",
        "/pool-1/c-1", "c-1", "/c-1", "", "-1", "/root/pool-1/", "/root/pool-1/c-18446744073709551615",
        "/root/pool-1/c-99999999999999999999"})
    EXPECT_EQ(status_of(wrong), "not_found") << wrong;
  EXPECT_EQ(status_of("/root/c-1"), "running");
}

TEST_F(cell_gathering, finds_what_is_below_a_dynamic_supervisor) {
  auto spec = tree({nested("team", tree({child("m", "probe")}))});
  spec.strategy = strategy::simple_one_for_one;
  spec.initial = 2;
  start(spec);
  EXPECT_EQ(status_of("/root/team-2/m"), "running");
  EXPECT_EQ(which_children("/root/team-1")->size(), 1U);
  EXPECT_EQ(*ask<std::uint64_t>("/root/team-1/m", caf::get_atom::value), 1);
  EXPECT_TRUE(*terminate_child("/root/team-1"));
  EXPECT_EQ(status_of("/root/team-1/m"), "not_found");
  EXPECT_EQ(status_of("/root/team-2/m"), "running");
}

// -- sets of numbers ------------------------------------------------------------------------------------------------

TEST(number_set, is_a_set_in_rising_order) {
  supervision::number_set x;
  std::set<std::uint64_t> naive;
  std::mt19937_64 random{7};
  std::uint64_t last = 0;
  for (int n = 0; n < 20'000; ++n) {
    const auto number = random() % 4 == 0 ? random() % 500 : ++last;
    if (random() % 2 == 0) {
      x.insert(number);
      naive.insert(number);
    } else {
      const auto gone = random() % 3 == 0 || naive.empty() ? number : *naive.begin();
      x.erase(gone);
      naive.erase(gone);
    }
    ASSERT_EQ(x.size(), naive.size());
    if (n % 97 == 0) {
      ASSERT_EQ(x.numbers(), std::vector<std::uint64_t>(naive.begin(), naive.end()));
    }
  }
}

TEST(number_set, may_be_emptied_and_filled_again) {
  supervision::number_set x;
  for (std::uint64_t n = 1; n <= 100; ++n) x.insert(n);
  for (std::uint64_t n = 100; n >= 1; --n) x.erase(n);
  EXPECT_TRUE(x.empty());
  x.erase(5);
  x.insert(5);
  x.insert(5);
  EXPECT_EQ(x.numbers(), std::vector<std::uint64_t>{5});
}

}  // namespace
