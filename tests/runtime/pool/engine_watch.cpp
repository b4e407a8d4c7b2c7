// What becomes of those that wait behind a task that is ended, and of limits when nobody looked for a while.
#include "engine_case.hpp"

namespace {

using namespace steward;
using namespace steward::test;

class engine_watch : public engine_case {
protected:
  pool_spec limited(milliseconds grace = milliseconds(500)) {
    pool_spec spec;
    spec.limits.deadline = milliseconds(300);
    spec.limits.grace = grace;
    return spec;
  }
  /// Sends at least `count` tasks to the only worker, which begins the first; as many again wait.
  std::vector<act::assign> send_ahead(std::size_t count) {
    submit();
    answer_ok(next_assigned(), 0.001);
    submit(3 * count);
    auto sent = std::exchange(assigned, {});
    EXPECT_GE(sent.size(), count);
    brain->worker_running(sent[0].worker, sent[0].id, now, now);
    return sent;
  }
  void die_of(int signal, const act::assign& a) {
    cause why;
    why.cls = cause_class::signal;
    why.signal = signal;
    brain->worker_died(a.worker, death{why, a.id, false}, now);
    step();
  }
  void resume_after(milliseconds gap) {
    now += gap;
    step();
  }
};

TEST_F(engine_watch, finds_a_stopped_worker_that_is_to_leave) {
  pool_spec spec;
  spec.limits.heartbeat = milliseconds(1'000);
  make_ready(spec, 2);
  submit(2);
  auto sent = std::exchange(assigned, {});
  for (const auto& a : sent) brain->worker_running(a.worker, a.id, now, now);
  brain->resize(1, 1, now);
  step();
  ASSERT_EQ(stops.size(), 1u);
  const auto leaves = stops[0];
  for (int look = 1; look <= 2; ++look) {
    now += milliseconds(500);
    ASSERT_TRUE(brain->wanted(leaves.index, now).state);
    for (const auto& a : sent) brain->worker_looked_at(a.worker, a.worker == leaves, 0, now);
    step();
  }
  ASSERT_EQ(kills, std::vector<worker_ref>{leaves});
  const auto& held = sent[0].worker == leaves ? sent[0] : sent[1];
  const auto& other = sent[0].worker == leaves ? sent[1] : sent[0];
  die(leaves, held.id, true);
  answer_ok(other);
  EXPECT_EQ(next_assigned().id, held.id);
}

TEST_F(engine_watch, ends_a_cancelled_task_of_a_worker_that_is_to_leave) {
  pool_spec spec;
  spec.limits.grace = milliseconds(100);
  make_ready(spec, 2);
  std::vector<job_ptr> jobs{submit_one(), submit_one()};
  brain->resize(1, 1, now);
  step();
  ASSERT_EQ(stops.size(), 1u);
  for (const auto& j : jobs) EXPECT_TRUE(brain->cancel(j, now));
  step();
  pass(milliseconds(100));
  EXPECT_EQ(terminated.size(), 2u);
  pass(milliseconds(100));
  EXPECT_EQ(kills.size(), 2u);
}

TEST_F(engine_watch, a_task_past_its_deadline_may_die_of_the_request_as_it_likes) {
  make_ready(limited(), 1);
  submit();
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now);
  pass(milliseconds(300));
  ASSERT_EQ(terminated.size(), 1u);
  die_of(6, a);
  ASSERT_EQ(outcomes[0].count, 1);
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::deadline);
  EXPECT_EQ(outcomes[0].error->why.cls, cause_class::deadline);
  EXPECT_NE(outcomes[0].error->why.message.find("longer than 300ms"), std::string::npos);
  EXPECT_NE(outcomes[0].error->why.message.find("when it was asked to end"), std::string::npos);
  ready_all();
  EXPECT_TRUE(assigned.empty()) << "it does not run again";
}

TEST_F(engine_watch, a_cancelled_task_may_die_of_the_request_as_it_likes) {
  make_ready(limited(), 1);
  const auto task = submit_one();
  const auto a = next_assigned();
  EXPECT_TRUE(brain->cancel(task, now));
  pass(milliseconds(500));
  ASSERT_EQ(terminated.size(), 1u);
  die_of(6, a);
  EXPECT_EQ(count(event_kind::crash), 0) << "planned";
  EXPECT_EQ(brain->totals().recycled, 1u);
}

TEST_F(engine_watch, nothing_begins_behind_a_task_that_is_ended_for_its_deadline) {
  make_ready(limited(), 1);
  const auto sent = send_ahead(3);
  const auto w = sent[0].worker;
  now += milliseconds(300);
  step();
  ASSERT_EQ(withdrawals.size(), 1u);
  EXPECT_EQ(withdrawals[0].sent, sent.size());
  EXPECT_TRUE(terminated.empty()) << "first what is behind it is safe";
  brain->worker_withdrew(w, {1, std::nullopt, true});
  step();
  ASSERT_EQ(terminated.size(), 1u);
  EXPECT_EQ(brain->queued(), 8u) << "all but the first";
  // It answers after all, within the grace, and there is nothing else to wait for.
  now += milliseconds(100);
  answer_ok(sent[0], 400.0);
  ASSERT_EQ(outcomes[1].count, 1);
  EXPECT_FALSE(outcomes[1].error.has_value());
  ASSERT_EQ(kills.size(), 1u);
  die(w, 0, true);
  EXPECT_EQ(first(event_kind::hang).task_fate, "none");
  EXPECT_EQ(first(event_kind::crash).text, "task " + std::to_string(sent[0].id) + " answered before the end");
  EXPECT_EQ(count(event_kind::task_fail), 0);
  ready_all();
  const auto again = std::exchange(assigned, {});
  ASSERT_FALSE(again.empty());
  for (const auto& a : again) EXPECT_EQ(a.attempt, 1u);
  EXPECT_EQ(again[0].id, sent[1].id);
}

TEST_F(engine_watch, nothing_begins_behind_a_cancelled_task_that_is_ended) {
  make_ready(limited(milliseconds(50)), 1);
  const auto sent = send_ahead(3);
  EXPECT_TRUE(brain->cancel(sent[0].task, now));
  step();
  now += milliseconds(50);
  step();
  ASSERT_EQ(withdrawals.size(), 1u);
  brain->worker_withdrew(sent[0].worker, {1, std::nullopt, true});
  step();
  ASSERT_EQ(terminated.size(), 1u);
  EXPECT_EQ(brain->queued(), 8u) << "all but the first";
}

TEST_F(engine_watch, a_worker_that_has_gone_on_is_not_ended) {
  make_ready(limited(), 1);
  const auto sent = send_ahead(3);
  now += milliseconds(300);
  step();
  brain->worker_withdrew(sent[0].worker, {2, std::nullopt, true});
  step();
  EXPECT_TRUE(terminated.empty()) << "it has begun the second, so the first is answered";
  answer_ok(sent[0], 299.0);
  EXPECT_FALSE(outcomes[1].error.has_value());
  brain->worker_running(sent[1].worker, sent[1].id, now, now);
  pass(milliseconds(300));
  EXPECT_EQ(terminated.size(), 1u);
}

TEST_F(engine_watch, a_worker_that_only_says_that_it_has_gone_on_is_ended) {
  make_ready(limited(), 1);
  const auto sent = send_ahead(2);
  now += milliseconds(300);
  step();
  brain->worker_withdrew(sent[0].worker, {2, std::nullopt, true});
  step();
  EXPECT_TRUE(terminated.empty());
  pass(milliseconds(300));
  EXPECT_EQ(terminated.size(), 1u);
}

TEST_F(engine_watch, the_items_behind_a_late_one_are_not_begun) {
  make_ready(limited(), 1);
  submit_chunk(6);
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now, 2);
  now += milliseconds(300);
  step();
  ASSERT_EQ(withdrawals.size(), 1u);
  brain->worker_withdrew(a.worker, {1, 2, true});
  step();
  ASSERT_EQ(terminated.size(), 1u);
  EXPECT_EQ(brain->queued(), 3u);
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 3, squares(1, 3), 400.0, true, now));
  step();
  EXPECT_EQ(seen->values_of.size(), 3u);
  ASSERT_EQ(kills.size(), 1u);
  die(a.worker, 0, true);
  ready_all();
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_EQ(assigned[0].id, a.id + 3);
  EXPECT_EQ(assigned[0].attempt, 1u);
  EXPECT_EQ(seen->twice, 0);
}

TEST_F(engine_watch, nobody_is_frozen_because_we_were_away) {
  pool_spec spec;
  spec.limits.heartbeat = milliseconds(1'000);
  make_ready(spec, 4);
  submit(4);
  const auto sent = std::exchange(assigned, {});
  ASSERT_EQ(sent.size(), 4u);
  // Nobody has been seen to begin, and answers wait that nobody has read.
  resume_after(milliseconds(7'000));
  EXPECT_TRUE(kills.empty());
  answer_ok(sent[0]);
  answer_ok(sent[1]);
  brain->worker_running(sent[2].worker, sent[2].id, now, now);
  EXPECT_TRUE(kills.empty());
  // The last one is: it has its time once more, and not for ever.
  pass(milliseconds(999));
  EXPECT_TRUE(kills.empty());
  pass(milliseconds(1));
  EXPECT_EQ(kills, std::vector<worker_ref>{sent[3].worker});
}

TEST_F(engine_watch, a_look_at_a_stopped_worker_does_not_count_from_before_we_were_away) {
  pool_spec spec;
  spec.limits.heartbeat = milliseconds(1'000);
  make_ready(spec, 1);
  submit();
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now);
  const auto look = [&](milliseconds after) {
    now += after;
    brain->worker_looked_at(a.worker, true, 0, now);
    step();
  };
  look(milliseconds(500));
  look(milliseconds(5'000));  // both were stopped
  EXPECT_TRUE(kills.empty());
  look(milliseconds(500));
  EXPECT_TRUE(kills.empty());
  look(milliseconds(500));
  EXPECT_EQ(kills.size(), 1u);
}

TEST_F(engine_watch, answers_that_wait_are_read_before_a_task_is_late) {
  make_ready(limited(), 2);
  submit(2);
  const auto sent = std::exchange(assigned, {});
  for (const auto& a : sent) brain->worker_running(a.worker, a.id, now, now);
  resume_after(milliseconds(7'000));
  EXPECT_TRUE(terminated.empty());
  answer_ok(sent[0], 250.0);
  EXPECT_FALSE(outcomes[0].error.has_value());
  pass(head_watch::away_look);
  EXPECT_EQ(terminated, std::vector<worker_ref>{sent[1].worker}) << "it is late";
}

TEST_F(engine_watch, answers_that_wait_are_read_when_we_come_a_little_late) {
  make_ready(limited(), 1);
  submit();
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now);
  resume_after(milliseconds(320));
  EXPECT_TRUE(terminated.empty());
  pass(head_watch::late_look);
  EXPECT_EQ(terminated.size(), 1u);
}

TEST_F(engine_watch, a_worker_has_its_time_to_start_again_when_we_were_away) {
  pool_spec spec;
  spec.limits.start_within = milliseconds(1'000);
  make(spec, 1);
  brain->start(now);
  step();
  resume_after(milliseconds(5'000));
  EXPECT_TRUE(kills.empty());
  ready_all();
  EXPECT_TRUE(all_ready);
}

}  // namespace
