// What was sent to a worker that is held up by a long run goes to one that is idle.
#include "engine_case.hpp"

namespace {

using namespace steward;
using namespace steward::test;

class engine_relief : public engine_case {
protected:
  /// So that tasks are sent ahead, for they are known to be short.
  void make_short_tasks_known() {
    submit();
    answer_ok(next_assigned(), 0.001);
  }

  std::vector<act::assign> all_assigned() { return std::exchange(assigned, {}); }

  /// Submits tasks of which the first holds its worker up, and has the other one answer all of its own. Returns the
  /// first, and what was sent behind it.
  std::vector<act::assign> hold_up(std::size_t count) {
    submit(count);
    std::vector<act::assign> held;
    while (!assigned.empty()) {
      const auto a = next_assigned();
      if (held.empty() || a.worker == held[0].worker) {
        held.push_back(a);
      } else {
        answer_ok(a);
      }
    }
    return held;
  }
};

TEST_F(engine_relief, lets_one_of_higher_priority_pass_what_was_sent_ahead) {
  make_ready({}, 1);
  make_short_tasks_known();
  submit(20);
  const auto sent = all_assigned();
  ASSERT_GE(sent.size(), 5u);
  // They are not short any more.
  answer_ok(sent[0], 20.0);
  EXPECT_TRUE(withdrawals.empty()) << "in their order, for nobody is in a hurry";
  submit_one(1);
  ASSERT_EQ(withdrawals.size(), 1u);
  EXPECT_EQ(withdrawals[0].head, sent[1].id);
  brain->worker_withdrew(sent[0].worker, {1, std::nullopt, false});
  step();
  EXPECT_TRUE(assigned.empty()) << "nothing is sent behind a long one";
  answer_ok(sent[1], 20.0);
  const auto next = all_assigned();
  ASSERT_FALSE(next.empty());
  EXPECT_EQ(next[0].task->priority, 1);
}

TEST_F(engine_relief, leaves_short_tasks_where_they_are_for_one_of_higher_priority) {
  make_ready({}, 1);
  make_short_tasks_known();
  submit(20);
  ASSERT_GE(all_assigned().size(), 5u);
  submit_one(1);
  EXPECT_TRUE(withdrawals.empty());
}

TEST_F(engine_relief, gives_what_waits_behind_a_long_task_to_an_idle_worker) {
  make_ready({}, 2);
  make_short_tasks_known();
  const auto sent = hold_up(8);
  ASSERT_GE(sent.size(), 2u);
  const auto held = sent[0].worker;
  std::vector<task_id> behind;
  for (std::size_t i = 1; i < sent.size(); ++i) behind.push_back(sent[i].id);
  EXPECT_TRUE(withdrawals.empty());
  pass(engine::held_up_after);
  ASSERT_EQ(withdrawals.size(), 1u);
  EXPECT_EQ(withdrawals[0].worker, held);
  EXPECT_EQ(withdrawals[0].head, sent[0].id);
  EXPECT_EQ(withdrawals[0].sent, behind.size() + 1);
  brain->worker_withdrew(held, {1, std::nullopt, true});
  step();
  std::vector<task_id> moved;
  for (const auto& a : all_assigned()) {
    EXPECT_FALSE(a.worker == held);
    moved.push_back(a.id);
    answer_ok(a);
  }
  EXPECT_EQ(moved, behind) << "in their order";
  EXPECT_EQ(brain->totals().taken_back, behind.size());
  EXPECT_EQ(brain->open(), 1u);

  // It is sent nothing until it has answered for each of them, with nothing.
  submit(3);
  for (const auto& a : all_assigned()) EXPECT_FALSE(a.worker == held);
  answer_ok(sent[0]);
  submit(3);
  for (const auto& a : all_assigned()) EXPECT_FALSE(a.worker == held);
  EXPECT_FALSE(brain->worker_items(held, behind[0] + 1'000, 0, 0, {}, 0.0, true, now)) << "nobody asked for this";
  for (const auto id : behind) EXPECT_TRUE(brain->worker_items(held, id, 0, 0, {}, 0.0, true, now));
  submit(6);
  const auto last = all_assigned();
  EXPECT_TRUE(std::ranges::any_of(last, [&](const auto& a) { return a.worker == held; }));
}

TEST_F(engine_relief, waits_until_somebody_is_idle) {
  make_ready({}, 2);
  submit_chunk(4);
  submit_chunk(4);
  const auto first = next_assigned();
  const auto second = next_assigned();
  ASSERT_FALSE(first.worker == second.worker);
  pass(milliseconds(200));
  EXPECT_TRUE(withdrawals.empty()) << "both are held up";
  EXPECT_TRUE(brain->worker_items(second.worker, second.id, 0, 4, squares(1, 4), 0.1, true, now));
  step();
  ASSERT_EQ(withdrawals.size(), 1u);
  EXPECT_EQ(withdrawals[0].worker, first.worker);
}

TEST_F(engine_relief, leaves_alone_what_has_nothing_behind_it) {
  make_ready({}, 2);
  submit_one();
  submit_chunk(1);
  answer_ok(next_assigned());
  EXPECT_FALSE(brain->next_due().has_value() && *brain->next_due() <= now + engine::held_up_after);
  pass(milliseconds(100));
  EXPECT_TRUE(withdrawals.empty());
}

TEST_F(engine_relief, shares_the_rest_of_a_chunk) {
  make_ready({}, 3);
  submit_chunk(10);
  const auto a = next_assigned();
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 1, squares(1, 1), 0.1, false, now));
  pass(engine::held_up_after);
  ASSERT_EQ(withdrawals.size(), 1u);
  EXPECT_EQ(withdrawals[0].sent, 1u);
  brain->worker_withdrew(a.worker, {1, 3, true});  // the item numbered 3 is in hand, and 1 and 2 are not answered yet
  step();
  const auto parts = all_assigned();
  ASSERT_EQ(parts.size(), 2u) << "the third waits for the worker that is held up, or for the first that is idle";
  EXPECT_EQ(parts[0].id, a.id + 4);
  EXPECT_EQ(parts[0].task->items, 2u);
  EXPECT_EQ(parts[1].id, a.id + 6);
  EXPECT_EQ(parts[1].task->items, 2u);
  EXPECT_EQ(brain->queued(), 2u);
  EXPECT_FALSE(brain->worker_items(a.worker, a.id, 1, 4, squares(2, 4), 0.1, false, now)) << "one of them is not its";
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 1, 3, squares(2, 3), 0.1, true, now));
  step();
  const auto last = next_assigned();
  EXPECT_EQ(last.worker, a.worker);
  EXPECT_EQ(last.id, a.id + 8);
  EXPECT_TRUE(brain->worker_items(parts[0].worker, parts[0].id, 0, 2, squares(5, 2), 0.1, true, now));
  EXPECT_TRUE(brain->worker_items(parts[1].worker, parts[1].id, 0, 2, squares(7, 2), 0.1, true, now));
  EXPECT_TRUE(brain->worker_items(last.worker, last.id, 0, 2, squares(9, 2), 0.1, true, now));
  step();
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(seen->twice, 0);
  for (std::int64_t n = 1; n <= 10; ++n) EXPECT_EQ(seen->values_of.at(static_cast<std::size_t>(n - 1)), n * n);
}

TEST_F(engine_relief, hands_on_what_is_finished_of_a_chunk_that_goes_on) {
  make_ready({}, 1);
  submit_chunk(10);
  const auto a = next_assigned();
  step();
  EXPECT_TRUE(harvests.empty());
  pass(engine::held_up_after);
  ASSERT_EQ(harvests.size(), 1u);
  EXPECT_EQ(harvests[0].worker, a.worker);
  EXPECT_EQ(harvests[0].id, a.id);
  brain->worker_finished(a.worker, a.id, 0, 4, squares(1, 4), now, now);
  step();
  EXPECT_EQ(seen->values_of.size(), 4u);
  EXPECT_EQ(brain->open(), 6u);
  // What was staged meanwhile comes with what we have already.
  pass(engine::held_up_after);
  ASSERT_EQ(harvests.size(), 2u);
  brain->worker_finished(a.worker, a.id, 0, 6, squares(1, 6), now, now);
  brain->worker_finished(a.worker, a.id, 0, 6, squares(1, 6), now, now);
  brain->worker_finished(a.worker, a.id, 0, 11, squares(1, 11), now, now);
  brain->worker_finished(a.worker, a.id, 7, 1, squares(8, 1), now, now);
  brain->worker_finished(a.worker, a.id + 1, 6, 1, squares(7, 1), now, now);
  step();
  EXPECT_EQ(seen->values_of.size(), 6u);
  EXPECT_FALSE(brain->worker_items(a.worker, a.id, 0, 5, squares(1, 5), 0.1, false, now)) << "less than it has shown";
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 8, squares(1, 8), 0.1, false, now));
  EXPECT_TRUE(brain->worker_item_failed(a.worker, a.id, 8, make_cause(cause_class::exception, "x"), 0.1, false, now));
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 9, 1, squares(10, 1), 0.1, true, now));
  step();
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(seen->twice, 0);
  EXPECT_EQ(seen->values_of.size(), 9u);
  EXPECT_EQ(seen->errors_of.size(), 1u);
  EXPECT_EQ(brain->totals().settled, 10u);
}

TEST_F(engine_relief, asks_less_often_for_what_one_long_item_holds_up) {
  make_ready({}, 1);
  submit_chunk(10);
  const auto a = next_assigned();
  brain->worker_running(a.worker, a.id, now, now, 0);
  for (int i = 0; i < 100'000; ++i) pass(milliseconds(1));
  EXPECT_GE(harvests.size(), 40u);
  EXPECT_LE(harvests.size(), 90u) << "in 100 s";
  const auto before = harvests.size();
  // It went on: what it finishes now is not to wait.
  brain->worker_finished(a.worker, a.id, 0, 1, squares(1, 1), now, now);
  pass(engine::held_up_after);
  EXPECT_EQ(harvests.size(), before + 1);
}

TEST_F(engine_relief, asks_nothing_of_the_last_item_or_of_a_single_task) {
  make_ready({}, 2);
  submit_chunk(2);
  submit_one();
  const auto a = next_assigned();
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 1, squares(1, 1), 0.1, false, now));
  pass(milliseconds(100));
  EXPECT_TRUE(harvests.empty());
}

TEST_F(engine_relief, counts_the_deadline_of_an_item_from_its_own_start) {
  pool_spec spec;
  spec.limits.deadline = milliseconds(100);
  make_ready(spec, 1);
  submit_chunk(5);
  const auto a = next_assigned();
  const auto start = now;
  pass(milliseconds(30));
  // Items 0 and 1 took 25 ms, and 2 has been at work since then.
  brain->worker_finished(a.worker, a.id, 0, 2, squares(1, 2), start + milliseconds(25), now);
  brain->worker_running(a.worker, a.id, start + milliseconds(25), now, 2);
  step();
  EXPECT_EQ(brain->next_due(), now + engine::held_up_after);
  while (now < start + milliseconds(124)) pass(milliseconds(1));
  EXPECT_TRUE(terminated.empty());
  EXPECT_TRUE(kills.empty());
  pass(milliseconds(1));
  if (!withdrawals.empty()) brain->worker_withdrew(a.worker, {1, 2, true});
  step();
  ASSERT_EQ(terminated.size() + kills.size(), 1u);
  death how{make_cause(cause_class::signal, "x"), a.id, true, 2};
  brain->worker_died(a.worker, how, now);
  step();
  ASSERT_EQ(seen->errors_of.size(), 1u);
  EXPECT_EQ(seen->errors_of.begin()->first, 2u);
  EXPECT_EQ(seen->errors_of.begin()->second.kind, outcome_kind::deadline);
  EXPECT_EQ(seen->twice, 0);
}

// On a busy machine a worker may take up its chunk only after what is behind its first item was wanted elsewhere. That
// item may never end.
TEST_F(engine_relief, asks_again_for_a_chunk_that_was_not_begun) {
  make_ready({}, 2);
  submit_chunk(4);
  const auto a = next_assigned();
  pass(engine::held_up_after);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(withdrawals.size(), 1u);
    withdrawals.clear();
    brain->worker_withdrew(a.worker, {1, std::nullopt, true});
    step();
    EXPECT_TRUE(withdrawals.empty()) << "not at once, or nothing else would be done";
    EXPECT_EQ(brain->next_due(), now + engine::held_up_after);
    pass(engine::held_up_after);
  }
  ASSERT_EQ(withdrawals.size(), 1u);
  brain->worker_withdrew(a.worker, {1, 0, true});  // it is at its first item by now
  step();
  std::size_t elsewhere = 0;
  for (const auto& part : all_assigned()) {
    EXPECT_NE(part.worker, a.worker);
    elsewhere += part.task->items;
  }
  EXPECT_GT(elsewhere, 0u);
}

TEST_F(engine_relief, takes_an_item_that_was_not_begun_after_all) {
  make_ready({}, 2);
  submit_chunk(4);
  const auto a = next_assigned();
  pass(engine::held_up_after);
  brain->worker_withdrew(a.worker, {1, 1, true});
  step();
  for (const auto& part : all_assigned())
    EXPECT_TRUE(brain->worker_items(part.worker, part.id, 0, part.task->items,
                                    squares(static_cast<std::int64_t>(part.id - a.id) + 1, part.task->items), 0.1, true,
                                    now));
  // It had noted item 1, then saw that it was to stop.
  EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, 1, squares(1, 1), 0.1, true, now));
  step();
  std::size_t runs = 0;
  while (!assigned.empty()) {
    const auto part = next_assigned();
    runs += part.task->items;
    EXPECT_TRUE(brain->worker_items(part.worker, part.id, 0, part.task->items,
                                    squares(static_cast<std::int64_t>(part.id - a.id) + 1, part.task->items), 0.1, true,
                                    now));
    step();
  }
  EXPECT_EQ(runs, 2u) << "item 1, and the part that waited";
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(seen->twice, 0);
}

TEST_F(engine_relief, charges_a_death_to_the_task_in_hand_alone) {
  pool_spec spec;
  spec.limits.attempts = 1;
  make_ready(spec, 2);
  make_short_tasks_known();
  const auto sent = hold_up(6);
  const auto held = sent[0].worker;
  pass(engine::held_up_after);
  brain->worker_withdrew(held, {1, std::nullopt, true});
  step();
  for (const auto& a : all_assigned()) answer_ok(a);
  EXPECT_EQ(brain->open(), 1u);
  die(held, sent[0].id);
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(brain->totals().quarantined, 1u);
  EXPECT_EQ(outcomes.at(1).error->kind, outcome_kind::quarantined);
}

TEST_F(engine_relief, takes_back_what_was_cancelled_behind_another_one) {
  make_ready({}, 1);
  make_short_tasks_known();
  submit_one();
  const auto cancelled = submit_one();
  submit_one();
  const auto sent = all_assigned();
  ASSERT_GE(sent.size(), 2u);
  EXPECT_TRUE(brain->cancel(cancelled, now));
  step();
  ASSERT_EQ(withdrawals.size(), 1u) << "nobody is idle, and no time went by";
  EXPECT_EQ(withdrawals[0].head, sent[0].id);
  EXPECT_EQ(withdrawals[0].sent, sent.size());
  brain->worker_withdrew(sent[0].worker, {1, std::nullopt, false});
  step();
  answer_ok(sent[0]);
  for (const auto& a : all_assigned()) {
    EXPECT_NE(a.id, sent[1].id);
    answer_ok(a);
  }
  EXPECT_EQ(brain->open(), 0u);
  for (const auto& [index, one] : outcomes) EXPECT_EQ(one.count, 1);
}

}  // namespace
