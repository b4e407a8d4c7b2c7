// Batches: inputs that are sent one by one, with one record for several. They go where single tasks would.
#include "engine_case.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace {

using namespace steward;
using namespace steward::pooling;

class engine_batches : public steward::test::engine_case {
protected:
  void make_threads(unsigned workers) {
    pool_spec spec;
    spec.runs_in = rung::thread;
    make_ready(spec, workers);
  }
  job_ptr submit_batch(std::uint32_t items, int priority = 0) { return submit_chunk(items, priority, true); }

  std::vector<act::assign> all_assigned() { return std::exchange(assigned, {}); }
  /// Of all that was sent since the last call.
  std::map<unsigned, std::size_t> items_by_worker() {
    std::map<unsigned, std::size_t> out;
    for (const auto& a : all_assigned()) out[a.worker.index] += a.task->items;
    return out;
  }
  void answer_all(const act::assign& a, double ms_each) {
    const auto first = static_cast<std::int64_t>(a.task->first) + 1;
    const auto items = a.task->items;
    EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, items, squares(first, items), ms_each * items, true, now));
    step();
  }
  /// From now on a task is known to take this long.
  void make_known(double ms_each) {
    submit(1);
    answer_ok(next_assigned(), ms_each);
  }
  void expect_squares(std::size_t count) const {
    ASSERT_EQ(seen->values_of.size(), count);
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_EQ(seen->values_of.at(i), static_cast<std::int64_t>((i + 1) * (i + 1)));
    EXPECT_EQ(seen->twice, 0);
  }
};

TEST_F(engine_batches, are_sent_item_by_item_as_long_as_nobody_knows_how_long_they_run) {
  make_threads(2);
  submit_batch(10);
  const auto sent = all_assigned();
  ASSERT_EQ(sent.size(), 2u);
  for (const auto& a : sent) EXPECT_EQ(a.task->items, 1u);
  EXPECT_EQ(brain->queued(), 8u);
}

TEST_F(engine_batches, send_no_more_ahead_than_a_millisecond_of_work) {
  make_threads(2);
  make_known(0.1);
  submit_batch(1'000);
  const auto sent = items_by_worker();
  ASSERT_EQ(sent.size(), 2u);
  for (const auto& [worker, items] : sent) {
    EXPECT_GE(items, 8u);
    EXPECT_LE(items, 10u);
  }
}

TEST_F(engine_batches, leave_each_worker_its_share_of_a_few) {
  make_threads(2);
  make_known(0.001);
  submit_batch(40);
  auto sent = items_by_worker();
  ASSERT_EQ(sent.size(), 2u);
  for (const auto& [worker, items] : sent) {
    EXPECT_GE(items, 6u);
    EXPECT_LE(items, 8u);
  }
  EXPECT_EQ(brain->queued(), 40u - sent[0] - sent[1]);
}

TEST_F(engine_batches, go_on_being_sent_as_items_are_heard_to_be_finished) {
  make_threads(1);
  make_known(0.1);
  submit_batch(100);
  auto sent = all_assigned();
  std::size_t ahead = 0;
  for (const auto& a : sent) ahead += a.task->items;
  const auto first = sent.front();
  ASSERT_GE(first.task->items, 3u);
  brain->worker_finished(first.worker, first.id, 0, 2, squares(1, 2), now, now);
  step();
  EXPECT_EQ(seen->values_of.size(), 2u);
  std::size_t more = 0;
  for (const auto& a : assigned) more += a.task->items;
  EXPECT_EQ(more, 2u) << "as many as have gone";
  EXPECT_EQ(brain->queued(), 100 - ahead - more);
  // What was heard of is not counted a second time when the rest is answered.
  EXPECT_TRUE(
      brain->worker_items(first.worker, first.id, 0, first.task->items, squares(1, first.task->items), 0.3, true, now));
  step();
  for (std::size_t i = 1; i < sent.size(); ++i) answer_all(sent[i], 0.1);
  while (!assigned.empty()) answer_all(next_assigned(), 0.1);
  expect_squares(100);
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(brain->view(0).sent, 0u);
}

TEST_F(engine_batches, are_taken_back_from_behind_a_long_item) {
  make_threads(2);
  make_known(0.01);
  submit_batch(60);
  const auto sent = all_assigned();
  const auto held = sent.front();
  ASSERT_GE(held.task->items, 2u);
  std::size_t of_other = 0;
  for (const auto& a : sent)
    if (a.worker.index != held.worker.index) ++of_other;
  ASSERT_GT(of_other, 0u);
  // The other worker runs through all there is.
  for (const auto& a : sent)
    if (a.worker.index != held.worker.index) answer_all(a, 0.01);
  for (;;) {
    std::vector<act::assign> others;
    for (const auto& a : all_assigned())
      if (a.worker.index != held.worker.index) others.push_back(a);
    if (others.empty()) break;
    for (const auto& a : others) answer_all(a, 0.01);
  }
  EXPECT_TRUE(withdrawals.empty());
  pass(engine::held_up_after);
  ASSERT_EQ(withdrawals.size(), 1u);
  EXPECT_EQ(withdrawals[0].worker, held.worker);
  EXPECT_TRUE(withdrawals[0].chunk);
  brain->worker_withdrew(held.worker, {1, 0, false});
  step();
  ASSERT_FALSE(assigned.empty());
  for (const auto& a : assigned) EXPECT_NE(a.worker.index, held.worker.index);
}

TEST_F(engine_batches, let_one_of_higher_priority_pass_when_they_turn_out_long) {
  make_threads(1);
  make_known(0.01);
  submit_batch(64);
  const auto first = next_assigned();
  ASSERT_GE(first.task->items, 4u);
  EXPECT_TRUE(brain->worker_item_failed(first.worker, first.id, 0, {}, 20.0, false, now));
  step();
  EXPECT_TRUE(withdrawals.empty()) << "in their order, for nobody is in a hurry";
  submit_one(1);
  ASSERT_EQ(withdrawals.size(), 1u);
  EXPECT_EQ(withdrawals[0].head, first.id);
}

TEST_F(engine_batches, tell_the_time_of_the_items_that_an_answer_adds) {
  make_threads(1);
  make_known(0.01);
  submit_batch(64);
  const auto a = next_assigned();
  const auto items = a.task->items;
  ASSERT_GE(items, 4u);
  brain->worker_finished(a.worker, a.id, 0, items - 1, squares(1, items - 1), now, now);
  // It says how long all of them took.
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, items, squares(1, items), 0.01 * items, true, now));
  const auto done = brain->step(now);
  double told = -1.0;
  for (const auto& one : done.notices)
    if (const auto* x = std::get_if<news::items_settled>(&one); x && x->item == items - 1) told = x->ran_ms;
  EXPECT_NEAR(told, 0.01, 1e-9);
}

TEST_F(engine_batches, charge_only_the_item_at_which_their_thread_was_lost) {
  make_threads(1);
  make_known(0.01);
  submit_batch(64);
  const auto a = next_assigned();
  ASSERT_GE(a.task->items, 5u);
  brain->worker_finished(a.worker, a.id, 0, 3, squares(1, 3), now, now);
  brain->worker_died(a.worker, death{make_cause(cause_class::protocol, "x"), a.id, false, 3}, now);
  step();
  assigned.clear();
  ready_all();
  const auto suspect = next_assigned();
  EXPECT_EQ(suspect.id, a.id + 3);
  EXPECT_EQ(suspect.attempt, 2u);
  EXPECT_EQ(suspect.task->items, 1u);
  answer_all(suspect, 0.01);
  while (!assigned.empty()) answer_all(next_assigned(), 0.01);
  expect_squares(64);
}

}  // namespace
