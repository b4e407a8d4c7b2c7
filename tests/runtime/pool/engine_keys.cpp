// Tasks of one key: one after the other, on one worker.
#include "engine_case.hpp"
#include "pool/key_lines.hpp"

namespace {

using namespace steward;
using namespace steward::pooling;

class engine_keys : public steward::test::engine_case {
protected:
  job_ptr submit_key(const std::string& key, int priority = 0) { return submit_one(priority, key); }
  void answer_throw(const act::assign& a) {
    cause why;
    why.cls = cause_class::exception;
    EXPECT_TRUE(steward::test::answered(*brain, a.worker, a.id, {true, {}, why, 0.01}, now));
    step();
  }
};

TEST_F(engine_keys, run_one_after_the_other_while_others_are_idle) {
  make_ready({}, 3);
  for (int i = 0; i < 3; ++i) submit_key("a");
  ASSERT_EQ(assigned.size(), 1u);
  auto a = next_assigned();
  for (task_id id = 1; id <= 3; ++id) {
    EXPECT_EQ(a.id, id);
    EXPECT_TRUE(assigned.empty());
    answer_ok(a);
    if (id == 3) break;
    const auto before = a.worker;
    a = next_assigned();
    EXPECT_EQ(a.worker, before);
  }
  EXPECT_EQ(brain->queued(), 0u);
}

TEST_F(engine_keys, stay_with_their_worker_though_another_one_is_idle) {
  make_ready({}, 2);
  submit_key("a");
  const auto a = next_assigned();
  answer_ok(a, 5.0);
  submit();
  const auto other = next_assigned();
  ASSERT_EQ(other.worker, a.worker);
  submit_key("a");
  EXPECT_TRUE(assigned.empty()) << "it waits for the worker of its key";
  submit();
  EXPECT_EQ(next_assigned().worker.index, 1 - a.worker.index) << "and nobody waits for it";
  answer_ok(other);
  EXPECT_EQ(next_assigned().worker, a.worker);
}

TEST_F(engine_keys, are_spread_over_the_workers) {
  make_ready({}, 4);
  std::map<unsigned, int> keys;
  for (int i = 0; i < 40; ++i) {
    submit_key("key " + std::to_string(i));
    const auto a = next_assigned();
    ++keys[a.worker.index];
    answer_ok(a, 0.5);
  }
  EXPECT_EQ(keys.size(), 4u);
  for (const auto& [index, count] : keys) EXPECT_EQ(count, 10) << index;
}

TEST_F(engine_keys, move_as_a_whole_when_their_worker_dies_and_the_retry_comes_first) {
  make_ready({}, 2);
  for (int i = 0; i < 3; ++i) submit_key("a");
  const auto a = next_assigned();
  die(a.worker, a.id);
  const auto again = next_assigned();
  EXPECT_EQ(again.id, a.id);
  EXPECT_EQ(again.attempt, 2u);
  EXPECT_NE(again.worker, a.worker);
  ready_all();
  EXPECT_TRUE(assigned.empty()) << "the others still wait for it";
  answer_ok(again);
  const auto second = next_assigned();
  EXPECT_EQ(second.id, 2u);
  EXPECT_EQ(second.worker, again.worker);
}

TEST_F(engine_keys, run_a_task_that_threw_again_before_the_later_ones_and_on_its_worker) {
  pool_spec spec;
  spec.on_exception = exception_policy::retry;
  make_ready(spec, 2);
  submit_key("a");
  submit_key("a");
  const auto a = next_assigned();
  answer_throw(a);
  const auto again = next_assigned();
  EXPECT_EQ(again.id, a.id);
  EXPECT_EQ(again.worker, a.worker);
  EXPECT_TRUE(assigned.empty());
  answer_ok(again);
  EXPECT_EQ(next_assigned().id, 2u);
}

TEST_F(engine_keys, go_on_when_a_task_of_theirs_is_cancelled) {
  pool_spec spec;
  spec.limits.grace = milliseconds(50);
  make_ready(spec, 1);
  const auto first = submit_key("a");
  const auto second = submit_key("a");
  submit_key("a");
  const auto a = next_assigned();
  EXPECT_TRUE(brain->cancel(second, now));
  EXPECT_TRUE(brain->cancel(first, now));
  step();
  EXPECT_TRUE(assigned.empty()) << "the one that is cancelled still runs";
  EXPECT_EQ(brain->open(), 1u);
  answer_ok(a);
  EXPECT_EQ(next_assigned().id, 3u);
}

TEST_F(engine_keys, leave_a_worker_that_is_told_to_end) {
  make_ready({}, 2);
  submit_key("a");
  const auto a = next_assigned();
  submit_key("a");
  brain->resize(1, 1, now);
  step();
  // The idle one goes first: the key's worker stays.
  ASSERT_EQ(stops.size(), 1u);
  EXPECT_NE(stops[0], a.worker);
  brain->resize(2, 2, now);
  step();
  for (const auto w : std::exchange(stops, {})) die(w);
  ready_all();
  submit();
  const auto other = next_assigned();
  submit_key("b");
  EXPECT_TRUE(assigned.empty());
  brain->resize(1, 1, now);
  step();
  ASSERT_EQ(stops.size(), 1u);
  answer_ok(a);
  answer_ok(other);
  const auto stays = stops[0] == a.worker ? other.worker : a.worker;
  while (!assigned.empty()) {
    const auto x = next_assigned();
    EXPECT_EQ(x.worker, stays);
    answer_ok(x);
  }
  EXPECT_EQ(brain->open(), 0u);
}

TEST_F(engine_keys, leave_a_worker_whose_share_is_up) {
  pool_spec spec;
  spec.restarts.recycle_after = 2;
  spec.restarts.recycle_jitter = 0.0;
  make_ready(spec, 1);
  for (int i = 0; i < 5; ++i) submit_key("a");
  std::vector<std::uint64_t> lives;
  for (task_id id = 1; id <= 5; ++id) {
    ready_all();
    const auto a = next_assigned();
    EXPECT_EQ(a.id, id);
    lives.push_back(a.worker.incarnation * 100 + a.worker.index);
    answer_ok(a, 5.0);
    for (const auto w : std::exchange(stops, {})) die(w);
  }
  EXPECT_EQ(lives[0], lives[1]);
  EXPECT_NE(lives[1], lives[2]);
  EXPECT_EQ(lives[2], lives[3]);
}

TEST_F(engine_keys, give_their_turn_to_what_has_a_higher_priority) {
  make_ready({}, 1);
  submit_key("a");
  const auto a = next_assigned();
  submit_key("a");
  const auto high = submit_one(1);
  answer_ok(a, 5.0);
  EXPECT_EQ(next_assigned().id, high->id);
  EXPECT_TRUE(assigned.empty());
}

TEST_F(engine_keys, are_asked_for_by_their_priority_among_those_of_one_worker) {
  make_ready({}, 1);
  submit_key("a");
  answer_ok(next_assigned(), 5.0);
  submit_key("b");
  answer_ok(next_assigned(), 5.0);
  submit();
  const auto long_one = next_assigned();
  const auto low = submit_key("a", 0);
  const auto high = submit_key("b", 1);
  answer_ok(long_one, 5.0);
  const auto next = next_assigned();
  EXPECT_EQ(next.id, high->id);
  answer_ok(next, 5.0);
  EXPECT_EQ(next_assigned().id, low->id);
}

TEST_F(engine_keys, are_cancelled_at_the_end_with_all_that_waits) {
  make_ready({}, 1);
  submit_key("b");
  answer_ok(next_assigned(), 5.0);
  for (int i = 0; i < 3; ++i) submit_key("a");
  submit_key("b");
  EXPECT_EQ(brain->queued(), 3u);
  brain->stop(false, now);
  step();
  EXPECT_EQ(brain->queued(), 0u);
  EXPECT_EQ(brain->open(), 1u) << "the one in hand";
  EXPECT_EQ(brain->totals().cancelled, 3u);
}

TEST_F(engine_keys, are_all_finished_when_the_pool_is_drained) {
  make_ready({}, 2);
  for (int i = 0; i < 4; ++i) submit_key("a");
  brain->stop(true, now);
  step();
  for (int i = 0; i < 4; ++i) answer_ok(next_assigned());
  EXPECT_EQ(brain->open(), 0u);
  for (const auto& [index, end] : outcomes) EXPECT_EQ(end.error, std::nullopt) << index;
}

TEST_F(engine_keys, are_told_when_the_pool_gives_up) {
  pool_spec spec;
  spec.restarts.worker_restarts.restarts = 0;
  make_ready(spec, 1);
  for (int i = 0; i < 3; ++i) submit_key("a");
  const auto a = next_assigned();
  die(a.worker, a.id);
  ASSERT_TRUE(gave_up);
  EXPECT_EQ(brain->open(), 0u);
  ASSERT_EQ(outcomes.size(), 3u);
  for (const auto& [index, end] : outcomes) EXPECT_EQ(end.error->kind, outcome_kind::pool_gone) << index;
}

TEST_F(engine_keys, end_a_wait_of_a_task_for_a_later_one_of_its_own_key) {
  pool_spec spec;
  spec.runs_in = rung::thread;
  make_ready(spec, 2);
  submit_key("a");
  const auto a = next_assigned();
  const auto inner = submit_key("a");
  brain->worker_waits(a.worker, awaited{inner, nullptr, nullptr});
  step();
  ASSERT_TRUE(outcomes[1].error) << "it could never be begun";
  EXPECT_EQ(outcomes[1].error->kind, outcome_kind::cancelled);
  EXPECT_NE(outcomes[1].error->why.message.find("key"), std::string::npos);
  brain->worker_waits(a.worker, std::nullopt);
  answer_ok(a);
  EXPECT_EQ(outcomes[0].error, std::nullopt);
}

TEST_F(engine_keys, move_from_a_worker_that_waits_for_a_task_of_theirs) {
  pool_spec spec;
  spec.runs_in = rung::thread;
  make_ready(spec, 2);
  submit_key("b");
  const auto b = next_assigned();
  answer_ok(b, 5.0);
  submit_key("a");
  // "b" has the first worker, "a" the second.
  const auto a = next_assigned();
  ASSERT_NE(a.worker, b.worker);
  submit_key("c");
  const auto c = next_assigned();
  ASSERT_EQ(c.worker, b.worker);
  const auto inner = submit_key("b");
  EXPECT_TRUE(assigned.empty());
  brain->worker_waits(c.worker, awaited{inner, nullptr, nullptr});
  step();
  answer_ok(a, 5.0);
  const auto moved = next_assigned();
  EXPECT_EQ(moved.id, inner->id);
  EXPECT_EQ(moved.worker, a.worker);
}

TEST(key_lines_memory, forgets_the_key_that_was_used_longest_ago_beyond_so_many) {
  key_lines lines;
  const auto live = [](slip) { return true; };
  for (std::size_t i = 0; i <= key_lines::most_idle; ++i) {
    const auto key = std::to_string(i);
    const task_id id = i + 1;
    ASSERT_TRUE(lines.join(key, {0, id}));
    lines.give(key, {0, 1});
    EXPECT_FALSE(lines.ended(key, id, live));
  }
  EXPECT_EQ(lines.keys_of({0, 1}), key_lines::most_idle);
  EXPECT_EQ(lines.holder("0").incarnation, 0u);
  EXPECT_EQ(lines.holder("1").incarnation, 1u);
  EXPECT_EQ(lines.keys_of({0, 2}), 0u) << "keys are of one life of a worker";
}

}  // namespace
