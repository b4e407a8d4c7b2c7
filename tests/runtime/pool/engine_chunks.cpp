// Chunks of a map: what happens to their items when a worker answers in parts, throws, dies or is cancelled.
#include "engine_case.hpp"

namespace {

using namespace steward;
using namespace steward::pooling;
using engine_chunks = steward::test::engine_case;

TEST_F(engine_chunks, take_values_in_parts) {
  make_ready({}, 1);
  submit_chunk(5);
  const auto a = next_assigned();
  EXPECT_EQ(a.task->items, 5u);
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 2, squares(1, 2), 0.1, false, now));
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 2, 3, squares(3, 3), 0.1, true, now));
  step();
  ASSERT_EQ(seen->values_of.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(seen->values_of[i], static_cast<std::int64_t>((i + 1) * (i + 1)));
  EXPECT_EQ(seen->twice, 0);
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(brain->totals().settled, 5u);
}

TEST_F(engine_chunks, refuse_items_out_of_order) {
  make_ready({}, 1);
  submit_chunk(5);
  const auto a = next_assigned();
  EXPECT_FALSE(brain->worker_items(a.worker, a.id, 1, 1, squares(2, 1), 0.1, false, now));
  EXPECT_FALSE(brain->worker_items(a.worker, a.id, 0, 6, squares(1, 6), 0.1, true, now));
  EXPECT_FALSE(brain->worker_item_failed(a.worker, a.id, 5, {}, 0.1, true, now));
}

TEST_F(engine_chunks, charge_only_the_item_in_hand_and_keep_what_is_finished) {
  make_ready({}, 1);
  submit_chunk(10);
  const auto a = next_assigned();
  // Four were salvaged from the arena; the fifth was in hand.
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 4, squares(1, 4), 0.0, false, now));
  cause why;
  why.cls = cause_class::signal;
  why.signal = 11;
  brain->worker_died(a.worker, death{why, a.id, false, 4}, now);
  step();
  EXPECT_EQ(seen->values_of.size(), 4u);
  EXPECT_EQ(first(event_kind::crash).task->id, a.id + 4);
  EXPECT_EQ(first(event_kind::crash).task->args, "5");
  ready_all();
  // It runs alone, then the five that had not started, as their first attempt.
  const auto suspect = next_assigned();
  EXPECT_EQ(suspect.id, a.id + 4);
  EXPECT_EQ(suspect.attempt, 2u);
  EXPECT_EQ(suspect.task->items, 1u);
  EXPECT_TRUE(assigned.empty());
  EXPECT_TRUE(brain->worker_items(suspect.worker, suspect.id, 0, 1, squares(5, 1), 0.1, true, now));
  step();
  const auto rest = next_assigned();
  EXPECT_EQ(rest.id, a.id + 5);
  EXPECT_EQ(rest.attempt, 1u);
  ASSERT_EQ(rest.task->items, 5u);
  EXPECT_TRUE(brain->worker_items(rest.worker, rest.id, 0, 5, squares(6, 5), 0.1, true, now));
  step();
  ASSERT_EQ(seen->values_of.size(), 10u);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(seen->values_of[i], static_cast<std::int64_t>((i + 1) * (i + 1)));
  EXPECT_EQ(seen->twice, 0);
}

TEST_F(engine_chunks, charge_nobody_for_a_death_between_two_items) {
  make_ready({}, 1);
  submit_chunk(10);
  const auto a = next_assigned();
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 4, squares(1, 4), 0.0, false, now));
  brain->worker_died(a.worker, death{make_cause(cause_class::signal, ""), a.id, false, 3}, now);
  step();
  ready_all();
  const auto rest = next_assigned();
  EXPECT_EQ(rest.id, a.id + 4);
  EXPECT_EQ(rest.attempt, 1u);
  EXPECT_EQ(rest.task->items, 6u);
  EXPECT_EQ(brain->totals().crashes, 0u);
}

TEST_F(engine_chunks, charge_finished_items_whose_answers_died) {
  make_ready({}, 1);
  submit_chunk(4);
  const auto a = next_assigned();
  brain->worker_died(a.worker, death{make_cause(cause_class::signal, ""), a.id, false, 2}, now);
  step();
  ready_all();
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto again = next_assigned();
    EXPECT_EQ(again.id, a.id + i);
    EXPECT_EQ(again.attempt, 2u);
    EXPECT_TRUE(brain->worker_items(again.worker, again.id, 0, 1, squares(static_cast<std::int64_t>(i) + 1, 1), 0.1,
                                    true, now));
    step();
  }
  EXPECT_EQ(next_assigned().attempt, 1u);
}

TEST_F(engine_chunks, fail_the_item_that_throws_and_no_other) {
  make_ready({}, 1);
  submit_chunk(3);
  const auto a = next_assigned();
  cause boom;
  boom.cls = cause_class::exception;
  boom.message = "boom";
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 1, squares(1, 1), 0.1, false, now));
  EXPECT_TRUE(brain->worker_item_failed(a.worker, a.id, 1, boom, 0.1, false, now));
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 2, 1, squares(3, 1), 0.1, true, now));
  step();
  EXPECT_EQ(seen->values_of.size(), 2u);
  ASSERT_EQ(seen->errors_of.count(1), 1u);
  EXPECT_EQ(seen->errors_of.at(1).kind, outcome_kind::exception);
  EXPECT_EQ(seen->errors_of.at(1).task_id, a.id + 1);
  EXPECT_EQ(brain->totals().exceptions, 1u);
}

TEST_F(engine_chunks, retry_the_item_that_throws_when_told_to) {
  pool_spec spec;
  spec.on_exception = exception_policy::retry;
  spec.limits.attempts = 2;
  make_ready(spec, 1);
  submit_chunk(2);
  const auto a = next_assigned();
  EXPECT_TRUE(brain->worker_item_failed(a.worker, a.id, 0, make_cause(cause_class::exception, "x"), 0.1, false, now));
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 1, 1, squares(2, 1), 0.1, true, now));
  step();
  const auto again = next_assigned();
  EXPECT_EQ(again.id, a.id);
  EXPECT_EQ(again.attempt, 2u);
  EXPECT_TRUE(
      brain->worker_item_failed(again.worker, again.id, 0, make_cause(cause_class::exception, "y"), 0.1, true, now));
  step();
  ASSERT_EQ(seen->errors_of.count(0), 1u);
  EXPECT_EQ(seen->errors_of.at(0).attempts.size(), 2u);
  EXPECT_EQ(seen->twice, 0);
}

TEST_F(engine_chunks, quarantine_an_item_and_leave_its_neighbours_alone) {
  pool_spec spec;
  spec.limits.attempts = 2;
  make_ready(spec, 1);
  submit_chunk(3);
  auto a = next_assigned();
  brain->worker_died(a.worker, death{make_cause(cause_class::signal, ""), a.id, false, 0}, now);
  step();
  ready_all();
  a = next_assigned();
  brain->worker_died(a.worker, death{make_cause(cause_class::signal, ""), a.id, false, 0}, now);
  step();
  ASSERT_EQ(seen->errors_of.count(0), 1u);
  EXPECT_EQ(seen->errors_of.at(0).kind, outcome_kind::quarantined);
  EXPECT_EQ(seen->errors_of.at(0).attempts.size(), 2u);
  ready_all();
  a = next_assigned();
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 2, squares(2, 2), 0.1, true, now));
  step();
  EXPECT_EQ(seen->values_of.size(), 2u);
  EXPECT_EQ(brain->totals().quarantined, 1u);
}

TEST_F(engine_chunks, count_the_deadline_of_each_item) {
  pool_spec spec;
  spec.limits.deadline = milliseconds(100);
  spec.limits.grace = milliseconds(0);
  make_ready(spec, 1);
  submit_chunk(3);
  const auto a = next_assigned();
  now += milliseconds(90);
  brain->worker_running(a.worker, a.id, now, now, 1);
  pass(milliseconds(99));
  EXPECT_TRUE(kills.empty());
  pass(milliseconds(1));
  ASSERT_EQ(kills.size(), 1u);
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 1, squares(1, 1), 0.0, false, now));
  brain->worker_died(a.worker, death{make_cause(cause_class::killed, ""), a.id, true, 1}, now);
  step();
  ASSERT_EQ(seen->errors_of.count(1), 1u);
  EXPECT_EQ(seen->errors_of.at(1).kind, outcome_kind::deadline);
  EXPECT_EQ(seen->errors_of.at(1).task_id, a.id + 1);
  ready_all();
  EXPECT_EQ(next_assigned().id, a.id + 2);
  EXPECT_EQ(brain->totals().deadlines, 1u);
}

TEST_F(engine_chunks, are_cancelled_as_a_whole) {
  pool_spec spec;
  spec.limits.grace = milliseconds(50);
  make_ready(spec, 1);
  submit_chunk(4);
  submit_chunk(4);
  const auto a = next_assigned();
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 1, squares(1, 1), 0.1, false, now));
  brain->cancel_all(seen.get(), "no reason", now);
  step();
  // Both chunks have the same numbers here: the second settled as a whole, the first what was left of it.
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(brain->totals().cancelled, 7u);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].id, a.id);
  EXPECT_TRUE(asked[0].whole);
  // It stops after the item in hand, whose answer nobody waits for any more.
  const auto told = seen->twice;
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 1, 1, squares(2, 1), 0.1, true, now));
  step();
  EXPECT_EQ(seen->values_of.size(), 1u) << "the late answer is dropped";
  EXPECT_EQ(seen->twice, told);
  pass(milliseconds(200));
  EXPECT_TRUE(terminated.empty());
  submit();
  EXPECT_EQ(assigned.size(), 1u);
}

TEST_F(engine_chunks, that_end_early_go_back_to_the_queue) {
  make_ready({}, 1);
  submit_chunk(4);
  const auto a = next_assigned();
  brain->worker_withdrew(a.worker, {1, std::nullopt, true});
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 1, squares(1, 1), 0.1, true, now));
  step();
  const auto rest = next_assigned();
  EXPECT_EQ(rest.id, a.id + 1);
  EXPECT_EQ(rest.task->items, 3u);
  EXPECT_EQ(rest.attempt, 1u);
}

TEST_F(engine_chunks, are_sent_ahead_one_at_a_time) {
  make_ready({}, 1);
  for (int i = 0; i < 8; ++i) submit_chunk(10);
  const auto a = next_assigned();
  EXPECT_TRUE(assigned.empty()) << "how long it takes is not known";
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 10, squares(1, 10), 0.5, true, now));
  step();
  EXPECT_EQ(assigned.size(), 2u);
}

TEST_F(engine_chunks, are_halved_until_a_worker_takes_them) {
  make_ready({}, 1);
  submit_chunk(3);
  const auto why = make_cause(cause_class::memory, "no room");
  const auto whole = next_assigned();
  EXPECT_FALSE(brain->worker_did_not_take(whole.worker, whole.id + 1, why, now)) << "that was not sent";
  EXPECT_TRUE(brain->worker_did_not_take(whole.worker, whole.id, why, now));
  step();
  const auto one = next_assigned();
  EXPECT_EQ(one.id, whole.id);
  EXPECT_EQ(one.task->items, 1u);
  EXPECT_TRUE(brain->worker_did_not_take(one.worker, one.id, why, now));
  step();
  const auto two = next_assigned();
  EXPECT_EQ(two.task->items, 2u);
  EXPECT_TRUE(brain->worker_items(two.worker, two.id, 0, 2, squares(2, 2), 0.1, true, now));
  step();
  EXPECT_EQ(seen->values_of, (std::map<std::size_t, std::int64_t>{{1, 4}, {2, 9}}));
  ASSERT_EQ(seen->errors_of.count(0), 1u);
  EXPECT_EQ(seen->errors_of.at(0).kind, outcome_kind::rejected);
  EXPECT_EQ(seen->errors_of.at(0).work, work_state::not_started);
  EXPECT_TRUE(seen->errors_of.at(0).attempts.empty());
  EXPECT_EQ(seen->twice, 0);
  EXPECT_EQ(brain->open(), 0u);
}

TEST_F(engine_chunks, that_were_cancelled_and_not_taken_are_over) {
  make_ready({}, 1);
  const auto chunk = submit_chunk(2);
  const auto sent = next_assigned();
  brain->cancel_all(chunk->sink.get(), "no reason", now);
  EXPECT_TRUE(brain->worker_did_not_take(sent.worker, sent.id, make_cause(cause_class::memory, "no room"), now));
  step();
  EXPECT_TRUE(assigned.empty());
  EXPECT_EQ(brain->open(), 0u);
}

TEST_F(engine_chunks, takes_no_answer_that_says_nothing) {
  make_ready({}, 1);
  submit_chunk(4);
  const auto a = next_assigned();
  EXPECT_FALSE(brain->worker_items(a.worker, a.id, 0, 0, {}, 0.1, false, now)) << "it would reset the clock";
  EXPECT_FALSE(brain->worker_items(a.worker, a.id, 0, 0, {}, 0.1, true, now)) << "it would come back for ever";
  EXPECT_FALSE(brain->worker_items(a.worker, a.id, 0, 2, squares(1, 2), 0.1, true, now)) << "nobody told it to end";
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 2, squares(1, 2), 0.1, false, now));
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 2, 2, squares(3, 2), 0.1, true, now));
}

TEST_F(engine_chunks, charges_what_was_begun_where_the_worker_shows_nothing) {
  make_ready({}, 1);
  submit(1);
  const auto a = next_assigned();
  brain->worker_died(a.worker, {make_cause(cause_class::protocol, "garbage"), 0, false, 0, std::nullopt, 1}, now);
  step();
  ready_all();
  EXPECT_EQ(next_assigned().attempt, 2U);
}

}  // namespace
