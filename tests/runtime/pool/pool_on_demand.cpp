// Pools that have no worker while they have no task.
#include "any_pool.hpp"

#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

namespace {

using namespace steward;
using namespace steward::test;
using namespace std::chrono_literals;

template <class Pool>
class pool_on_demand : public any_pool<Pool> {
protected:
  static pool_spec on_demand(unsigned most) {
    pool_spec spec;
    spec.size.min_workers = 0;
    spec.size.max_workers = most;
    spec.size.idle_exit = 20ms;
    return spec;
  }
  static bool is_empty_soon(const pool& of) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (of.stats().workers > 0) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
};
TYPED_TEST_SUITE(pool_on_demand, both, pool_names);

TYPED_TEST(pool_on_demand, is_ready_without_workers_and_has_some_for_tasks) {
  const auto pool = this->make(this->on_demand(2));
  const auto before = pool->stats();
  EXPECT_EQ(before.workers, 0u);
  EXPECT_EQ(before.ready, 0u);
  EXPECT_TRUE(before.each.empty());
  const auto inputs = numbers(1, 200);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(pool->map(tasks().square, inputs), squares_of(inputs));
    ASSERT_TRUE(this->is_empty_soon(pool->untyped()));
  }
  auto one = pool->submit(tasks().square, 5);
  EXPECT_EQ(get_soon(one).value(), 25);
  EXPECT_EQ(pool->stats().restarts, 0u);
  EXPECT_TRUE(this->around.events.all(event_kind::crash).empty());
}

TYPED_TEST(pool_on_demand, shrinks_to_nothing_from_the_workers_of_its_start) {
  auto spec = this->on_demand(3);
  spec.size.workers = 3;
  const auto pool = this->make(spec);
  ASSERT_TRUE(this->is_empty_soon(pool->untyped()));
  auto one = pool->submit(tasks().square, 5);
  EXPECT_EQ(get_soon(one).value(), 25);
}

TYPED_TEST(pool_on_demand, stops_without_workers) {
  const auto pool = this->make(this->on_demand(2));
  pool->stop();
  auto late = pool->submit(tasks().square, 5);
  EXPECT_EQ(get_soon(late).error().kind, outcome_kind::cancelled);
}

TYPED_TEST(pool_on_demand, finishes_what_was_submitted_when_it_is_drained) {
  const auto pool = this->make(this->on_demand(2));
  std::vector<task_future<std::int64_t>> all;
  for (const auto n : numbers(1, 50)) all.push_back(pool->submit(tasks().square, n));
  pool->stop(true);
  for (const auto n : numbers(1, 50)) EXPECT_EQ(get_soon(all[static_cast<std::size_t>(n - 1)]).value(), n * n);
}

TYPED_TEST(pool_on_demand, can_be_resized_to_nothing) {
  auto spec = spec_of(2);
  spec.size.idle_exit = 20ms;
  const auto pool = this->make(spec);
  pool->resize(0, 2);
  ASSERT_TRUE(this->is_empty_soon(pool->untyped()));
  auto one = pool->submit(tasks().square, 5);
  EXPECT_EQ(get_soon(one).value(), 25);
}

using process_pool_on_demand = pool_on_demand<process_pool>;
TEST_F(process_pool_on_demand, replaces_its_last_worker_when_it_is_killed_and_tasks_wait) {
  auto spec = on_demand(1);
  spec.limits.attempts = 2;
  const auto pool = make(spec);
  std::vector<task_future<std::int64_t>> all;
  all.push_back(pool->submit(tasks().misbehave, 1, "kill"));
  for (const auto n : numbers(2, 20)) all.push_back(pool->submit(tasks().square, n));
  for (const auto n : numbers(1, 21)) EXPECT_EQ(get_soon(all[static_cast<std::size_t>(n - 1)]).value(), n * n);
  EXPECT_EQ(pool->stats().restarts, 1u);
  ASSERT_TRUE(is_empty_soon(pool->untyped()));
}

TEST_F(process_pool_on_demand, tells_a_task_why_no_worker_can_be_started) {
  auto spec = on_demand(1);
  spec.initializer = "fail_to_initialize";
  spec.restarts.worker_restarts.restarts = 2;
  const auto pool = make(spec);
  auto one = pool->submit(tasks().square, 5);
  const auto end = get_soon(one);
  EXPECT_EQ(end.error().kind, outcome_kind::pool_gone);
  EXPECT_NE(describe(end.error()).find("there is no database"), std::string::npos) << describe(end.error());
}

using thread_pool_on_demand = pool_on_demand<thread_pool>;
TEST_F(thread_pool_on_demand, has_more_workers_for_tasks_that_wait_for_others_of_it) {
  const auto pool = make(on_demand(4));
  auto outer = pool->submit([&pool] {
    auto inner = pool->submit([&pool] {
      auto innermost = pool->submit([] { return 7; });
      return innermost.get().value();
    });
    return inner.get().value();
  });
  EXPECT_EQ(get_soon(outer).value(), 7);
}

}  // namespace
