// What a single task or a map may have otherwise than its pool.
#include "any_pool.hpp"

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using namespace steward;
using namespace steward::test;
using namespace std::chrono_literals;

template <class Pool>
class task_options : public any_pool<Pool> {};
TYPED_TEST_SUITE(task_options, both, pool_names);

TYPED_TEST(task_options, give_one_task_a_deadline_of_its_own) {
  const auto pool = this->make(spec_of(1));
  auto late = pool->submit_with({.deadline = 30ms}, tasks().until_stopped, 1);
  EXPECT_EQ(get_soon(late).error().kind, outcome_kind::deadline);
  auto after = pool->submit(tasks().square, 5);
  EXPECT_EQ(get_soon(after).value(), 25);
}

TYPED_TEST(task_options, give_the_inputs_of_a_map_a_deadline_of_their_own) {
  const auto pool = this->make(spec_of(1));
  const auto ends = pool->map_outcomes(tasks().hold_at_zero, numbers(-20, 40), {.chunk = 40, .deadline = 60ms});
  ASSERT_EQ(ends.size(), 40u);
  for (std::size_t i = 0; i < ends.size(); ++i) EXPECT_EQ(ends[i].ok(), i != 20) << i;
  EXPECT_EQ(ends[20].error().kind, outcome_kind::deadline);
}

TYPED_TEST(task_options, free_a_task_from_the_deadline_of_its_pool) {
  auto spec = spec_of(1);
  spec.limits.deadline = 30ms;
  const auto pool = this->make(spec);
  auto free = pool->submit_with({.deadline = infinity}, tasks().until_stopped, 1);
  EXPECT_EQ(free.wait_for(200ms), std::future_status::timeout);
  free.cancel();
  EXPECT_EQ(get_soon(free).error().kind, outcome_kind::cancelled);
}

TYPED_TEST(task_options, give_one_task_attempts_of_its_own) {
  auto spec = spec_of(1);
  spec.on_exception = exception_policy::retry;
  const auto pool = this->make(spec);
  auto known = pool->submit_with({.attempts = 7}, tasks().about_me, 1);
  EXPECT_EQ(get_soon(known).value(), "squares 1/7");
  auto twice = pool->submit_with({.attempts = 2}, tasks().poison, 1, "throw");
  EXPECT_EQ(get_soon(twice).error().attempts.size(), 2u);
  const std::vector<std::tuple<std::int64_t, std::string>> inputs{{1, "throw"}, {2, "none"}};
  const auto ends = pool->map_outcomes(tasks().poison, inputs, {.attempts = 1});
  EXPECT_EQ(ends[0].error().attempts.size(), 1u);
  EXPECT_EQ(ends[1].value(), 4);
}

TYPED_TEST(task_options, cancel_a_task_by_a_stop_token) {
  const auto pool = this->make(spec_of(1));
  std::stop_source stop;
  auto runs = pool->submit_with({.stop = stop.get_token()}, tasks().until_stopped, 1);
  auto waits = pool->submit_with({.stop = stop.get_token()}, tasks().square, 1);
  std::this_thread::sleep_for(5ms);
  stop.request_stop();
  EXPECT_EQ(get_soon(runs).error().kind, outcome_kind::cancelled);
  static_cast<void>(get_soon(waits));
  // Nothing is left that would call the pool.
  auto late = pool->submit_with({.stop = stop.get_token()}, tasks().until_stopped, 1);
  EXPECT_EQ(get_soon(late).error().kind, outcome_kind::cancelled);
}

TYPED_TEST(task_options, leave_nothing_of_a_stop_token_behind) {
  std::stop_source stop;
  {
    const auto pool = this->make(spec_of(2));
    std::vector<task_future<std::int64_t>> all;
    for (const auto n : numbers(1, 100))
      all.push_back(pool->submit_with({.stop = stop.get_token()}, tasks().square, n));
    wait_all(all);
  }
  EXPECT_TRUE(stop.request_stop()) << "it would call a pool that is gone";
}

TEST(process_task_options, quarantine_a_task_after_attempts_of_its_own) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  auto once = pool.submit_with({.attempts = 1}, tasks().poison, 1, "kill");
  const auto end = get_soon(once);
  EXPECT_EQ(end.error().kind, outcome_kind::quarantined);
  EXPECT_EQ(end.error().attempts.size(), 1u);
  auto five = pool.submit_with({.attempts = 5}, tasks().poison, 1, "kill");
  EXPECT_EQ(get_soon(five).error().attempts.size(), 5u);
}

TEST(process_task_options, have_no_original_exception_to_throw) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(1));
  auto one = pool.submit(tasks().poison, 1, "throw");
  const auto end = get_soon(one);
  EXPECT_EQ(end.error().why.original, nullptr);
  EXPECT_THROW(end.error().rethrow(), task_failed);
}

TEST(task_registry_lambdas, are_tasks_where_they_capture_nothing) {
  task_registry registry;
  const auto cube = registry.add("cube", [](std::int64_t n) { return n * n * n; });
  surroundings around;
  auto environment = around.environment();
  environment.tasks = &registry;
  thread_pool pool(environment, "cubes", spec_of(1));
  EXPECT_EQ(pool.map(cube, std::vector<std::int64_t>{1, 2, 3}), (std::vector<std::int64_t>{1, 8, 27}));
  ASSERT_NE(registry.find("cube"), nullptr);
  EXPECT_EQ(registry.find("cube")->signature, "int64(int64)");
}

}  // namespace
