#include "engine_case.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace {

using namespace steward;
using namespace steward::pooling;
using pool_engine = steward::test::engine_case;
using std::chrono::milliseconds;
using steward::test::answer;
using steward::test::answered;

TEST_F(pool_engine, is_ready_once_each_worker_is) {
  make({}, 3);
  brain->start(now);
  step();
  ASSERT_EQ(starts.size(), 3u);
  brain->worker_ready(starts[0], now);
  brain->worker_ready(starts[1], now);
  step();
  EXPECT_FALSE(all_ready);
  brain->worker_ready(starts[2], now);
  step();
  EXPECT_TRUE(all_ready);
  EXPECT_EQ(count(event_kind::ready), 4) << "each worker, then the pool";
}

TEST_F(pool_engine, feeds_all_workers_before_it_sends_ahead) {
  make_ready({}, 8);
  // Even when tasks are known to be short.
  submit();
  answer_ok(next_assigned(), 0.001);
  submit(10);
  std::map<unsigned, int> each;
  for (const auto& a : assigned) ++each[a.worker.index];
  EXPECT_EQ(each.size(), 8u);
}

TEST_F(pool_engine, sends_ahead_what_is_short_and_holds_back_what_is_long) {
  make_ready({}, 1);
  submit(500);
  EXPECT_EQ(assigned.size(), 1u);  // how long they are is not known
  answer_ok(next_assigned(), 0.005);
  EXPECT_EQ(assigned.size(), 64u);
  // One that takes long ends it at once.
  auto sent = std::exchange(assigned, {});
  answer_ok(sent.front(), 5.0);
  EXPECT_TRUE(assigned.empty());
}

TEST_F(pool_engine, charges_the_task_in_hand_and_no_other) {
  make_ready({}, 1);
  submit();
  answer_ok(next_assigned(), 0.001);
  submit(20);
  auto sent = std::exchange(assigned, {});
  ASSERT_GE(sent.size(), 3u);
  die(sent[0].worker, sent[0].id);
  ASSERT_EQ(starts.size(), 1u);
  ready_all();
  // It comes first, alone, as its second attempt; the others come after it as their first.
  const auto again = next_assigned();
  EXPECT_EQ(again.id, sent[0].id);
  EXPECT_EQ(again.attempt, 2u);
  EXPECT_TRUE(assigned.empty());
  answer_ok(again);
  ASSERT_FALSE(assigned.empty());
  EXPECT_EQ(assigned[0].id, sent[1].id);
  for (const auto& a : assigned) EXPECT_EQ(a.attempt, 1u);
}

TEST_F(pool_engine, tells_a_crash_its_task_and_its_recovery) {
  make_ready({});
  submit();
  const auto a = next_assigned();
  now += milliseconds(30);
  die(a.worker, a.id);
  const auto& crash = first(event_kind::crash);
  EXPECT_EQ(crash.actor, "/root/p/w1");
  EXPECT_EQ(crash.why->signal, 11);
  EXPECT_EQ(crash.task->name, "square");
  EXPECT_EQ(crash.task->args, "7");
  EXPECT_EQ(crash.task->ran_ms, 30.0);
  EXPECT_EQ(crash.task_fate, "requeued");
  EXPECT_EQ(crash.decision->action, "restart");
  EXPECT_EQ(crash.decision->restarts, 1u);
  EXPECT_EQ(crash.decision->limit, 20u);
  EXPECT_EQ(first(event_kind::restart).incarnation, 2u);
  now += milliseconds(3);
  ready_all();
  EXPECT_EQ(first(event_kind::recover).recovery_ms, 3.0);
}

TEST_F(pool_engine, quarantines_a_task_that_kills_each_of_its_workers) {
  make_ready({}, 1);
  submit();
  for (unsigned attempt = 1; attempt <= 3; ++attempt) {
    const auto a = next_assigned();
    EXPECT_EQ(a.attempt, attempt);
    die(a.worker, a.id);
    ready_all();
  }
  ASSERT_EQ(outcomes[0].count, 1);
  const auto& error = *outcomes[0].error;
  EXPECT_EQ(error.kind, outcome_kind::quarantined);
  EXPECT_EQ(error.work, work_state::unknown);
  ASSERT_EQ(error.attempts.size(), 3u);
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(error.attempts[i].attempt, i + 1);
    EXPECT_EQ(error.attempts[i].why.signal, 11);
  }
  EXPECT_EQ(count(event_kind::task_retry), 2);
  EXPECT_EQ(count(event_kind::task_quarantine), 1);
}

TEST_F(pool_engine, ignores_reports_about_an_older_incarnation) {
  make_ready({}, 1);
  submit();
  const auto old = next_assigned();
  die(old.worker, old.id);
  ready_all();
  const auto again = next_assigned();
  die(old.worker, old.id);                                           // told twice
  EXPECT_TRUE(answered(*brain, old.worker, old.id, answer{}, now));  // and late
  step();
  EXPECT_TRUE(outcomes.empty());
  answer_ok(again);
  EXPECT_EQ(outcomes[0].count, 1);
  EXPECT_EQ(count(event_kind::crash), 1);
}

TEST_F(pool_engine, says_when_an_answer_was_never_asked_for) {
  make_ready({}, 1);
  submit();
  const auto a = next_assigned();
  EXPECT_FALSE(answered(*brain, a.worker, a.id + 1, answer{}, now));
  answer_ok(a);
  EXPECT_FALSE(answered(*brain, a.worker, a.id, answer{}, now));
}

TEST_F(pool_engine, takes_an_exception_as_an_answer) {
  make_ready({}, 1);
  submit();
  const auto a = next_assigned();
  cause boom;
  boom.cls = cause_class::exception;
  boom.message = "boom";
  EXPECT_TRUE(answered(*brain, a.worker, a.id, answer{true, {}, boom, 0.1}, now));
  step();
  ASSERT_EQ(outcomes[0].count, 1);
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::exception);
  EXPECT_EQ(outcomes[0].error->work, work_state::failed);
  EXPECT_EQ(outcomes[0].error->why.message, "boom");
  EXPECT_EQ(count(event_kind::task_fail), 1);
}

TEST_F(pool_engine, retries_an_exception_when_told_to) {
  pool_spec spec;
  spec.on_exception = exception_policy::retry;
  make_ready(spec, 1);
  submit();
  for (unsigned attempt = 1; attempt <= 3; ++attempt) {
    const auto a = next_assigned();
    EXPECT_EQ(a.attempt, attempt);
    EXPECT_TRUE(answered(*brain, a.worker, a.id, answer{true, {}, {}, 0.1}, now));
    step();
  }
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::exception);
  EXPECT_EQ(outcomes[0].error->attempts.size(), 3u);
}

TEST_F(pool_engine, rejects_what_the_queue_cannot_hold) {
  pool_spec spec;
  spec.limits.queue_limit = 3;
  make_ready(spec, 1);
  submit(4);
  EXPECT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[3].error->kind, outcome_kind::rejected);
  EXPECT_EQ(outcomes[3].error->work, work_state::not_started);
  answer_ok(next_assigned());
  submit();
  EXPECT_EQ(outcomes.count(4), 0u);
}

TEST_F(pool_engine, counts_a_deadline_from_the_start_of_the_run) {
  pool_spec spec;
  spec.limits.deadline = milliseconds(100);
  spec.limits.grace = milliseconds(0);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  ASSERT_EQ(brain->next_due(), now + milliseconds(100));
  const auto sent_at = now;
  now += milliseconds(100);
  // The worker began 40 ms after it was sent.
  brain->worker_running(a.worker, a.id, sent_at + milliseconds(40), now);
  step();
  EXPECT_TRUE(kills.empty());
  EXPECT_EQ(brain->next_due(), sent_at + milliseconds(140));
  now = sent_at + milliseconds(140);
  step();
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_EQ(count(event_kind::hang), 1);
  die(a.worker, a.id, true);
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::deadline);
  EXPECT_EQ(outcomes[0].error->why.cls, cause_class::deadline);
  EXPECT_EQ(first(event_kind::crash).why->cls, cause_class::deadline);
  EXPECT_EQ(starts.size(), 1u);
}

TEST_F(pool_engine, lets_an_answer_win_against_its_deadline) {
  pool_spec spec;
  spec.limits.deadline = milliseconds(100);
  spec.limits.grace = milliseconds(0);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  now += milliseconds(100);
  brain->worker_running(a.worker, a.id, now - milliseconds(100), now);
  step();
  ASSERT_EQ(kills.size(), 1u);
  answer_ok(a);
  die(a.worker, 0, true);
  ASSERT_EQ(outcomes[0].count, 1);
  EXPECT_FALSE(outcomes[0].error.has_value());
}

TEST_F(pool_engine, does_not_blame_a_task_that_a_frozen_worker_never_took_up) {
  pool_spec spec;
  spec.limits.deadline = milliseconds(100);
  spec.limits.grace = milliseconds(0);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  for (int i = 0; i < 100 && kills.empty(); ++i) {
    now = *brain->next_due();
    step();
  }
  ASSERT_EQ(kills.size(), 1u);
  die(a.worker, 0, true);
  EXPECT_EQ(first(event_kind::crash).why->cls, cause_class::heartbeat);
  ready_all();
  EXPECT_EQ(next_assigned().attempt, 1u);
}

TEST_F(pool_engine, kills_a_worker_that_is_not_ready_in_time) {
  make({}, 1);
  brain->start(now);
  step();
  now += milliseconds(5'000);
  step();
  ASSERT_EQ(kills.size(), 1u);
  die(kills[0], 0, true);
  EXPECT_EQ(first(event_kind::crash).why->cls, cause_class::start);
  EXPECT_EQ(starts.size(), 2u);
}

TEST_F(pool_engine, backs_off_and_gives_up_on_workers_that_die_at_their_start) {
  make({}, 2);
  brain->start(now);
  submit(5);
  const auto began = now;
  int deaths = 0;
  while (!gave_up && deaths < 100) {
    for (const auto ref : std::exchange(starts, {})) {
      die(ref);
      ++deaths;
    }
    if (starts.empty() && !gave_up) {
      ASSERT_TRUE(brain->next_due().has_value());
      now = *brain->next_due();
      step();
    }
  }
  ASSERT_TRUE(gave_up.has_value());
  EXPECT_EQ(deaths, 11);  // five failed starts for each worker are endured
  for (const auto& e : events) {
    if (e.kind != event_kind::limit) continue;
    EXPECT_EQ(e.decision->restarts, 11U);
    EXPECT_EQ(e.decision->limit, 10U);
    EXPECT_EQ(e.decision->period_ms, 0) << "failed starts in a row, however long they took";
  }
  EXPECT_EQ(count(event_kind::limit), 1);
  EXPECT_GT(count(event_kind::backoff), 0);
  EXPECT_LT(now - began, std::chrono::seconds(5));
  EXPECT_EQ(outcomes.size(), 5u);
  for (const auto& [i, o] : outcomes) {
    EXPECT_EQ(o.count, 1);
    EXPECT_EQ(o.error->kind, outcome_kind::pool_gone);
    EXPECT_EQ(o.error->work, work_state::not_started);
  }
  submit();
  EXPECT_EQ(outcomes[5].error->kind, outcome_kind::pool_gone);
}

TEST_F(pool_engine, restarts_a_worker_that_did_work_at_once) {
  make_ready({}, 1);
  for (int i = 0; i < 10; ++i) {
    submit();
    answer_ok(next_assigned());
    die({0, static_cast<std::uint64_t>(i + 1)});
    ASSERT_EQ(starts.size(), 1u) << i;
    ready_all();
  }
  EXPECT_EQ(count(event_kind::backoff), 0);
}

TEST_F(pool_engine, gives_up_at_one_restart_too_many_in_the_window) {
  pool_spec spec;
  spec.restarts.worker_restarts = {3, milliseconds(5'000)};
  spec.limits.attempts = 100;
  make_ready(spec, 1);
  submit();
  for (int i = 0; i < 3; ++i) {
    const auto a = next_assigned();
    die(a.worker, a.id);
    ready_all();
    now += milliseconds(100);
  }
  EXPECT_FALSE(gave_up.has_value());
  const auto a = next_assigned();
  die(a.worker, a.id);
  ASSERT_TRUE(gave_up.has_value());
  EXPECT_EQ(gave_up->signal, 11);
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::pool_gone);
  EXPECT_EQ(outcomes[0].error->work, work_state::unknown);
  EXPECT_EQ(count(event_kind::limit), 1);
  EXPECT_EQ(count(event_kind::give_up), 1);
  brain->stop(true, now);
  step();
  EXPECT_TRUE(stopped);
}

TEST_F(pool_engine, replaces_a_worker_after_its_share_of_tasks_without_a_crash) {
  pool_spec spec;
  spec.restarts.recycle_after = 2;
  spec.restarts.recycle_jitter = 0.0;
  make_ready(spec, 1);
  submit(3);
  answer_ok(next_assigned());
  const auto second = next_assigned();
  // Its replacement is on its way before it goes.
  ASSERT_EQ(starts.size(), 1u);
  EXPECT_TRUE(stops.empty());
  answer_ok(second);
  EXPECT_TRUE(assigned.empty());
  ready_all();
  ASSERT_EQ(stops.size(), 1u);
  const auto last = next_assigned();
  EXPECT_EQ(last.worker.index, 1u);
  die(stops[0]);
  answer_ok(last);
  EXPECT_TRUE(starts.empty());
  EXPECT_EQ(brain->totals().recycled, 1u);
  EXPECT_EQ(count(event_kind::crash), 0);
}

TEST_F(pool_engine, drains_before_it_stops) {
  make_ready({}, 1);
  submit(2);
  brain->stop(true, now);
  step();
  EXPECT_TRUE(stops.empty());
  submit();  // too late
  EXPECT_EQ(outcomes[2].error->kind, outcome_kind::cancelled);
  answer_ok(next_assigned());
  answer_ok(next_assigned());
  ASSERT_EQ(stops.size(), 1u);
  EXPECT_FALSE(stopped);
  die(stops[0]);
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(brain->finished());
  EXPECT_EQ(count(event_kind::crash), 0);
}

TEST_F(pool_engine, cancels_what_has_not_started_when_it_stops_at_once) {
  make_ready({}, 1);
  submit(3);
  brain->stop(false, now);
  step();
  EXPECT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[1].error->kind, outcome_kind::cancelled);
  EXPECT_EQ(terminated.size(), 1u);
  const auto a = next_assigned();
  die(a.worker, a.id);
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::pool_gone);
  EXPECT_EQ(outcomes[0].error->work, work_state::unknown);
  EXPECT_TRUE(stopped);
}

TEST_F(pool_engine, ends_a_drain_that_takes_too_long) {
  pool_spec spec;
  spec.limits.shutdown = milliseconds(1'000);
  make_ready(spec, 1);
  submit(2);
  brain->stop(true, now);
  step();
  const auto since = now;
  now = *brain->next_due();
  EXPECT_EQ(now, since + milliseconds(800));
  step();
  EXPECT_FALSE(terminated.empty());
  EXPECT_EQ(outcomes[1].error->kind, outcome_kind::cancelled);
  now = *brain->next_due();
  EXPECT_EQ(now, since + milliseconds(1'000));
  step();
  ASSERT_EQ(kills.size(), 1u);
  const auto a = next_assigned();
  die(a.worker, a.id, true);
  EXPECT_TRUE(stopped);
  EXPECT_EQ(outcomes[0].count, 1);
}

TEST_F(pool_engine, restarts_a_worker_while_it_drains) {
  make_ready({}, 1);
  submit(2);
  brain->stop(true, now);
  step();
  const auto a = next_assigned();
  die(a.worker, a.id);
  ready_all();
  answer_ok(next_assigned());
  answer_ok(next_assigned());
  EXPECT_EQ(outcomes.size(), 2u);
  for (const auto& [i, o] : outcomes) EXPECT_FALSE(o.error.has_value());
}

TEST_F(pool_engine, charges_a_run_whose_answer_was_lost) {
  make_ready({}, 1);
  submit();
  answer_ok(next_assigned(), 0.001);
  submit(20);
  auto sent = std::exchange(assigned, {});
  // The third was in hand, and the answers of the first two had not left the process.
  die(sent[0].worker, sent[2].id);
  ready_all();
  for (const std::size_t i : {0u, 1u, 2u}) {
    const auto again = next_assigned();
    EXPECT_EQ(again.id, sent[i].id);
    EXPECT_EQ(again.attempt, 2u);
    answer_ok(again);
  }
  EXPECT_EQ(next_assigned().attempt, 1u);
}

}  // namespace
