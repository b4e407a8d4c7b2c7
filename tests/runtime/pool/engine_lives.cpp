// How many workers a pool has: growth, shrinking, resizing, spares, planned replacements, and who gets which task.
#include "engine_case.hpp"

namespace {

using namespace steward;
using namespace steward::pooling;
using engine_lives = steward::test::engine_case;
using steward::test::answered;

TEST_F(engine_lives, grows_while_tasks_wait_and_no_further_than_it_may) {
  pool_spec spec;
  spec.size.max_workers = 4;
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
  spec.size.min_workers = 1;
  spec.size.idle_exit = milliseconds(1'000);
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

TEST_F(engine_lives, can_be_resized_before_its_start) {
  make({}, 2);
  brain->resize(6, 6, now);
  brain->start(now);
  step();
  EXPECT_EQ(starts.size(), 6u);
  ready_all();
  EXPECT_TRUE(all_ready);

  starts.clear();
  make({}, 6);
  brain->resize(2, 2, now);
  brain->start(now);
  step();
  EXPECT_EQ(starts.size(), 2u);
}

TEST_F(engine_lives, can_be_made_smaller_while_it_starts) {
  make({}, 6);
  brain->start(now);
  step();
  auto all = std::exchange(starts, {});
  ASSERT_EQ(all.size(), 6u);
  brain->worker_ready(all[0], now);
  step();
  brain->resize(2, 2, now);
  step();
  EXPECT_TRUE(stops.empty()) << "nobody who is ready has to go";
  EXPECT_FALSE(all_ready);
  for (std::size_t i = 1; i < all.size(); ++i) brain->worker_ready(all[i], now);
  step();
  EXPECT_TRUE(all_ready);
  EXPECT_EQ(stops.size(), 4u);
  for (const auto w : std::exchange(stops, {})) die(w);
  submit(10);
  EXPECT_EQ(assigned.size(), 2u);
  EXPECT_TRUE(starts.empty());
  EXPECT_EQ(count(event_kind::crash), 0);
}

TEST_F(engine_lives, takes_those_that_start_when_it_is_made_larger_again) {
  make({}, 4);
  brain->start(now);
  step();
  brain->resize(1, 1, now);
  brain->resize(3, 3, now);
  step();
  EXPECT_EQ(starts.size(), 4u);
  ready_all();
  EXPECT_EQ(stops.size(), 1u);
}

TEST_F(engine_lives, a_pool_that_works_survives_when_it_cannot_grow) {
  pool_spec spec;
  spec.limits.heartbeat = milliseconds(0);
  make_ready(spec, 2);
  submit(2);
  const auto running = std::exchange(assigned, {});
  ASSERT_EQ(running.size(), 2u);
  brain->resize(300, 300, now);
  step();
  const auto fail_all = [&] {
    for (const auto w : std::exchange(starts, {}))
      brain->worker_start_failed(w, make_cause(cause_class::start, "Too many open files"), now);
    step();
  };
  EXPECT_EQ(starts.size(), 298u);
  fail_all();
  EXPECT_FALSE(gave_up.has_value());
  // From then on one is tried at a time, ever more rarely.
  int tries = 0;
  for (const auto end = now + std::chrono::minutes(10); now < end;) {
    now = std::max(now, brain->next_due().value_or(end));
    step();
    EXPECT_LE(starts.size(), 1u);
    tries += static_cast<int>(starts.size());
    fail_all();
  }
  EXPECT_FALSE(gave_up.has_value());
  EXPECT_GT(tries, 3);
  EXPECT_LT(tries, 2'000);
  for (const auto& a : running) answer_ok(a);
  EXPECT_EQ(outcomes.at(0).error, std::nullopt);
  // Once there is room again all of them come, one after the other.
  unsigned come = 0;
  for (int i = 0; i < 1'000 && come < 298; ++i) {
    if (starts.empty()) now = std::max(now, brain->next_due().value_or(now));
    step();
    come += static_cast<unsigned>(starts.size());
    ready_all();
  }
  EXPECT_EQ(come, 298u);
  submit(400);
  EXPECT_EQ(assigned.size(), 300u);
}

TEST_F(engine_lives, a_pool_that_gave_up_is_not_resized) {
  pool_spec spec;
  spec.restarts.worker_restarts.restarts = 0;
  make_ready(spec, 1);
  die({0, 1});
  ASSERT_TRUE(gave_up.has_value());
  starts.clear();
  brain->resize(3, 3, now);
  step();
  EXPECT_TRUE(starts.empty());
}

TEST_F(engine_lives, has_a_largest_size) {
  make_ready({}, 1);
  brain->resize(4'000'000'000, 4'000'000'000, now);
  step();
  EXPECT_EQ(brain->size(), bounds::workers.max);
}

TEST_F(engine_lives, cuts_a_chunk_to_what_is_left_of_a_workers_share) {
  pool_spec spec;
  spec.restarts.recycle_after = 10;
  spec.restarts.recycle_jitter = 0.0;
  make_ready(spec, 1);
  submit_chunk(4);
  submit_chunk(95);
  std::map<std::pair<unsigned, std::uint64_t>, std::size_t> ran;
  for (int i = 0; i < 200 && brain->open() > 0; ++i) {
    for (const auto& a : std::exchange(assigned, {})) {
      ran[{a.worker.index, a.worker.incarnation}] += a.task->items;
      bytes values(a.task->items * sizeof(std::int64_t));
      EXPECT_TRUE(brain->worker_items(a.worker, a.id, 0, a.task->items, std::move(values), 0.1, true, now));
      step();
    }
    for (const auto w : std::exchange(stops, {})) die(w);
    ready_all();
  }
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(seen->values_of.size(), 95u) << "the first four are those of both chunks";
  EXPECT_GE(ran.size(), 10u);
  for (const auto& [w, items] : ran) EXPECT_LE(items, 10u);
}

TEST_F(engine_lives, keeps_a_spare_ready_that_takes_over_at_once) {
  pool_spec spec;
  spec.size.spares = 1;
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
  spec.restarts.recycle_after = 1'000;
  spec.restarts.recycle_jitter = 0.5;
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
  spec.restarts.recycle_memory = 1'000'000;
  make_ready(spec, 1);
  submit();
  answer_ok(next_assigned());
  ASSERT_TRUE(brain->wanted(0, now).memory);
  EXPECT_LE(brain->next_due(), now) << "at once, before it is sent anything more";
  brain->worker_looked_at({0, 1}, false, 999'999, now);
  step();
  EXPECT_TRUE(starts.empty());
  EXPECT_FALSE(brain->wanted(0, now).memory) << "nothing has run since";
  submit();
  answer_ok(next_assigned());
  ASSERT_TRUE(brain->wanted(0, now).memory);
  brain->worker_looked_at({0, 1}, false, 1'000'001, now);
  step();
  EXPECT_EQ(starts.size(), 1u) << "its replacement is on its way";
  EXPECT_EQ(stops.size(), 1u) << "it takes nothing more, so it stays for nothing";
  submit();
  EXPECT_TRUE(assigned.empty());
  die(stops[0]);
  ready_all();
  EXPECT_EQ(next_assigned().worker.index, 1u);
  EXPECT_EQ(brain->totals().recycled, 1u);
}

TEST_F(engine_lives, takes_back_from_a_worker_that_is_too_large_what_it_has_not_begun) {
  pool_spec spec;
  spec.restarts.recycle_memory = 1'000'000;
  make_ready(spec, 1);
  submit();
  answer_ok(next_assigned());
  submit(8);
  const auto sent = assigned.size();
  ASSERT_GE(sent, 3u) << "short ones are sent ahead";
  const auto a = next_assigned();
  EXPECT_TRUE(answered(*brain, a.worker, a.id, {false, {}, {}, 0.01}, now));
  brain->worker_looked_at({0, 1}, false, 1'000'001, now);
  step();
  ASSERT_EQ(withdrawals.size(), 1u);
  EXPECT_EQ(withdrawals[0].sent, sent - 1);
  EXPECT_EQ(assigned.size(), sent - 1) << "and it is sent no more";
}

TEST_F(engine_lives, starts_no_more_than_one_replacement_for_each_worker_that_leaves) {
  pool_spec spec;
  spec.restarts.recycle_after = 1;
  make_ready(spec, 3);
  submit(600);
  const auto exist = [this] {
    unsigned count = 0;
    for (unsigned i = 0; i < brain->places(); ++i) count += brain->view(i).exists ? 1U : 0U;
    return count;
  };
  for (int round = 0; round < 3'000 && brain->open() > 0; ++round) {
    for (const auto& a : std::exchange(assigned, {})) answer_ok(a);
    EXPECT_LE(exist(), 6u);
    ready_all();
    EXPECT_LE(exist(), 6u);
    // They take their time to end.
    if (round % 3 == 0)
      for (const auto w : std::exchange(stops, {})) die(w);
  }
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_EQ(brain->totals().settled, 600u);
}

TEST_F(engine_lives, a_worker_with_no_share_left_makes_room_for_one_that_finds_none) {
  pool_spec spec;
  spec.restarts.recycle_after = 1;
  make_ready(spec, 2);
  submit(60);
  // No more than two exist at a time: the system has no room for a third. No time passes: nobody waits for a try that
  // is due later while there is room.
  std::vector<worker_ref> there{{0, 1}, {1, 1}};
  for (int round = 0; round < 1'000 && brain->open() > 0; ++round) {
    for (const auto& a : std::exchange(assigned, {})) answer_ok(a);
    for (const auto w : std::exchange(stops, {})) {
      std::erase(there, w);
      die(w);
    }
    for (const auto w : std::exchange(starts, {})) {
      if (there.size() < 2) {
        there.push_back(w);
        brain->worker_exists(w, 1);
        brain->worker_ready(w, now);
      } else {
        brain->worker_start_failed(w, make_cause(cause_class::start, "too many open files"), now);
      }
      step();
    }
    step();
  }
  EXPECT_EQ(brain->open(), 0u);
  EXPECT_FALSE(gave_up);
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
  spec.limits.attempts = 2;
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
  spec.restarts.recycle_after = 2;
  spec.restarts.recycle_jitter = 0.0;
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

TEST_F(engine_lives, makes_room_for_a_fresh_worker_where_one_has_left_its_place_for_good) {
  pool_spec spec;
  spec.runs_in = rung::process;
  spec.limits.attempts = 2;
  spec.restarts.recycle_memory = 1'000;
  make_ready(spec, 1);
  submit();
  answer_ok(next_assigned());
  brain->worker_looked_at({0, 1}, 0, 2'000, now);
  step();
  ready_all();
  ASSERT_EQ(stops.size(), 1u);
  die(std::exchange(stops, {})[0]);
  ASSERT_FALSE(brain->view(0).exists);
  // The replacement dies under two tasks, which then want a fresh worker each.
  submit(4);
  const auto first = next_assigned();
  const auto second = next_assigned();
  ASSERT_EQ(second.worker.index, 1u);
  die(second.worker, second.id);
  ready_all();
  EXPECT_EQ(next_assigned().id, first.id);
  answer_ok(act::assign{{1, 2}, first.id, 2, first.task});
  ASSERT_EQ(stops.size(), 1u) << "nobody fresh is coming";
  die(stops[0]);
  ready_all();
  EXPECT_EQ(next_assigned().id, second.id);
}

}  // namespace
