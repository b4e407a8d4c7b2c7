#include "observe/run_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace steward;
using namespace std::chrono_literals;

const std::chrono::system_clock::time_point begin{1'700'000'000s};

/// Folds events that come one second after the other.
class told {
public:
  event& next(event_kind kind, std::string actor, std::uint64_t incarnation = 0) {
    flush();
    e_ = {};
    e_.seq = ++seq_;
    e_.ts = begin + std::chrono::seconds{seq_};
    e_.run = "r-1";
    e_.kind = kind;
    e_.actor = std::move(actor);
    if (incarnation != 0) e_.incarnation = incarnation;
    fresh_ = true;
    return e_;
  }
  told& tell(event_kind kind, std::string actor, std::uint64_t incarnation = 0) {
    next(kind, std::move(actor), incarnation);
    return *this;
  }
  told& state(std::string actor, std::string state) {
    next(event_kind::child, std::move(actor)).child.emplace().state = std::move(state);
    return *this;
  }
  event_child& added(std::string actor, std::string kind, std::string type = {}) {
    auto& what = next(event_kind::child, std::move(actor)).child.emplace();
    what.state = "idle";
    what.kind = std::move(kind);
    what.type = std::move(type);
    return what;
  }
  /// The root, which is up, with children that are, too.
  told& tree(const std::vector<std::string>& children) {
    auto& root = added("/root", "supervisor");
    root.state = "starting";
    root.strategy = "one_for_one";
    root.limit = 3;
    root.period_ms = 5'000;
    for (const auto& x : children) added("/root/" + x, "actor", "counter").restart = "permanent";
    for (const auto& x : children) tell(event_kind::start, "/root/" + x, 1).tell(event_kind::ready, "/root/" + x, 1);
    return state("/root", "up");
  }
  event_decision& crash(std::string actor, std::uint64_t incarnation, std::string action, unsigned restarts = 1) {
    auto& e = next(event_kind::crash, std::move(actor), incarnation);
    e.why.emplace().cls = cause_class::exception;
    e.why->exception = "std::runtime_error";
    e.why->message = "boom";
    e.decision = event_decision{std::move(action), "one_for_one", restarts, 3, 5'000, 0, {}};
    return *e.decision;
  }
  event& last() { return e_; }
  const run_view& view() {
    flush();
    return view_;
  }
  const child_view& at(const std::string& path) {
    const auto* x = view().find(path);
    if (x == nullptr) throw std::runtime_error("no " + path);
    return *x;
  }
  std::string status(const std::string& path) {
    const auto* x = view().find(path);
    return x == nullptr ? "none" : to_string(x->status);
  }
  void skip(std::uint64_t numbers) {
    flush();
    seq_ += numbers;
  }

private:
  void flush() {
    if (std::exchange(fresh_, false)) fold(view_, e_);
  }

  run_view view_;
  event e_;
  std::uint64_t seq_ = 0;
  bool fresh_ = false;
};

TEST(run_view, knows_the_run_itself) {
  told x;
  x.next(event_kind::run_start, "").scenario = event_scenario{"square", "square.yaml", 7};
  EXPECT_EQ(x.view().run, "r-1");
  EXPECT_EQ(x.view().started, begin + 1s);
  EXPECT_EQ(x.view().scenario->name, "square");
  EXPECT_FALSE(x.view().ended);
  x.tree({"a"});
  x.next(event_kind::run_end, "").code = 4;
  EXPECT_EQ(x.view().ended, begin + 7s);
  EXPECT_EQ(x.view().code, 4);
  EXPECT_EQ(x.status("/root/a"), "stopped") << "nothing outlives its run";
  EXPECT_EQ(x.status("/root"), "stopped");
}

TEST(run_view, knows_the_tree_in_the_order_of_its_children) {
  told x;
  x.tree({"b", "a"});
  EXPECT_EQ(x.view().below(), std::vector<std::string>{"/root"});
  EXPECT_EQ(x.view().below("/root"), (std::vector<std::string>{"/root/b", "/root/a"}));
  EXPECT_EQ(x.at("/root/b").kind, "actor");
  EXPECT_EQ(x.at("/root/b").type, "counter");
  EXPECT_EQ(x.at("/root/b").restart, "permanent");
  EXPECT_EQ(x.at("/root/b").parent, "/root");
  EXPECT_EQ(x.at("/root").below.limit, 3U);
  EXPECT_EQ(x.at("/root").below.period, 5s);
}

/// What one more event of a kind makes of a child that is up.
TEST(run_view, follows_a_child_through_every_kind_of_event) {
  using steps = std::function<void(told&)>;
  const std::tuple<const char*, steps, const char*> cases[] = {
      {"start", [](told& x) { x.tell(event_kind::start, "/root/b", 1); }, "starting"},
      {"ready", [](told& x) { x.tell(event_kind::ready, "/root/a", 1); }, "up"},
      {"stop by itself", [](told& x) { x.tell(event_kind::stop, "/root/a", 1); }, "ended"},
      {"stop, restarted",
       [](told& x) {
         x.next(event_kind::stop, "/root/a", 1).decision = event_decision{"restart", "one_for_one", 1, 3, 5'000, 0, {}};
       },
       "restarting"},
      {"asked to stop", [](told& x) { x.state("/root/a", "stopping"); }, "stopping"},
      {"stop when asked", [](told& x) { x.state("/root/a", "stopping").tell(event_kind::stop, "/root/a", 1); },
       "stopped"},
      {"stopped with its group",
       [](told& x) { x.state("/root/a", "stopping").tell(event_kind::stop, "/root/a", 1).state("/root/a", "waiting"); },
       "restarting"},
      {"down for good", [](told& x) { x.state("/root/a", "stopping").state("/root/a", "idle"); }, "stopped"},
      {"removed", [](told& x) { x.state("/root/a", "removed"); }, "none"},
      {"crash, restart", [](told& x) { x.crash("/root/a", 1, "restart"); }, "restarting"},
      {"crash, retry", [](told& x) { x.crash("/root/a", 1, "retry"); }, "restarting"},
      {"crash, resume", [](told& x) { x.crash("/root/a", 1, "resume"); }, "up"},
      {"crash, stop", [](told& x) { x.crash("/root/a", 1, "stop"); }, "ended"},
      {"crash, end", [](told& x) { x.crash("/root/a", 1, "end"); }, "ended"},
      {"crash, escalate", [](told& x) { x.crash("/root/a", 1, "escalate"); }, "ended"},
      {"crash, cleared away", [](told& x) { x.crash("/root/a", 1, "end"), x.state("/root/a", "idle"); }, "ended"},
      {"restart", [](told& x) { x.crash("/root/a", 1, "restart"), x.tell(event_kind::restart, "/root/a", 2); },
       "restarting"},
      {"recover",
       [](told& x) {
         x.crash("/root/a", 1, "restart"), x.tell(event_kind::restart, "/root/a", 2);
         x.tell(event_kind::recover, "/root/a", 2);
       },
       "up"},
      {"backoff", [](told& x) { x.next(event_kind::backoff, "/root/a").decision = event_decision{}; }, "restarting"},
      {"park", [](told& x) { x.crash("/root/a", 1, "park"), x.tell(event_kind::park, "/root/a", 1); }, "parked"},
      {"parked, terminated",
       [](told& x) {
         x.crash("/root/a", 1, "park"), x.tell(event_kind::park, "/root/a", 1);
         x.state("/root/a", "stopping").state("/root/a", "idle");
       },
       "stopped"},
      {"give_up", [](told& x) { x.tell(event_kind::give_up, "/root/a"); }, "gave_up"},
      {"escalate", [](told& x) { x.tell(event_kind::escalate, "/root/a"); }, "gave_up"},
      {"gave up, cleared away", [](told& x) { x.tell(event_kind::give_up, "/root/a").state("/root/a", "idle"); },
       "gave_up"},
      {"late stop",
       [](told& x) {
         x.crash("/root/a", 1, "restart"), x.tell(event_kind::restart, "/root/a", 2);
         x.tell(event_kind::ready, "/root/a", 2).tell(event_kind::stop, "/root/a", 1);
       },
       "up"},
      {"supervisor down", [](told& x) { x.state("/root", "idle"); }, "stopped"},
      {"limit", [](told& x) { x.tell(event_kind::limit, "/root"); }, "up"},
      {"hang", [](told& x) { x.tell(event_kind::hang, "/root/a", 1); }, "up"},
      {"warn", [](told& x) { x.tell(event_kind::warn, "/root/a", 1); }, "up"},
      {"dead_letter", [](told& x) { x.next(event_kind::dead_letter, "/root/a").lost = 3; }, "up"},
      {"quarantine", [](told& x) { x.tell(event_kind::quarantine, "/root/a", 1); }, "up"},
      {"operator", [](told& x) { x.tell(event_kind::operator_, "/root/a"); }, "up"},
      {"config", [](told& x) { x.tell(event_kind::config, "/root/a"); }, "up"},
      {"output", [](told& x) { x.tell(event_kind::output, "/root/a"); }, "up"},
      {"log", [](told& x) { x.tell(event_kind::log, "/root/a"); }, "up"},
  };
  for (const auto& [name, steps_of, expected] : cases) {
    told x;
    x.tree({"a"});
    steps_of(x);
    EXPECT_EQ(x.status(std::string{name} == "start" ? "/root/b" : "/root/a"), expected) << name;
  }
}

TEST(run_view, counts_what_was_in_hand_at_a_crash_as_lost) {
  told x;
  x.tree({"a"});
  x.next(event_kind::crash, "/root/a", 1).lost = 1;
  x.tell(event_kind::quarantine, "/root/a", 2);
  EXPECT_THAT(x.view().summary.lines()[2], ::testing::EndsWith("2 messages lost (1 quarantined)"));
  EXPECT_EQ(x.at("/root/a").lost_messages, 1U);
}

TEST(run_view, counts_what_happens_to_a_child) {
  told x;
  x.tree({"a"});
  x.crash("/root/a", 1, "restart");
  x.tell(event_kind::restart, "/root/a", 2);
  x.next(event_kind::recover, "/root/a", 2).recovery_ms = 1'999.5;
  x.tell(event_kind::hang, "/root/a", 2).tell(event_kind::quarantine, "/root/a", 2);
  x.next(event_kind::dead_letter, "/root/a").lost = 3;
  const auto& a = x.at("/root/a");
  EXPECT_EQ(a.incarnation, 2U);
  EXPECT_EQ(a.starts, 2U);
  EXPECT_EQ(a.restarts, 1U);
  EXPECT_EQ(a.crashes, 1U);
  EXPECT_EQ(a.recoveries, 1U);
  EXPECT_EQ(a.hangs, 1U);
  EXPECT_EQ(a.quarantined_messages, 1U);
  EXPECT_EQ(a.lost_messages, 3U);
  EXPECT_EQ(a.downtime, 2s) << "from its crash until it was ready";
  EXPECT_EQ(a.last_cause, "std::runtime_error: boom");
  EXPECT_EQ(a.last_crash, "c-0001");
  EXPECT_EQ(x.view().restarts, 1U);
  EXPECT_EQ(x.view().hangs, 1U);
}

TEST(run_view, charges_the_budget_that_a_child_draws_on) {
  told x;
  x.tree({"a", "b"});
  auto& own = x.added("/root/c", "actor");
  own.own_limit = 2;
  own.own_period_ms = 60'000;
  x.crash("/root/a", 1, "restart", 1);
  x.crash("/root/b", 1, "restart", 2);
  EXPECT_EQ(x.at("/root").below.used(x.view().now), 2U);
  EXPECT_EQ(x.at("/root").below.used(x.view().now + 4s), 2U);
  EXPECT_EQ(x.at("/root").below.used(x.view().now + 5s), 1U) << "the first one has left the window";
  EXPECT_EQ(x.at("/root").below.used(x.view().now + 6s), 0U);
  auto& mine = x.crash("/root/c", 1, "restart", 1);
  mine.limit = 2;
  mine.period_ms = 60'000;
  EXPECT_EQ(x.at("/root/c").own.used(x.view().now), 1U);
  EXPECT_EQ(x.at("/root").below.restarts.size(), 2U);
  x.crash("/root/a", 2, "restart", 1);
  EXPECT_EQ(x.at("/root").below.restarts.size(), 1U) << "the decision says how many count";
}

TEST(run_view, counts_what_is_used_of_a_budget_as_the_decisions_do) {
  told x;
  x.tree({"a"});
  // One crash a second, so that three of them lie within the period: those before fall out of it.
  for (std::uint64_t n = 1; n <= 9; ++n) {
    const auto counted = static_cast<unsigned>(std::min<std::uint64_t>(n, 3));
    x.crash("/root/a", n, "restart", counted).period_ms = 6'000;
    x.tell(event_kind::recover, "/root/a", n + 1);
    EXPECT_EQ(x.at("/root").below.used(x.view().now), counted) << "after crash " << n;
  }
}

TEST(run_view, takes_numbers_that_no_run_has_for_a_year_at_most) {
  told x;
  x.tree({"a"});
  auto& decision = x.crash("/root/a", 1, "restart");
  decision.period_ms = decision.delay_ms = std::numeric_limits<std::int64_t>::max();
  const auto due = x.at("/root/a").due;
  ASSERT_TRUE(due);
  EXPECT_LE(*due - x.view().now, 366 * 24h);
  x.crash("/root/a", 2, "restart").period_ms = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(x.at("/root").below.used(x.view().now), 1U);
}

TEST(run_view, takes_a_stop_in_order_for_no_downtime) {
  told x;
  x.tree({"a"});
  x.state("/root/a", "stopping").tell(event_kind::stop, "/root/a", 1).state("/root/a", "idle");
  EXPECT_EQ(x.at("/root/a").downtime_at(x.view().now + 100s), 0s);
  x.tell(event_kind::start, "/root/a", 2).tell(event_kind::ready, "/root/a", 2);
  EXPECT_EQ(x.at("/root/a").downtime_at(x.view().now + 100s), 0s);
}

TEST(run_view, keeps_the_downtime_of_what_is_stopped_while_it_restarts) {
  told x;
  x.tree({"a"});
  x.crash("/root/a", 1, "restart");
  x.tell(event_kind::restart, "/root/a", 2);
  x.state("/root/a", "stopping").tell(event_kind::stop, "/root/a", 2).state("/root/a", "idle");
  EXPECT_EQ(x.at("/root/a").downtime_at(x.view().now + 100s), 3s) << "from its crash until it had stopped";
}

TEST(run_view, keeps_a_crash_with_all_that_is_told_of_it) {
  told x;
  x.tree({"a"});
  x.crash("/root/a", 1, "restart");
  auto& e = x.last();
  e.id = "c-0042";
  e.pid = 4711;
  e.kept = 5;
  e.text = "while it handled ('add', 1)";
  e.task = event_task{3, "square", "7", 1, 3, 0.5};
  e.task_fate = "requeued";
  e.why->frames = {"ns::f(int)+0x2e (program+0x14af2e)"};
  const auto seq = x.view().last_seq;
  x.next(event_kind::recover, "/root/a", 2).recovery_ms = 2.5;
  const auto* crash = x.view().crash("c-0042");
  ASSERT_NE(crash, nullptr);
  EXPECT_EQ(crash->number, 1U);
  EXPECT_EQ(crash->seq, seq);
  EXPECT_EQ(crash->path, "/root/a");
  EXPECT_EQ(crash->place, "/root/a");
  EXPECT_EQ(crash->pid, 4711);
  EXPECT_EQ(crash->kept, 5U);
  EXPECT_EQ(crash->task->name, "square");
  EXPECT_EQ(crash->task_fate, "requeued");
  EXPECT_EQ(crash->decision->action, "restart");
  EXPECT_EQ(crash->recovery_ms, 2.5);
  EXPECT_EQ(crash->up_ms, 2'000.0);
  EXPECT_EQ(crash->why.frames.size(), 1U);
  EXPECT_EQ(x.view().crash("c-0001"), nullptr);
}

TEST(run_view, gives_each_of_several_crashes_before_a_recovery_its_time) {
  told x;
  x.tree({"a"});
  x.crash("/root/a", 1, "restart");
  x.tell(event_kind::restart, "/root/a", 2);
  x.crash("/root/a", 2, "restart", 2);
  x.tell(event_kind::restart, "/root/a", 3);
  x.next(event_kind::recover, "/root/a", 3).recovery_ms = 4'000.25;
  EXPECT_EQ(x.view().crash("c-0001")->recovery_ms, 4'000.25);
  EXPECT_EQ(x.view().crash("c-0002")->recovery_ms, 2'000.0);
}

TEST(run_view, groups_crashes_that_are_alike) {
  told x;
  x.tree({"a", "b"});
  x.crash("/root/a", 1, "restart");
  x.crash("/root/b", 1, "restart");
  x.last().why->message = "another text";
  x.crash("/root/a", 2, "restart");
  x.last().why->exception = "std::logic_error";
  ASSERT_EQ(x.view().alike.size(), 2U);
  const auto& same = x.view().alike.at(x.view().crashes.front().fingerprint);
  EXPECT_EQ(same.count, 2U);
  EXPECT_EQ(same.first_id, "c-0001");
  EXPECT_EQ(same.last_id, "c-0002");
  EXPECT_EQ(same.last - same.first, 1s);
}

TEST(run_view, knows_pools_and_their_workers) {
  told x;
  x.tree({});
  auto& pool = x.added("/root/p", "pool", "square");
  pool.workers = 2;
  pool.limit = 20;
  pool.period_ms = 5'000;
  auto& start = x.next(event_kind::start, "/root/p", 1);
  start.runs_in = "process";
  start.child.emplace().kind = "pool";
  EXPECT_EQ(x.status("/root/p"), "starting");
  for (const int n : {1, 2}) {
    auto& e = x.next(event_kind::ready, "/root/p/w" + std::to_string(n), 1);
    e.runs_in = "process";
    e.pid = 100 + n;
  }
  x.tell(event_kind::ready, "/root/p", 1);
  EXPECT_EQ(x.status("/root/p"), "up");
  EXPECT_EQ(x.at("/root/p/w1").kind, "worker");
  EXPECT_EQ(x.at("/root/p/w2").pid, 102);
  EXPECT_EQ(x.at("/root/p/w2").type, "square");

  x.crash("/root/p/w1", 1, "restart", 1);
  x.tell(event_kind::task_retry, "/root/p/w1", 1);
  x.tell(event_kind::restart, "/root/p/w1", 2);
  EXPECT_FALSE(x.at("/root/p/w1").pid.has_value());
  x.next(event_kind::recover, "/root/p/w1", 2).pid = 103;
  EXPECT_EQ(x.at("/root/p/w1").pid, 103);
  x.tell(event_kind::task_quarantine, "/root/p/w1", 2).tell(event_kind::task_fail, "/root/p/w2", 1);
  x.tell(event_kind::stop, "/root/p/w2", 1);
  EXPECT_EQ(x.status("/root/p/w2"), "stopped");
  EXPECT_EQ(x.view().crashes.back().place, "/root/p");
  auto& resized = x.next(event_kind::operator_, "/root/p").child.emplace();
  resized.kind = "pool";
  resized.workers = resized.most_workers = 8;
  const auto& figures = *x.at("/root/p").pool;
  EXPECT_EQ(figures.workers, 8U);
  EXPECT_EQ(figures.worker_crashes, 1U);
  EXPECT_EQ(figures.worker_restarts, 1U);
  EXPECT_EQ(figures.recycled, 1U);
  EXPECT_EQ(figures.retried, 1U);
  EXPECT_EQ(figures.quarantined, 1U);
  EXPECT_EQ(figures.failed, 1U);
  EXPECT_EQ(x.at("/root/p").below.used(x.view().now), 0U);
  EXPECT_EQ(x.at("/root/p").below.restarts.size(), 1U);

  auto& end = x.next(event_kind::stop, "/root/p", 1).child.emplace();
  end.submitted = 15;
  end.succeeded = 10;
  end.failed = 5;
  EXPECT_EQ(x.status("/root/p/w1"), "stopped") << "no worker outlives its pool";
  EXPECT_EQ(x.at("/root/p").pool->submitted, 15U);
  EXPECT_EQ(x.at("/root/p").pool->succeeded, 10U);
  EXPECT_EQ(x.at("/root/p").pool->valueless, 5U);
  EXPECT_THAT(x.view().summary.lines()[2], ::testing::EndsWith("1 failed), 3 tasks cancelled"));
}

TEST(run_view, does_not_take_the_end_of_an_old_pool_for_that_of_the_new_one) {
  told x;
  x.tree({});
  x.added("/root/p", "pool", "square");
  x.next(event_kind::start, "/root/p", 1).child.emplace().kind = "pool";
  x.tell(event_kind::ready, "/root/p/w1", 1).tell(event_kind::ready, "/root/p", 1);
  x.next(event_kind::give_up, "/root/p", 1).lost = 4;
  EXPECT_EQ(x.status("/root/p"), "gave_up");
  EXPECT_EQ(x.status("/root/p/w1"), "stopped");
  x.crash("/root/p", 1, "restart");
  x.tell(event_kind::restart, "/root/p", 2);
  x.next(event_kind::start, "/root/p", 2).child.emplace().kind = "pool";
  EXPECT_EQ(x.status("/root/p"), "restarting");
  x.tell(event_kind::ready, "/root/p/w1", 1).tell(event_kind::ready, "/root/p", 2);
  x.tell(event_kind::stop, "/root/p", 1);
  EXPECT_EQ(x.status("/root/p"), "up");
  EXPECT_EQ(x.status("/root/p/w1"), "up");
  EXPECT_EQ(x.at("/root/p").pool->given_up, 4U);
  EXPECT_EQ(x.at("/root/p").starts, 2U);
}

TEST(run_view, brings_back_what_was_down_in_a_group) {
  told x;
  x.tree({"a", "b", "c"});
  x.tell(event_kind::stop, "/root/b", 1).state("/root/b", "idle");
  EXPECT_EQ(x.status("/root/b"), "ended");
  auto& what = x.crash("/root/a", 1, "restart");
  what.strategy = "one_for_all";
  what.also = {"/root/b", "/root/c"};
  EXPECT_EQ(x.status("/root/b"), "restarting");
  EXPECT_EQ(x.status("/root/c"), "up") << "it has not stopped yet";
}

TEST(run_view, counts_the_time_that_a_supervisor_took_to_come_back_for_those_below_it) {
  told x;
  x.tree({});
  x.added("/root/s", "supervisor");
  x.added("/root/s/a", "actor");
  x.tell(event_kind::start, "/root/s", 1).tell(event_kind::start, "/root/s/a", 1);
  x.tell(event_kind::ready, "/root/s/a", 1).tell(event_kind::ready, "/root/s", 1);
  x.crash("/root/s/a", 1, "give_up");
  x.tell(event_kind::limit, "/root/s").state("/root/s/a", "idle").tell(event_kind::escalate, "/root/s");
  x.crash("/root/s", 1, "restart");
  x.tell(event_kind::restart, "/root/s", 2).tell(event_kind::restart, "/root/s/a", 2);
  x.tell(event_kind::ready, "/root/s/a", 2).tell(event_kind::recover, "/root/s", 2);
  EXPECT_EQ(x.at("/root/s/a").downtime, 7s);
  EXPECT_EQ(x.at("/root/s").downtime, 5s);
  // What is stopped on purpose is not missed.
  x.state("/root/s/a", "stopping").tell(event_kind::stop, "/root/s/a", 2).state("/root/s/a", "idle");
  const auto sum = x.at("/root/s/a").downtime_at(x.view().now + 100s);
  x.skip(1'000);
  x.tell(event_kind::restart, "/root/s/a", 3).tell(event_kind::ready, "/root/s/a", 3);
  EXPECT_EQ(x.at("/root/s/a").downtime, sum);
}

TEST(run_view, leaves_the_figures_of_removed_children_with_their_parent) {
  told x;
  x.tree({});
  auto& dynamic = x.added("/root/d", "supervisor", "session");
  dynamic.makes = "actor";
  dynamic.strategy = "simple_one_for_one";
  x.tell(event_kind::start, "/root/d/s-1", 1).tell(event_kind::ready, "/root/d/s-1", 1);
  EXPECT_EQ(x.at("/root/d/s-1").kind, "actor");
  EXPECT_EQ(x.at("/root/d/s-1").type, "session");
  x.crash("/root/d/s-1", 1, "restart");
  x.tell(event_kind::restart, "/root/d/s-1", 2).tell(event_kind::recover, "/root/d/s-1", 2);
  x.state("/root/d/s-1", "removed");
  EXPECT_EQ(x.view().find("/root/d/s-1"), nullptr);
  EXPECT_EQ(x.at("/root/d").gone, 1U);
  EXPECT_EQ(x.at("/root/d").gone_restarts, 1U);
  EXPECT_EQ(x.at("/root/d").gone_crashes, 1U);
  EXPECT_EQ(x.at("/root/d").gone_downtime, 2s);
  x.tell(event_kind::stop, "/root/d/s-1", 2);
  EXPECT_EQ(x.view().find("/root/d/s-1"), nullptr) << "a late word does not bring it back";
}

TEST(run_view, knows_that_the_program_itself_died) {
  told x;
  x.tree({"a"});
  auto& e = x.next(event_kind::crash, "/root/a", 1);
  e.why.emplace().cls = cause_class::signal;
  e.why->signal = SIGSEGV;
  EXPECT_TRUE(x.view().died);
  EXPECT_EQ(x.view().crash_count, 1U);
  x.next(event_kind::run_end, "").code = 139;
  EXPECT_EQ(x.view().code, 139);
}

TEST(run_view, notes_what_is_missing_and_what_comes_twice) {
  told x;
  x.tree({"a"});
  const auto before = x.view().last_seq;
  x.skip(3);
  x.tell(event_kind::warn, "");
  EXPECT_EQ(x.view().missing, 3U);
  ASSERT_EQ(x.view().gaps.size(), 1U);
  EXPECT_EQ(x.view().gaps[0], std::pair(before + 1, before + 3));
  run_view again = x.view();
  fold(again, x.last());
  EXPECT_EQ(again.repeated, 1U);
  EXPECT_EQ(again.warnings, 1U);
}

TEST(run_view, begins_anew_with_another_run) {
  told x;
  x.tree({"a"});
  run_view view = x.view();
  event next;
  next.kind = event_kind::run_start;
  next.run = view.run;
  next.seq = view.last_seq + 1;
  fold(view, next);
  EXPECT_TRUE(view.children.empty()) << "the same program runs its next scenario";
  EXPECT_EQ(view.missing, 0U);
  EXPECT_EQ(view.runs_before, 1U);
  next.run = "r-2";
  next.seq = 1;
  fold(view, next);
  EXPECT_EQ(view.run, "r-2");
  EXPECT_EQ(view.missing, 0U);
  EXPECT_EQ(view.last_seq, 1U);
  EXPECT_EQ(view.runs_before, 2U);
}

TEST(run_view, stays_within_its_limits) {
  run_view view;
  event e;
  e.kind = event_kind::crash;
  e.run = "r";
  e.decision = event_decision{"restart", "one_for_one", 5'000, 9'999, 5'000, 0, {}};
  e.why.emplace().cls = cause_class::exception;
  e.why->message = std::string(2'000, 'x');
  e.why->frames.assign(100, std::string(1'100, 'f'));
  const auto crashes = run_view::max_fingerprints + 100;
  for (std::size_t i = 0; i < crashes; ++i) {
    e.seq = 2 * (i + 1);
    e.actor = "/root/a";
    e.why->exception = "type_" + std::to_string(i);
    fold(view, e);
  }
  EXPECT_EQ(view.crash_count, crashes);
  EXPECT_EQ(view.crashes.size(), run_view::max_crashes);
  EXPECT_EQ(view.crashes.back().number, crashes);
  EXPECT_EQ(view.crashes.back().why.message.size(), run_view::max_text_bytes);
  EXPECT_EQ(view.crashes.back().why.frames.size(), run_view::max_lines);
  EXPECT_EQ(view.alike.size(), run_view::max_fingerprints);
  EXPECT_EQ(view.otherwise_alike, 100U);
  EXPECT_EQ(view.gaps.size(), run_view::max_gaps);
  EXPECT_EQ(view.missing, crashes);
  EXPECT_EQ(view.find("/root/a")->recovering.size(), run_view::max_recovering);
  e = {};
  e.run = "r";
  e.kind = event_kind::ready;
  for (std::size_t i = 0; i < run_view::max_children + 10; ++i) {
    e.seq = 2 * crashes + 1 + i;
    e.actor = "/root/b-" + std::to_string(i);
    fold(view, e);
  }
  EXPECT_EQ(view.children.size(), run_view::max_children);
  EXPECT_EQ(view.untold_children, 11U);
}

TEST(fingerprint, is_the_same_for_crashes_that_are_alike) {
  cause x;
  x.cls = cause_class::signal;
  x.signal = SIGSEGV;
  x.address = 0x10;
  x.frames = {"ns::f(int, char)+0x2e (program+0x14af2e)", "ns::g()+0x1 (program+0x2)", "main+0x1 (program+0x3)", "x"};
  const auto first = fingerprint_of(x);
  auto y = x;
  y.address = 0x18;
  y.message = "another one";
  y.rss_peak_kib = 7;
  y.frames[0] = "ns::f(int, char)+0x44 (program+0x99)";
  y.frames[3] = "another caller";
  EXPECT_EQ(fingerprint_of(y), first);
  y.frames[1] = "ns::h()+0x1 (program+0x2)";
  EXPECT_NE(fingerprint_of(y), first);
  y = x;
  y.signal = SIGBUS;
  EXPECT_NE(fingerprint_of(y), first);
  y = x;
  y.frames.clear();
  EXPECT_NE(fingerprint_of(y), first);
  x = {};
  x.cls = cause_class::exit;
  (y = x).code = 3;
  EXPECT_NE(fingerprint_of(x), fingerprint_of(y));
}

}  // namespace
