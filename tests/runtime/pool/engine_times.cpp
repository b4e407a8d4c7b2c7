// How long tasks wait and run, as the engine counts it, and what each worker is said to have in hand.
#include "engine_case.hpp"

#include <bit>
#include <numeric>

namespace {

using namespace steward;
using namespace steward::pooling;
using namespace std::chrono_literals;

class engine_times : public steward::test::engine_case {
protected:
  /// What was counted for this long, and nothing else.
  static ::testing::AssertionResult only(const time_counts& counts, std::chrono::microseconds us, std::uint64_t items) {
    const auto bucket = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(us.count())));
    const auto all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    if (counts.at(bucket) == items && all == items) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << counts.at(bucket) << " of " << all << " are in bucket " << bucket;
  }
};

TEST_F(engine_times, count_the_wait_from_the_submission_to_the_begin) {
  make_ready({}, 1);
  submit(1);
  now += 8ms;
  answer_ok(next_assigned(), 5.0);
  EXPECT_TRUE(only(brain->times_taken(), 5ms, 1));
  EXPECT_TRUE(only(brain->times_waited(), 3ms, 1));
}

TEST_F(engine_times, count_one_that_waits_behind_another) {
  make_ready({}, 1);
  submit(2);
  now += 100ms;
  answer_ok(next_assigned(), 100.0);
  EXPECT_TRUE(only(brain->times_waited(), 0ms, 1));
  now += 1ms;
  answer_ok(next_assigned(), 1.0);
  EXPECT_EQ(brain->times_waited()[std::bit_width(100'000U)], 1U);
}

TEST_F(engine_times, count_what_was_run_again_through_the_runs_before) {
  pool_spec spec;
  spec.limits.attempts = 2;
  make_ready(spec, 1);
  submit(1);
  const auto lost = next_assigned();
  now += 40ms;
  die(lost.worker, lost.id);
  ready_all();
  now += 1ms;
  answer_ok(next_assigned(), 1.0);
  EXPECT_TRUE(only(brain->times_taken(), 1ms, 1)) << "a run without an answer is not counted";
  EXPECT_TRUE(only(brain->times_waited(), 40ms, 1));
}

TEST_F(engine_times, keep_the_submission_of_a_chunk_in_its_parts) {
  make_ready({}, 1);
  submit_chunk(10);
  const auto a = next_assigned();
  now += 30ms;
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 4, squares(1, 4), 30.0, false, now));
  EXPECT_TRUE(only(brain->times_waited(), 0ms, 4));
  die(a.worker);
  ready_all();
  const auto rest = next_assigned();
  ASSERT_EQ(rest.id, a.id + 4);
  now += 1ms;
  EXPECT_TRUE(
      brain->worker_items(rest.worker, rest.id, 0, rest.task->items, squares(5, rest.task->items), 1.0, true, now));
  EXPECT_EQ(brain->times_waited()[std::bit_width(30'000U)], rest.task->items);
}

TEST_F(engine_times, count_items_that_were_found_before_their_answer_once) {
  pool_spec spec;
  spec.runs_in = rung::process;
  make_ready(spec, 1);
  submit_chunk(4);
  const auto a = next_assigned();
  now += 20ms;
  brain->worker_finished(a.worker, a.id, 0, 2, squares(1, 2), now, now);
  step();
  EXPECT_TRUE(only(brain->times_taken(), 10ms, 2));
  EXPECT_TRUE(only(brain->times_waited(), 0ms, 2));
  now += 10ms;
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 4, squares(1, 4), 30.0, true, now));
  step();
  const auto all = brain->times_taken();
  EXPECT_EQ(std::accumulate(all.begin(), all.end(), std::uint64_t{0}), 4U);
}

TEST_F(engine_times, tell_what_is_in_hand_and_since_when) {
  make_ready({}, 1);
  EXPECT_EQ(brain->view(0).in_hand, 0U);
  submit(1);
  const auto begun = now;
  const auto a = next_assigned();
  now += 50ms;
  step();
  auto x = brain->view(0);
  EXPECT_EQ(x.in_hand, a.id);
  EXPECT_EQ(name_of(x.entry), "square");
  EXPECT_EQ(x.since, begun);
  answer_ok(a);
  EXPECT_EQ(brain->view(0).in_hand, 0U);
  submit_chunk(5);
  const auto chunk = next_assigned();
  now += 50ms;
  EXPECT_TRUE(brain->worker_items(chunk.worker, chunk.id, 0, 2, squares(1, 2), 50.0, false, now));
  x = brain->view(0);
  EXPECT_EQ(x.in_hand, chunk.id + 2) << "the item that it is at";
  EXPECT_EQ(x.since, now);
}

}  // namespace
