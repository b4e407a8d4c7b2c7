// Limits on what runs: soft and hard deadlines, cancels, frozen workers, and the ladder from asking to killing.
#include "engine_case.hpp"

namespace {

using namespace steward;
using namespace steward::pooling;
using engine_limits = steward::test::engine_case;

TEST_F(engine_limits, asks_a_task_to_stop_before_it_ends_it) {
  pool_spec spec;
  spec.limits.soft_deadline = milliseconds(100);
  spec.limits.deadline = milliseconds(300);
  spec.limits.grace = milliseconds(50);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now);
  pass(milliseconds(99));
  EXPECT_TRUE(asked.empty());
  pass(milliseconds(1));
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].id, a.id);
  EXPECT_FALSE(asked[0].whole);
  pass(milliseconds(199));
  EXPECT_EQ(asked.size(), 1u) << "once";
  EXPECT_TRUE(terminated.empty());
  pass(milliseconds(1));
  ASSERT_EQ(terminated.size(), 1u) << "SIGTERM first";
  EXPECT_TRUE(kills.empty());
  pass(milliseconds(49));
  EXPECT_TRUE(kills.empty());
  pass(milliseconds(1));
  ASSERT_EQ(kills.size(), 1u) << "SIGKILL after the grace";
  die(a.worker, a.id, true);
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::deadline);
}

TEST_F(engine_limits, lets_a_task_answer_after_its_soft_deadline) {
  pool_spec spec;
  spec.limits.soft_deadline = milliseconds(100);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now);
  pass(milliseconds(10'000));
  EXPECT_EQ(asked.size(), 1u);
  answer_ok(a);
  EXPECT_FALSE(outcomes[0].error.has_value());
}

TEST_F(engine_limits, spares_the_second_step_for_a_worker_that_heeds_the_first) {
  pool_spec spec;
  spec.limits.deadline = milliseconds(100);
  spec.limits.grace = milliseconds(1'000);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now);
  pass(milliseconds(100));
  ASSERT_EQ(terminated.size(), 1u);
  die(a.worker, a.id, true);
  pass(milliseconds(2'000));
  EXPECT_TRUE(kills.empty());
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::deadline);
}

TEST_F(engine_limits, cancels_what_waits_without_a_worker) {
  make_ready({}, 1);
  submit_one();
  const auto second = submit_one();
  EXPECT_TRUE(brain->cancel(second, now));
  step();
  ASSERT_EQ(outcomes[1].count, 1);
  EXPECT_EQ(outcomes[1].error->kind, outcome_kind::cancelled);
  EXPECT_EQ(outcomes[1].error->work, work_state::not_started);
  EXPECT_FALSE(brain->cancel(second, now)) << "it has its outcome";
  EXPECT_EQ(brain->queued(), 0u);
  answer_ok(next_assigned());
  EXPECT_TRUE(assigned.empty()) << "it is not run";
}

TEST_F(engine_limits, ends_what_runs_and_is_cancelled) {
  pool_spec spec;
  spec.limits.grace = milliseconds(100);
  make_ready(spec, 1);
  const auto task = submit_one();
  const auto a = next_assigned();
  EXPECT_TRUE(brain->cancel(task, now));
  step();
  // The caller knows at once; the worker has the grace to end by itself, and the ladder after it.
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::cancelled);
  EXPECT_EQ(outcomes[0].error->work, work_state::unknown);
  ASSERT_EQ(asked.size(), 1u);
  submit();
  EXPECT_TRUE(assigned.empty()) << "nothing is sent to a worker that may be killed";
  pass(milliseconds(100));
  ASSERT_EQ(terminated.size(), 1u);
  pass(milliseconds(100));
  ASSERT_EQ(kills.size(), 1u);
  die(a.worker, a.id, true);
  EXPECT_EQ(outcomes[0].count, 1);
  EXPECT_EQ(count(event_kind::crash), 0) << "planned";
  ready_all();
  EXPECT_EQ(assigned.size(), 1u);
}

TEST_F(engine_limits, drops_the_answer_of_what_was_cancelled) {
  make_ready({}, 1);
  const auto task = submit_one();
  const auto a = next_assigned();
  EXPECT_TRUE(brain->cancel(task, now));
  answer_ok(a);
  EXPECT_EQ(outcomes[0].count, 1);
  ASSERT_TRUE(outcomes[0].error) << "the late answer is dropped";
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::cancelled);
  pass(milliseconds(10'000));
  EXPECT_TRUE(terminated.empty());
  EXPECT_TRUE(kills.empty());
}

TEST_F(engine_limits, asks_a_cancelled_task_when_its_turn_comes) {
  make_ready({}, 1);
  submit();
  answer_ok(next_assigned(), 0.001);
  std::vector<job_ptr> jobs;
  for (int i = 0; i < 10; ++i) jobs.push_back(submit_one());
  const auto first_sent = next_assigned();
  ASSERT_FALSE(assigned.empty()) << "several are sent ahead";
  const auto second_sent = next_assigned();
  EXPECT_TRUE(brain->cancel(second_sent.task, now));
  step();
  EXPECT_TRUE(asked.empty()) << "another one is in hand";
  answer_ok(first_sent, 0.001);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].id, second_sent.id);
}

TEST_F(engine_limits, tells_a_cancelled_task_of_a_dead_worker_apart) {
  make_ready({}, 1);
  const auto task = submit_one();
  const auto a = next_assigned();
  EXPECT_TRUE(brain->cancel(task, now));
  step();
  die(a.worker, a.id);
  EXPECT_EQ(outcomes[0].count, 1);
  EXPECT_EQ(first(event_kind::crash).task_fate, "cancelled");
  ready_all();
  EXPECT_TRUE(assigned.empty());
}

TEST_F(engine_limits, finds_a_stopped_worker_and_gives_its_task_to_another) {
  pool_spec spec;
  spec.limits.heartbeat = milliseconds(1'000);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now);
  for (int look = 1; look <= 2; ++look) {
    EXPECT_TRUE(kills.empty());
    now += milliseconds(500);
    ASSERT_EQ(brain->next_due(), now);
    ASSERT_TRUE(brain->wanted(0, now).state);
    brain->worker_looked_at(a.worker, true, 0, now);
    step();
  }
  ASSERT_EQ(kills.size(), 1u) << "SIGKILL at once: a stopped process heeds nothing else";
  EXPECT_TRUE(terminated.empty());
  die(a.worker, a.id, true);
  EXPECT_EQ(first(event_kind::crash).why->cls, cause_class::heartbeat);
  EXPECT_EQ(brain->totals().frozen, 1u);
  ready_all();
  EXPECT_EQ(next_assigned().attempt, 2u);
}

TEST_F(engine_limits, does_not_take_a_worker_for_frozen_that_goes_on) {
  pool_spec spec;
  spec.limits.heartbeat = milliseconds(1'000);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now);
  for (int look = 0; look < 20; ++look) {
    now += milliseconds(500);
    brain->worker_looked_at(a.worker, look % 2 == 0, 0, now);
    step();
  }
  EXPECT_TRUE(kills.empty());
}

TEST_F(engine_limits, an_idle_worker_is_not_looked_at) {
  make_ready({}, 1);
  EXPECT_EQ(brain->next_due(), std::nullopt);
  EXPECT_FALSE(brain->wanted(0, now + std::chrono::hours(1)).state);
}

}  // namespace
