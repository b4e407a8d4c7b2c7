// Pools that shrink to nothing, and start workers when tasks come.
#include "engine_case.hpp"

namespace {

using namespace steward;
using namespace steward::pooling;

class engine_on_demand : public steward::test::engine_case {
protected:
  static pool_spec spec_for(unsigned most) {
    pool_spec spec;
    spec.size.min_workers = 0;
    spec.size.max_workers = most;
    spec.size.idle_exit = milliseconds(1'000);
    return spec;
  }
  /// `workers` 0: none at the start.
  void begin(unsigned workers, unsigned most, unsigned spares = 0) {
    auto spec = spec_for(most);
    spec.size.spares = spares;
    make(spec, workers);
    brain->start(now);
    step();
  }
  void end_idle_ones() {
    pass(milliseconds(1'000));
    for (const auto w : std::exchange(stops, {})) die(w);
  }
};

TEST_F(engine_on_demand, is_ready_at_once_without_workers) {
  begin(0, 4);
  EXPECT_TRUE(all_ready);
  EXPECT_TRUE(starts.empty());
  EXPECT_EQ(brain->size(), 0u);
  EXPECT_EQ(brain->next_due(), std::nullopt) << "it costs nothing while nothing is to be done";
}

TEST_F(engine_on_demand, starts_a_worker_for_each_task_that_waits_as_far_as_it_may) {
  begin(0, 3);
  submit(1);
  EXPECT_EQ(starts.size(), 1u);
  submit(1);
  EXPECT_EQ(starts.size(), 2u);
  submit(8);
  EXPECT_EQ(starts.size(), 3u);
  ready_all();
  EXPECT_EQ(assigned.size(), 3u);
  while (!assigned.empty()) answer_ok(next_assigned());
  EXPECT_EQ(outcomes.size(), 10u);
}

TEST_F(engine_on_demand, shrinks_to_nothing_and_comes_back) {
  begin(2, 2);
  ready_all();
  EXPECT_TRUE(all_ready);
  for (int round = 0; round < 3; ++round) {
    pass(milliseconds(999));
    EXPECT_TRUE(stops.empty());
    pass(milliseconds(1));
    EXPECT_EQ(stops.size(), round == 0 ? 2u : 1u);
    for (const auto w : std::exchange(stops, {})) die(w);
    EXPECT_EQ(brain->size(), 0u);
    EXPECT_TRUE(starts.empty());
    EXPECT_EQ(brain->next_due(), std::nullopt);
    submit();
    ASSERT_EQ(starts.size(), 1u);
    ready_all();
    answer_ok(next_assigned());
  }
  EXPECT_EQ(count(event_kind::crash), 0);
  EXPECT_EQ(brain->totals().restarts, 0u);
}

TEST_F(engine_on_demand, starts_anew_for_a_task_that_meets_the_last_worker_on_its_way_out) {
  begin(1, 1);
  ready_all();
  pass(milliseconds(1'000));
  ASSERT_EQ(stops.size(), 1u);
  submit();
  EXPECT_TRUE(assigned.empty());
  ASSERT_EQ(starts.size(), 1u) << "it does not wait for the other one's end";
  ready_all();
  EXPECT_EQ(assigned.size(), 1u);
  die(stops[0]);
  answer_ok(next_assigned());
  EXPECT_EQ(outcomes[0].error, std::nullopt);
}

TEST_F(engine_on_demand, replaces_its_last_worker_when_it_dies_and_tasks_wait) {
  begin(0, 1);
  submit(3);
  ready_all();
  const auto a = next_assigned();
  die(a.worker, a.id);
  ASSERT_EQ(starts.size(), 1u);
  EXPECT_EQ(brain->queued(), 3u);
  ready_all();
  while (!assigned.empty()) answer_ok(next_assigned());
  EXPECT_EQ(outcomes.size(), 3u);
  for (const auto& [index, end] : outcomes) EXPECT_EQ(end.error, std::nullopt) << index;
}

TEST_F(engine_on_demand, takes_up_what_a_leaving_worker_dies_with) {
  auto spec = spec_for(2);
  make_ready(spec, 2);
  submit(2);
  const auto first = next_assigned();
  const auto second = next_assigned();
  brain->resize(0, 1, now);
  step();
  ASSERT_EQ(stops.size(), 1u);
  const bool is_first = stops[0] == first.worker;
  die(stops[0], (is_first ? first : second).id);
  answer_ok(is_first ? second : first);
  ASSERT_EQ(assigned.size(), 1u);
  answer_ok(next_assigned());
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST_F(engine_on_demand, ends_at_once_without_workers) {
  begin(0, 4);
  brain->stop(true, now);
  step();
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(brain->finished());
}

TEST_F(engine_on_demand, finishes_what_waits_when_it_is_drained_without_workers) {
  begin(1, 1);
  ready_all();
  end_idle_ones();
  EXPECT_EQ(brain->size(), 0u);
  auto j = std::make_shared<job>();
  j->entry = test::tasks().square.entry;
  encode_all(j->args, std::int64_t{7});
  bool ok = false;
  j->done = [&ok](outcome<bytes> r) { ok = r.ok(); };
  brain->submit(j, now);
  brain->stop(true, now);
  step();
  EXPECT_FALSE(stopped);
  ASSERT_EQ(starts.size(), 1u);
  ready_all();
  answer_ok(next_assigned());
  EXPECT_TRUE(ok);
  for (const auto w : std::exchange(stops, {})) die(w);
  EXPECT_TRUE(stopped);
}

TEST_F(engine_on_demand, cancels_what_waits_when_it_is_stopped_at_once_without_workers) {
  begin(0, 1);
  brain->stop(false, now);
  submit(2);
  EXPECT_TRUE(stopped);
  for (const auto& [index, end] : outcomes) {
    ASSERT_TRUE(end.error) << index;
    EXPECT_EQ(end.error->kind, outcome_kind::cancelled);
  }
}

TEST_F(engine_on_demand, gives_up_when_no_worker_can_be_started_for_a_task) {
  auto spec = spec_for(1);
  spec.restarts.worker_restarts = {3, milliseconds(60'000)};
  make(spec, 0);
  brain->start(now);
  step();
  EXPECT_TRUE(all_ready);
  submit();
  for (int i = 0; i < 10 && !gave_up; ++i) {
    for (const auto w : std::exchange(starts, {}))
      brain->worker_start_failed(w, make_cause(cause_class::start, "no process"), now);
    step();
    pass(milliseconds(2'000));
  }
  ASSERT_TRUE(gave_up);
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_EQ(outcomes[0].error->kind, outcome_kind::pool_gone);
}

TEST_F(engine_on_demand, lets_a_spare_take_the_first_task) {
  begin(0, 2, 1);
  ASSERT_EQ(starts.size(), 1u) << "the spare";
  ready_all();
  EXPECT_TRUE(all_ready);
  submit();
  EXPECT_EQ(assigned.size(), 1u);
  EXPECT_EQ(starts.size(), 1u) << "another one stands by";
  ready_all();
  answer_ok(next_assigned());
  end_idle_ones();
  EXPECT_EQ(brain->size(), 0u);
  EXPECT_EQ(std::count_if(starts.begin(), starts.end(), [](auto) { return true; }), 0);
  unsigned alive = 0;
  for (unsigned i = 0; i < brain->places(); ++i) alive += brain->view(i).exists ? 1U : 0U;
  EXPECT_EQ(alive, 1u);
}

TEST_F(engine_on_demand, keeps_a_busy_worker_whatever_is_idle) {
  begin(1, 3, 1);
  ready_all();
  submit();
  const auto a = next_assigned();
  ready_all();
  pass(milliseconds(10'000));
  EXPECT_TRUE(stops.empty()) << "the idle one only stands by";
  EXPECT_EQ(brain->size(), 1u);
  answer_ok(a);
}

TEST_F(engine_on_demand, can_be_resized_to_nothing_and_back) {
  pool_spec spec;
  spec.size.idle_exit = milliseconds(1'000);
  make_ready(spec, 2);
  brain->resize(0, 2, now);
  step();
  EXPECT_TRUE(stops.empty()) << "only idle ones leave";
  end_idle_ones();
  EXPECT_EQ(brain->size(), 0u);
  brain->resize(2, 2, now);
  step();
  EXPECT_EQ(starts.size(), 2u);
  ready_all();
  pass(milliseconds(10'000));
  EXPECT_TRUE(stops.empty());
}

TEST_F(engine_on_demand, grows_for_what_waits_behind_a_worker_that_waits_for_it) {
  auto spec = spec_for(3);
  spec.runs_in = rung::thread;
  make_ready(spec, 1);
  // They are known to be short, so one is sent ahead to the one worker there is.
  submit();
  answer_ok(next_assigned(), 0.001);
  submit(3);
  const auto a = next_assigned();
  const auto inner = next_assigned();
  ASSERT_EQ(inner.worker, a.worker);
  ready_all();
  const auto busy = next_assigned();
  ASSERT_NE(busy.worker, a.worker);
  EXPECT_TRUE(starts.empty());
  brain->worker_waits(a.worker, awaited{inner.task, nullptr, nullptr});
  step();
  ASSERT_EQ(withdrawals.size(), 1u);
  brain->worker_withdrew(a.worker, {1, std::nullopt, false});
  step();
  ASSERT_EQ(starts.size(), 1u);
  ready_all();
  const auto again = next_assigned();
  EXPECT_EQ(again.id, inner.id);
  EXPECT_NE(again.worker, a.worker);
  answer_ok(again);
  brain->worker_waits(a.worker, std::nullopt);
  answer_ok(a);
  answer_ok(busy);
  EXPECT_EQ(brain->open(), 0u);
}

}  // namespace
