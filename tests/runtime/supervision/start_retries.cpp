#include "steward/child.hpp"
#include "steward/supervisor.hpp"
#include "tests/runtime/supervision/real_tree.hpp"
#include "tests/support/virtual_tree.hpp"

// `start_retries`, with real cells.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;

struct settled {
  caf::behavior make_behavior() {
    return {[](caf::get_atom) { return std::int64_t{1}; }};
  }
};

/// Throws until it was tried `good` times.
child_spec reluctant(std::string id, int good, unsigned retries, int& tries, milliseconds min = 100ms) {
  auto make = [good, &tries] {
    if (++tries < good) throw std::runtime_error("no database");
    return settled{};
  };
  return child::actor(std::move(id), make, {},
                      {.backoff = {.min = min, .max = min * 8, .jitter = 0.0}, .start_retries = retries});
}

class start_retries : public virtual_tree {
protected:
  int tries_ = 0;
};

TEST_F(start_retries, bring_up_a_tree_whose_database_comes_late) {
  start(tree({reluctant("db", 4, 5, tries_), child::actor<settled>("web")}));
  EXPECT_EQ(tries_, 2) << "the second try is at once";
  EXPECT_FALSE(started_) << "the start is not answered yet";
  EXPECT_FALSE(at("/root/web") && status_of("/root/web") == "running") << "later siblings wait";
  advance(99ms);
  EXPECT_EQ(tries_, 2);
  advance(1ms);
  EXPECT_EQ(tries_, 3);
  advance(200ms);
  EXPECT_EQ(tries_, 4);
  ASSERT_TRUE(started_);
  EXPECT_TRUE(started_->ok);
  EXPECT_EQ(status_of("/root/db"), "running");
  EXPECT_EQ(status_of("/root/web"), "running");
  EXPECT_EQ(events_of(event_kind::crash).size(), 3U);
  EXPECT_EQ(events_of(event_kind::crash).front().decision->action, "retry");
  ASSERT_EQ(paths_of(event_kind::recover), std::vector<std::string>{"/root/db"});
  EXPECT_EQ(events_of(event_kind::recover).front().recovery_ms, 300.0) << "since its first try";
}

TEST_F(start_retries, that_are_spent_roll_the_start_back_with_the_last_cause) {
  start(tree({child::actor<settled>("first"), reluctant("db", 99, 2, tries_)}));
  advance(100ms);
  EXPECT_EQ(tries_, 3);
  ASSERT_TRUE(started_);
  EXPECT_FALSE(started_->ok);
  EXPECT_EQ(started_->failed_child, "/root/db");
  EXPECT_EQ(started_->why.message, "no database");
  EXPECT_FALSE(at("/root/first"));
}

TEST_F(start_retries, end_when_the_tree_is_stopped_meanwhile) {
  start(tree({child::actor<settled>("first"), reluctant("db", 99, 1'000, tries_)}));
  EXPECT_FALSE(started_);
  stop();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
  advance(10'000ms);
  EXPECT_EQ(tries_, 2) << "nothing is tried any more";
}

TEST_F(start_retries, hold_for_a_supervisor_whose_child_fails) {
  auto inner = nested("inner", tree({reluctant("db", 3, 0, tries_)}));
  inner.start_retries = 3;
  start(tree({inner}));
  advance(100ms);
  ASSERT_TRUE(started_);
  EXPECT_TRUE(started_->ok);
  EXPECT_EQ(tries_, 3);
}

TEST_F(start_retries, hold_for_start_child_which_is_answered_when_it_is_up) {
  start(tree({child::actor<settled>("first")}));
  auto answer = administer_later(
      [&](supervision::tree_host& host, auto done) { host.start_child("/root", reluctant("db", 3, 5, tries_), done); });
  EXPECT_FALSE(*answer);
  EXPECT_EQ(status_of("/root/db"), "restarting");
  advance(100ms);
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->code, admin_code::ok);
}

class start_retries_for_real : public real_tree {};

TEST_F(start_retries_for_real, are_waited_for_by_start) {
  int tries = 0;
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {reluctant("db", 5, 10, tries, 1ms)}}};
  const auto report = tree.start();
  EXPECT_TRUE(report) << describe(report.why);
  EXPECT_EQ(tries, 5);
}

}  // namespace
}  // namespace steward::testing_support
