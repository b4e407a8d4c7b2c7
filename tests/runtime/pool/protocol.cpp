// What the pool's engine, its driver and its workers say to each other, in every order.
#include "any_pool.hpp"
#include "edge_tasks.hpp"
#include "engine_case.hpp"
#include "protocol_model.hpp"
#include "tests/support/sanitized.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <future>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace steward::test {

namespace {

struct named_story {
  const char* name;
  story what;
};
void PrintTo(const named_story& s, std::ostream* out) { *out << s.name; }

std::vector<named_story> stories() {
  return {
      {"urgent_behind_chunks", {{{2}, {3}, {2}}, 1, true, std::nullopt, 0, false}},
      {"urgent_and_harvests", {{{2}, {3}, {2}}, 1, true, std::nullopt, 1, false}},
      {"urgent_and_a_death", {{{2}, {3}, {2}}, 1, true, std::nullopt, 0, true}},
      {"urgent_and_a_throw", {{{3, 1}, {3}, {2}}, 1, true, std::nullopt, 0, false}},
      {"urgent_harvest_and_death", {{{2}, {3}, {1}}, 1, true, std::nullopt, 1, true}},
      {"help_for_a_chunk", {{{3}}, 2, false, std::nullopt, 2, false}},
      {"help_and_a_death", {{{3}}, 2, false, std::nullopt, 2, true}},
      {"help_for_singles", {{{1}, {1}, {1}}, 2, false, std::nullopt, 1, true}},
      {"one_of_many_short_ones_cancelled", {{{1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}}, 1, false, 3, 0, false, 0.1}},
      {"first_chunk_cancelled", {{{2}, {3}, {2}}, 1, true, 0, 0, false}},
      {"second_chunk_cancelled", {{{2}, {3}, {2}}, 1, true, 1, 0, false}},
      {"a_single_cancelled", {{{1}, {1}, {1}}, 1, true, 1, 0, true}},
      {"cancel_and_harvest", {{{3}}, 2, false, 0, 1, true}},
  };
}

class protocol : public ::testing::TestWithParam<named_story> {};

TEST_P(protocol, holds_in_every_order) {
  if (STEWARD_SANITIZED && GetParam().name == std::string("urgent_harvest_and_death"))
    GTEST_SKIP() << "its 780,000 states take minutes there, and the other stories pass the same code";
  const auto found = explore(GetParam().what);
  EXPECT_EQ(found.fault.value_or("none"), "none");
  EXPECT_TRUE(found.complete) << found.states << " states";
  EXPECT_GT(found.ends, 0U);
  RecordProperty("states", static_cast<int>(found.states));
}

INSTANTIATE_TEST_SUITE_P(stories, protocol, ::testing::ValuesIn(stories()),
                         [](const auto& one) { return std::string(one.param.name); });

class a_protocol_done_wrong : public ::testing::TestWithParam<std::pair<const char*, mutation>> {};

TEST_P(a_protocol_done_wrong, is_found_out) {
  for (const auto& one : stories()) {
    const auto found = explore(one.what, GetParam().second);
    if (found.fault) {
      RecordProperty("found", std::string(one.name) + ": " + *found.fault);
      return;
    }
  }
  FAIL() << "no story shows it";
}

INSTANTIATE_TEST_SUITE_P(mutations, a_protocol_done_wrong,
                         ::testing::Values(std::pair{"item_before_begun", mutation::item_before_begun},
                                           std::pair{"no_limit_check", mutation::no_limit_check},
                                           std::pair{"no_cut_check", mutation::no_cut_check},
                                           std::pair{"runs_before_cut_check", mutation::runs_before_cut_check},
                                           std::pair{"no_limit", mutation::no_limit},
                                           std::pair{"item_read_before_cut", mutation::item_read_before_cut},
                                           std::pair{"item_without_begun", mutation::item_without_begun},
                                           std::pair{"limit_stays", mutation::limit_stays},
                                           std::pair{"cut_stays", mutation::cut_stays},
                                           std::pair{"reads_with_old_marks", mutation::reads_with_old_marks},
                                           std::pair{"old_marks_count", mutation::old_marks_count},
                                           std::pair{"keeps_staged", mutation::keeps_staged},
                                           std::pair{"current_before_limit", mutation::current_before_limit}),
                         [](const auto& one) { return std::string(one.param.first); });

class engine_protocol : public engine_case {
protected:
  static withdrawal kept_to(std::uint64_t item) { return {1, item, true}; }
};

TEST_F(engine_protocol, sends_what_is_left_of_a_chunk_after_a_cut_and_a_death) {
  make_ready({}, 1);
  submit_chunk(6);
  const auto first = next_assigned();
  brain->worker_withdrew(first.worker, kept_to(1));
  die(first.worker);  // before it began
  ready_all();
  std::uint32_t items = 0;
  for (int i = 0; i < 6 && !assigned.empty(); ++i) {
    const auto next = next_assigned();
    EXPECT_EQ(next.id, first.id + items);
    const auto from = static_cast<std::int64_t>(items + 1);
    EXPECT_TRUE(brain->worker_items(next.worker, next.id, 0, next.task->items, squares(from, next.task->items), 0.1,
                                    true, now));
    items += next.task->items;
    step();
  }
  EXPECT_EQ(items, 6u);
  EXPECT_EQ(seen->values_of.size(), 6u);
  EXPECT_EQ(seen->twice, 0);
}

TEST_F(engine_protocol, takes_nothing_twice_that_was_not_harvested) {
  make_ready({}, 1);
  submit_chunk(4);
  const auto first = next_assigned();
  brain->worker_finished(first.worker, first.id, 0, 2, squares(1, 2), now, now);
  EXPECT_FALSE(brain->worker_items(first.worker, first.id, 0, 1, squares(1, 1), 0.1, false, now))
      << "it has told of two already";
  EXPECT_TRUE(brain->worker_items(first.worker, first.id, 0, 3, squares(1, 3), 0.1, false, now));
  EXPECT_FALSE(brain->worker_items(first.worker, first.id, 0, 4, squares(1, 4), 0.1, true, now)) << "from where it was";
  EXPECT_TRUE(brain->worker_items(first.worker, first.id, 3, 1, squares(4, 1), 0.1, true, now));
  step();
  EXPECT_EQ(seen->values_of.size(), 4u);
  // The next one takes the same place in the ledger.
  submit_chunk(4);
  const auto second = next_assigned();
  EXPECT_TRUE(brain->worker_items(second.worker, second.id, 0, 2, squares(1, 2), 0.1, false, now));
  EXPECT_FALSE(brain->worker_items(second.worker, second.id, 0, 4, squares(1, 4), 0.1, true, now));
}

TEST_F(engine_protocol, tries_a_chunk_again_that_found_no_room_after_it_was_cut) {
  make_ready({}, 1);
  submit_chunk(4);
  const auto first = next_assigned();
  brain->worker_withdrew(first.worker, kept_to(0));
  EXPECT_TRUE(brain->worker_did_not_take(first.worker, first.id, make_cause(cause_class::memory, "no room"), now));
  step();
  EXPECT_TRUE(seen->errors_of.empty());
  const auto next = next_assigned();
  EXPECT_EQ(next.id, first.id);
  EXPECT_EQ(next.task->items, 1u);
}

template <class Pool>
class pool_protocol : public any_pool<Pool> {};
TYPED_TEST_SUITE(pool_protocol, both, pool_names);

TYPED_TEST(pool_protocol, starts_a_retry_without_the_stop_of_the_attempt_before) {
  auto spec = spec_of(1);
  spec.limits.attempts = 2;
  spec.on_exception = exception_policy::retry;
  spec.limits.soft_deadline = milliseconds(20);
  auto pool = this->make(spec);
  const auto got = pool->submit(edges().throw_when_stopped).get();
  ASSERT_TRUE(got.ok()) << describe(got.error());
  EXPECT_EQ(got.value(), 0);
}

class process_protocol : public any_pool<process_pool> {};

TEST_F(process_protocol, lets_no_task_pay_for_a_cancelled_one_before_it) {
  auto spec = spec_of(1);
  spec.limits.attempts = 1;
  spec.limits.grace = milliseconds(20);
  auto pool = make(spec);
  const auto& t = tasks();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(pool->submit(t.hold_at_zero, 1).get().ok());
  const auto pid = static_cast<int>(pool->submit(t.pid, 0).get().value());
  // It reads all of them at once, and finds the first one cancelled.
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  auto first = pool->submit(t.hold_at_zero, 2);
  auto second = pool->submit(t.hold_at_zero, 0);
  std::vector<task_future<std::int64_t>> more;
  for (int i = 0; i < 8; ++i) more.push_back(pool->submit(t.hold_at_zero, 3));
  for (const auto end = std::chrono::steady_clock::now() + patience; pool->stats().running < 2;) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(milliseconds(1));
  }
  first.cancel();
  EXPECT_EQ(first.get().error().kind, outcome_kind::cancelled);
  ASSERT_EQ(::kill(pid, SIGCONT), 0);
  EXPECT_EQ(second.wait_for(milliseconds(300)), std::future_status::timeout) << "it runs on";
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
  second.cancel();
  for (auto& one : more) EXPECT_TRUE(one.get().ok());
}

}  // namespace

}  // namespace steward::test
