// How many workers a pool has: growth, shrinking, resizing, spares, planned replacements, and who gets which task.
#include "engine_case.hpp"

namespace {

using namespace steward;
using namespace steward::pooling;
using engine_lives = steward::test::engine_case;

TEST_F(engine_lives, grows_while_tasks_wait_and_no_further_than_it_may) {
  pool_spec spec;
  spec.max_workers = 4;
  make_ready(spec, 2);
  submit(2);
  EXPECT_TRUE(starts.empty()) << "nobody waits";
  submit(1);
  EXPECT_EQ(starts.size(), 1u);
  submit(10);
  EXPECT_EQ(starts.size(), 2u);
  EXPECT_EQ(brain->size(), 4u);
  ready_all();
  EXPECT_EQ(assigned.size(), 4u);
}

TEST_F(engine_lives, shrinks_when_workers_are_idle_for_long) {
  pool_spec spec;
  spec.min_workers = 1;
  spec.idle_exit = milliseconds(1'000);
  make_ready(spec, 3);
  pass(milliseconds(999));
  EXPECT_TRUE(stops.empty());
  pass(milliseconds(1));
  EXPECT_EQ(stops.size(), 2u);
  for (const auto w : std::exchange(stops, {})) die(w);
  EXPECT_EQ(brain->size(), 1u);
  pass(milliseconds(10'000));
  EXPECT_TRUE(stops.empty()) << "the last one stays";
  EXPECT_TRUE(starts.empty());
  EXPECT_EQ(count(event_kind::crash), 0);
}

TEST_F(engine_lives, can_be_resized_while_it_works) {
  make_ready({}, 2);
  submit(4);
  EXPECT_EQ(assigned.size(), 2u);
  brain->resize(4, 4, now);
  step();
  EXPECT_EQ(starts.size(), 2u);
  ready_all();
  EXPECT_EQ(assigned.size(), 4u);
  brain->resize(1, 1, now);
  step();
  // Each finishes what it was sent.
  EXPECT_EQ(stops.size(), 3u);
  for (const auto& a : std::exchange(assigned, {})) answer_ok(a);
  for (const auto w : std::exchange(stops, {})) die(w);
  EXPECT_EQ(outcomes.size(), 4u);
  submit(2);
  EXPECT_EQ(assigned.size(), 1u);
  EXPECT_EQ(count(event_kind::crash), 0);
}

TEST_F(engine_lives, keeps_a_spare_ready_that_takes_over_at_once) {
  pool_spec spec;
  spec.spares = 1;
  make_ready(spec, 1);
  submit(2);
  ASSERT_EQ(assigned.size(), 1u) << "the spare stands by";
  const auto a = next_assigned();
  die(a.worker, a.id);
  // Without waiting for the restart.
  const auto again = next_assigned();
  EXPECT_EQ(again.id, a.id);
  EXPECT_NE(again.worker.index, a.worker.index);
  EXPECT_EQ(starts.size(), 1u);
}

TEST_F(engine_lives, spreads_replacements_by_jitter) {
  pool_spec spec;
  spec.recycle_after = 1'000;
  spec.recycle_jitter = 0.5;
  make_ready(spec, 8);
  std::map<unsigned, int> left_after;
  for (int i = 0; i < 20'000 && left_after.size() < 8; ++i) {
    submit(8);
    for (const auto& a : std::exchange(assigned, {})) answer_ok(a, 1.5);
    for (const auto w : std::exchange(stops, {})) {
      left_after.try_emplace(w.index, i);
      die(w);
    }
    ready_all();
  }
  ASSERT_GE(left_after.size(), 8u);
  std::map<int, int> times;
  for (const auto& [w, when] : left_after) ++times[when];
  EXPECT_GT(times.size(), 4u) << "not all at once";
}

TEST_F(engine_lives, replaces_a_worker_that_has_grown_too_large_without_a_crash) {
  pool_spec spec;
  spec.recycle_memory = 1'000'000;
  make_ready(spec, 1);
  submit();
  answer_ok(next_assigned());
  now += engine::memory_look_every;
  ASSERT_TRUE(brain->wanted(0, now).memory);
  brain->worker_looked_at({0, 1}, false, 999'999, now);
  step();
  EXPECT_TRUE(starts.empty());
  EXPECT_FALSE(brain->wanted(0, now).memory) << "nothing has run since";
  submit();
  answer_ok(next_assigned());
  now += engine::memory_look_every;
  ASSERT_TRUE(brain->wanted(0, now).memory);
  brain->worker_looked_at({0, 1}, false, 1'000'001, now);
  step();
  ASSERT_EQ(starts.size(), 1u) << "its replacement first";
  EXPECT_TRUE(stops.empty());
  ready_all();
  ASSERT_EQ(stops.size(), 1u);
  die(stops[0]);
  submit();
  EXPECT_EQ(next_assigned().worker.index, 1u);
  EXPECT_EQ(brain->totals().recycled, 1u);
}

TEST_F(engine_lives, runs_the_last_attempt_in_a_worker_that_ran_nothing_before) {
  make_ready({}, 2);
  submit(1);
  auto a = next_assigned();
  for (int attempt = 1; attempt <= 2; ++attempt) {
    die(a.worker, a.id);
    // The restarted worker is used before the suspect gets to it.
    if (attempt == 1) {
      ready_all();
      a = next_assigned();
    }
  }
  // Only a used worker is ready, so the task waits for the fresh one.
  const auto restarted = starts.at(0);
  EXPECT_TRUE(assigned.empty() || assigned[0].worker == restarted || assigned[0].attempt == 3);
  ready_all();
  ASSERT_EQ(assigned.size(), 1u);
  EXPECT_EQ(assigned[0].attempt, 3u);
}

TEST_F(engine_lives, makes_room_for_a_fresh_worker_when_all_are_used) {
  pool_spec spec;
  spec.attempts = 2;
  make_ready(spec, 2);
  submit(2);
  for (const auto& a : std::exchange(assigned, {})) answer_ok(a);
  submit(1);
  auto a = next_assigned();
  const worker_ref other{1U - a.worker.index, 1};
  // While the dead worker's successor is not there, nobody is fresh, and a fresh one is on its way.
  die(a.worker, a.id);
  EXPECT_TRUE(assigned.empty());
  EXPECT_TRUE(stops.empty());
  ready_all();
  a = next_assigned();
  EXPECT_EQ(a.attempt, 2u);
  EXPECT_NE(a.worker, other);
}

TEST_F(engine_lives, starts_what_matters_more_first) {
  make_ready({}, 1);
  const auto running = submit_one();
  submit_one(0);
  const auto low = submit_one(-1);
  const auto high = submit_one(5);
  std::vector<job_ptr> order;
  for (int i = 0; i < 4; ++i) {
    const auto a = next_assigned();
    order.push_back(a.task);
    answer_ok(a, 3.0);
  }
  EXPECT_EQ(order[0], running);
  EXPECT_EQ(order[1], high);
  EXPECT_EQ(order[3], low);
}

TEST_F(engine_lives, a_worker_that_is_to_be_replaced_and_dies_is_no_loss) {
  pool_spec spec;
  spec.recycle_after = 2;
  spec.recycle_jitter = 0.0;
  make_ready(spec, 1);
  submit(2);
  answer_ok(next_assigned());
  const auto a = next_assigned();
  ready_all();  // the replacement; the old one was asked to stop and has one task in hand
  ASSERT_EQ(stops.size(), 1u);
  die(a.worker, a.id);
  const auto again = next_assigned();
  EXPECT_EQ(again.id, a.id);
  EXPECT_EQ(again.attempt, 2u);
  EXPECT_EQ(first(event_kind::crash).decision->action, "replaced");
  EXPECT_TRUE(starts.empty());
}

}  // namespace
