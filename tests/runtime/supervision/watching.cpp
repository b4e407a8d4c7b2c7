#include "steward/child.hpp"
#include "steward/watch.hpp"
#include "tests/support/virtual_tree.hpp"

// Watching children of any kind, in virtual time: which ends are told, to whom, and how often.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;
using lines = std::vector<std::string>;

std::string line_of(const child_end& x) {
  return x.path + "#" + std::to_string(x.incarnation) + " " + to_string(x.how) + ", " + to_string(x.next) +
         (x.why.message.empty() ? "" : ": " + x.why.message);
}

struct victim {
  explicit victim(self_ptr x) : self(x) {}
  caf::behavior make_behavior() {
    return {[](crash_atom) { throw std::runtime_error("boom"); }, [this](caf::delete_atom) { self->quit(); }};
  }
  self_ptr self;
};

/// Watches what it is told to, and keeps what it hears.
struct guardian {
  explicit guardian(self_ptr x) : self(x) {}
  caf::behavior make_behavior() {
    return {[this](caf::add_atom, const std::string& name) { watch(self, name); },
            [this](caf::delete_atom, const std::string& name) { unwatch(self, name); },
            [this](const child_end& x) { heard.push_back(line_of(x)); }, [this](caf::get_atom) { return heard; },
            [](crash_atom) { throw std::runtime_error("its own"); }};
  }
  self_ptr self;
  lines heard;
};

class watching : public virtual_tree {
protected:
  static child_spec one(std::string id, restart_type restart = restart_type::permanent) {
    return child::actor<victim>(std::move(id), {},
                                {.restart = restart, .backoff = {.min = 100ms, .max = 100ms, .jitter = 0.0}});
  }
  static child_spec keeper() { return child::actor<guardian>("keeper"); }

  /// Watches from outside.
  std::shared_ptr<lines> watch(const std::string& path) { return watch_since(system_->clock().now(), path); }
  /// The request is on its way since then.
  std::shared_ptr<lines> watch_since(policy::time_point since, const std::string& path) {
    auto heard = std::make_shared<lines>();
    on_host([path, heard, since](supervision::tree_host& host) {
      host.watch(path, {}, since, [heard](const child_end& x) { heard->push_back(line_of(x)); });
    });
    run();
    return heard;
  }
  void crash(const std::string& path) {
    send(path, crash_atom::value);
    run();
  }
  void watch_by_keeper(const std::string& name) {
    send("/root/keeper", caf::add_atom::value, name);
    run();
  }
  lines heard_by_keeper() { return ask<lines>("/root/keeper", caf::get_atom::value).value_or(lines{}); }
};

TEST_F(watching, hears_of_a_crash_with_its_cause_and_that_the_child_comes_back) {
  start(tree({one("a"), keeper()}));
  const auto heard = watch("/root/a");
  watch_by_keeper("a");
  EXPECT_TRUE(heard->empty());
  crash("/root/a");
  EXPECT_EQ(*heard, lines{"/root/a#1 crashed, restart: boom"});
  EXPECT_EQ(heard_by_keeper(), *heard);
  crash("/root/a");
  EXPECT_EQ(heard->size(), 1U) << "once";
  EXPECT_EQ(heard_by_keeper().size(), 1U);
}

TEST_F(watching, may_watch_again_when_it_has_heard) {
  start(tree({one("a"), keeper()}, {9, 60s}));
  for (int n = 1; n <= 3; ++n) {
    const auto heard = watch("/root/a");
    watch_by_keeper("/root/a");
    crash("/root/a");
    advance(100ms);
    EXPECT_EQ(*heard, lines{"/root/a#" + std::to_string(n) + " crashed, restart: boom"});
  }
  EXPECT_EQ(heard_by_keeper().size(), 3U);
}

TEST_F(watching, hears_of_an_orderly_end) {
  start(tree({one("a", restart_type::transient)}));
  const auto heard = watch("/root/a");
  send("/root/a", caf::delete_atom::value);
  run();
  EXPECT_EQ(*heard, lines{"/root/a#1 finished, nothing"});
}

TEST_F(watching, hears_of_a_stop_by_administration) {
  start(tree({one("a"), keeper()}));
  const auto heard = watch("/root/a");
  watch_by_keeper("a");
  terminate_child("/root/a");
  EXPECT_EQ(*heard, lines{"/root/a#1 stopped, nothing"});
  EXPECT_EQ(heard_by_keeper(), *heard);
}

TEST_F(watching, hears_that_its_group_takes_a_child_along_and_brings_it_back) {
  start(tree({one("a"), one("b")}, {}, strategy::one_for_all));
  const auto heard = watch("/root/b");
  crash("/root/a");
  EXPECT_EQ(*heard, lines{"/root/b#1 stopped, restart"});
}

TEST_F(watching, hears_of_parking) {
  auto a = one("a");
  a.intensity = intensity{0, 5s};
  a.on_spent = spent_policy::park;
  start(tree({a}));
  const auto heard = watch("/root/a");
  crash("/root/a");
  EXPECT_EQ(*heard, lines{"/root/a#1 crashed, parked: boom"});
}

TEST_F(watching, hears_of_a_limit_that_ends_the_child_for_good) {
  auto a = one("a");
  a.intensity = intensity{0, 5s};
  a.on_spent = spent_policy::end;
  start(tree({a}));
  const auto heard = watch("/root/a");
  crash("/root/a");
  EXPECT_EQ(*heard, lines{"/root/a#1 crashed, nothing: boom"});
}

TEST_F(watching, a_supervisor_hears_that_it_gave_up_and_is_restarted) {
  start(tree({nested("sub", tree({one("a")}, {0, 5s})), keeper()}));
  const auto heard = watch("/root/sub");
  const auto below = watch("/root/sub/a");
  watch_by_keeper("sub");
  crash("/root/sub/a");
  EXPECT_EQ(*heard, lines{"/root/sub#1 gave_up, restart: boom"});
  EXPECT_EQ(*below, lines{"/root/sub/a#1 crashed, nothing: boom"}) << "its own supervisor does not bring it back";
  EXPECT_EQ(heard_by_keeper(), *heard);
  EXPECT_EQ(incarnation_of("/root/sub/a"), 2U);
}

TEST_F(watching, a_supervisor_hears_that_it_was_stopped) {
  start(tree({nested("sub", tree({one("a")}))}));
  const auto heard = watch("/root/sub");
  const auto below = watch("/root/sub/a");
  terminate_child("/root/sub");
  EXPECT_EQ(*heard, lines{"/root/sub#1 stopped, nothing"});
  EXPECT_EQ(*below, lines{"/root/sub/a#1 stopped, nothing"});
}

TEST_F(watching, children_of_a_supervisor_that_is_killed_are_told_of) {
  auto sub = nested("sub", tree({one("a")}));
  sub.shutdown = brutal_kill;
  start(tree({sub}));
  const auto heard = watch("/root/sub");
  const auto below = watch("/root/sub/a");
  terminate_child("/root/sub");
  EXPECT_EQ(*heard, lines{"/root/sub#1 stopped, nothing"});
  EXPECT_EQ(*below, lines{"/root/sub/a#1 stopped, nothing"});
}

TEST_F(watching, a_child_that_does_not_stop_in_time_is_told_of_all_the_same) {
  start(tree({one("a")}));
  const auto heard = watch("/root/a");
  hold_back("/root/a");
  terminate_child("/root/a");
  EXPECT_TRUE(heard->empty());
  advance(5'000ms);
  EXPECT_EQ(*heard, lines{"/root/a#1 stopped, nothing"});
}

TEST_F(watching, a_child_that_hangs_and_is_replaced_has_crashed) {
  auto a = one("a");
  a.hang_after = 100ms;
  a.on_hang = hang_policy::report;
  a.start_within = 1s;
  start(tree({a}));
  const auto heard = watch("/root/a");
  query([&](supervision::tree_host& host) {
    auto& x = *host.find("/root/a");
    policy::exit_info how{policy::exit_class::abnormal, {}};
    how.why.message = "hangs";
    return host.feed(*x.parent, [&](policy::supervisor_machine& m) { return m.child_hung(x.id, 1, how, host.now()); });
  });
  EXPECT_EQ(*heard, lines{"/root/a#1 crashed, restart: hangs"});
}

TEST_F(watching, the_tree_itself_is_told_of_at_its_end) {
  start(tree({one("a")}, {0, 5s}));
  const auto heard = watch("/root");
  crash("/root/a");
  EXPECT_EQ(*heard, lines{"/root#1 gave_up, nothing: boom"});
  EXPECT_EQ(*watch("/root"), lines{"/root#0 unknown, nothing"}) << "it is gone";
}

TEST_F(watching, what_has_ended_already_is_answered_at_once) {
  start(tree({one("a", restart_type::transient), one("b"), one("c", restart_type::temporary)}));
  send("/root/a", caf::delete_atom::value);
  terminate_child("/root/b");
  crash("/root/c");
  EXPECT_EQ(*watch("/root/a"), lines{"/root/a#1 finished, nothing"});
  EXPECT_EQ(*watch("/root/b"), lines{"/root/b#1 stopped, nothing"});
  EXPECT_EQ(*watch("/root/c"), lines{"/root/c#0 unknown, nothing"}) << "temporary ones are forgotten";
  EXPECT_EQ(*watch("/root/nobody"), lines{"/root/nobody#0 unknown, nothing"});
}

TEST_F(watching, what_is_down_for_a_while_is_watched_through_its_coming_life) {
  start(tree({one("a")}, {9, 60s}));
  crash("/root/a");
  crash("/root/a");
  ASSERT_EQ(status_of("/root/a"), "restarting");
  const auto heard = watch("/root/a");
  EXPECT_TRUE(heard->empty()) << "not its last end";
  advance(100ms);
  ASSERT_EQ(status_of("/root/a"), "running");
  EXPECT_TRUE(heard->empty());
  crash("/root/a");
  EXPECT_EQ(*heard, lines{"/root/a#3 crashed, restart: boom"});
}

TEST_F(watching, an_end_that_overtakes_the_request_is_told_all_the_same) {
  start(tree({one("a"), one("b"), nested("sub", tree({one("c")}, {0, 5s}))}, {9, 60s}));
  advance(10ms);
  const auto then = system_->clock().now();
  advance(10ms);
  crash("/root/a");
  crash("/root/b");
  crash("/root/b");  // the second restart waits
  crash("/root/sub/c");
  EXPECT_EQ(*watch_since(then, "/root/a"), lines{"/root/a#1 crashed, restart: boom"});
  EXPECT_EQ(*watch_since(then, "/root/b"), lines{"/root/b#2 crashed, restart: boom"}) << "the latest of them";
  EXPECT_EQ(*watch_since(then, "/root/sub"), lines{"/root/sub#1 gave_up, restart"});
  const auto now = system_->clock().now();
  EXPECT_EQ(*watch_since(now, "/root/a"), lines{});
  EXPECT_EQ(*watch_since(now, "/root/sub"), lines{});
}

TEST_F(watching, belongs_to_the_incarnation_that_has_asked) {
  start(tree({one("a"), keeper()}, {9, 60s}));
  watch_by_keeper("a");
  crash("/root/keeper");
  crash("/root/a");
  EXPECT_EQ(heard_by_keeper(), lines{}) << "the next incarnation has not asked";
  watch_by_keeper("a");
  advance(100ms);
  crash("/root/a");
  EXPECT_EQ(heard_by_keeper(), lines{"/root/a#2 crashed, restart: boom"}) << "once, not for both";
}

TEST_F(watching, news_that_come_too_late_are_for_nobody) {
  start(tree({one("a"), keeper()}, {9, 60s}));
  watch_by_keeper("a");
  hold_back("/root/keeper");
  send("/root/keeper", crash_atom::value);
  crash("/root/a");  // the news lies in the keeper's mailbox, and so does its crash
  let_go("/root/keeper");
  EXPECT_EQ(incarnation_of("/root/keeper"), 2U);
  EXPECT_EQ(heard_by_keeper(), lines{});
}

TEST_F(watching, is_heard_also_with_a_full_mailbox) {
  auto full = keeper();
  full.mailbox = {1, overflow_policy::reject};
  start(tree({one("a"), full}));
  watch_by_keeper("a");
  hold_back("/root/keeper");
  for (int i = 0; i < 9; ++i) send("/root/keeper", caf::add_atom::value, std::string{"nobody"});
  crash("/root/a");
  let_go("/root/keeper");
  const auto heard = heard_by_keeper();
  EXPECT_EQ(std::count(heard.begin(), heard.end(), "/root/a#1 crashed, restart: boom"), 1);
}

TEST_F(watching, is_taken_back) {
  start(tree({one("a"), keeper()}));
  watch_by_keeper("a");
  send("/root/keeper", caf::delete_atom::value, std::string{"a"});
  run();
  crash("/root/a");
  EXPECT_EQ(heard_by_keeper(), lines{});
}

TEST_F(watching, leaves_nothing_behind_when_the_watcher_ends) {
  start(tree({one("a"), keeper()}));
  const auto is_empty = [](supervision::tree_host& host) { return host.watches().empty(); };
  watch_by_keeper("a");
  EXPECT_FALSE(query(is_empty));
  terminate_child("/root/keeper");
  EXPECT_TRUE(query(is_empty));
}

TEST_F(watching, dynamic_children_are_told_of_before_they_are_forgotten) {
  auto crowd = tree({one("a", restart_type::temporary)}, {}, strategy::simple_one_for_one);
  crowd.initial = 2;
  start(tree({nested("crowd", crowd)}));
  const auto first = watch("/root/crowd/a-1");
  const auto second = watch("/root/crowd/a-2");
  crash("/root/crowd/a-1");
  terminate_child("/root/crowd/a-2");
  EXPECT_EQ(*first, lines{"/root/crowd/a-1#1 crashed, nothing: boom"});
  EXPECT_EQ(*second, lines{"/root/crowd/a-2#1 stopped, nothing"});
}

/// Watches a sibling that is listed after it, from its constructor.
struct early : guardian {
  explicit early(self_ptr x) : guardian(x) { watch(x, "late"); }
};

TEST_F(watching, may_begin_before_the_other_is_started) {
  auto watcher = child::actor<early>("keeper");
  start(tree({watcher, one("late")}));
  EXPECT_EQ(heard_by_keeper(), lines{}) << "it is still to come, and not gone";
  crash("/root/late");
  EXPECT_EQ(heard_by_keeper(), lines{"/root/late#1 crashed, restart: boom"});
}

TEST_F(watching, of_a_supervisor_whose_children_it_gives_up_on_is_told_once) {
  start(tree({nested("sub", tree({one("a"), one("b")}, {0, 5s}))}));
  const auto other = watch("/root/sub/b");
  crash("/root/sub/a");
  EXPECT_EQ(*other, lines{"/root/sub/b#1 stopped, nothing"});
}

}  // namespace
}  // namespace steward::testing_support
