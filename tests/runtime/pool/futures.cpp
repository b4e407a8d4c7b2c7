// What one can do with the future of a task: of threads and of processes alike.
#include "any_pool.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace steward;
using namespace steward::test;
using namespace std::chrono_literals;

template <class Pool>
class futures : public any_pool<Pool> {};
TYPED_TEST_SUITE(futures, both, pool_names);

template <class Condition>
bool soon(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  return condition();
}

TYPED_TEST(futures, go_on_with_a_value_or_with_an_outcome) {
  const auto pool = this->make(spec_of(2));
  auto text = pool->submit(tasks().square, 7).then([](std::int64_t n) { return n + 1; }).then([](std::int64_t n) {
    return std::to_string(n);
  });
  EXPECT_EQ(get_soon(text).value(), "50");
  auto told = pool->submit(tasks().poison, 7, "throw").then([](const outcome<std::int64_t>& x) { return x.ok(); });
  EXPECT_FALSE(get_soon(told).value());
}

TYPED_TEST(futures, pass_an_error_by_a_continuation_that_takes_a_value) {
  const auto pool = this->make(spec_of(2));
  std::atomic<bool> called{false};
  auto next = pool->submit(tasks().poison, 7, "throw").then([&](std::int64_t) { called = true; });
  const auto end = get_soon(next);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().kind, outcome_kind::exception);
  EXPECT_EQ(end.error().task, "poison");
  EXPECT_FALSE(called);
}

TYPED_TEST(futures, fail_with_what_their_continuation_throws) {
  const auto pool = this->make(spec_of(2));
  auto next = pool->submit(tasks().square, 7).then([](std::int64_t n) -> int {
    throw std::out_of_range("no " + std::to_string(n));
  });
  const auto end = get_soon(next);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().why.message, "no 49");
  EXPECT_THROW(end.error().rethrow(), std::out_of_range);
}

TYPED_TEST(futures, go_on_at_once_on_this_thread_where_the_outcome_is_there) {
  const auto pool = this->make(spec_of(1));
  auto future = pool->submit(tasks().square, 7);
  future.wait();
  std::thread::id where;
  auto next = std::move(future).then([&](std::int64_t) { where = std::this_thread::get_id(); });
  EXPECT_TRUE(next.is_ready());
  EXPECT_EQ(where, std::this_thread::get_id());
}

TYPED_TEST(futures, tell_a_continuation_that_waits_for_its_pool_that_it_must_not) {
  const auto pool = this->make(spec_of(1));
  // It stays until it is asked to stop, so its continuation is there before its outcome.
  auto held = pool->submit(tasks().until_stopped, 7);
  auto next = pool->submit(tasks().square, 1);
  auto waits = std::move(held).then([&](const outcome<std::int64_t>&) { next.wait(); });
  waits.cancel();
  const auto end = get_soon(waits);
  ASSERT_FALSE(end.ok());
  EXPECT_NE(end.error().why.message.find("must not wait"), std::string::npos) << end.error().why.message;
}

TYPED_TEST(futures, say_whether_their_task_waits_runs_is_done_or_was_cancelled) {
  const auto pool = this->make(spec_of(1));
  auto first = pool->submit(tasks().until_stopped, 7);
  ASSERT_TRUE(soon([&] { return first.state() == task_state::running; }));
  auto done = pool->submit(tasks().square, 7);
  first.cancel();
  first.wait();
  EXPECT_EQ(first.state(), task_state::cancelled);
  done.wait();
  EXPECT_EQ(done.state(), task_state::done);
}

TEST(thread_futures, say_that_a_task_behind_another_one_waits) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::atomic<bool> on{true};
  auto first = pool.submit([&] {
    while (on) std::this_thread::sleep_for(1ms);
  });
  auto second = pool.submit([] {});
  ASSERT_TRUE(soon([&] { return first.state() == task_state::running; }));
  EXPECT_EQ(second.state(), task_state::waiting);
  on = false;
  second.wait();
  EXPECT_EQ(second.state(), task_state::done);
}

TYPED_TEST(futures, can_be_shared_and_read_again_by_many) {
  const auto pool = this->make(spec_of(2));
  const auto shared = pool->submit(tasks().square, 9).share();
  std::atomic<int> right{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i)
    readers.emplace_back(
        [shared, &right] { right += shared.get().value() == 81 && shared.get().value() == 81 ? 1 : 0; });
  for (auto& one : readers) one.join();
  EXPECT_EQ(right, 4);
  auto a = shared.then([](std::int64_t n) { return n + 1; });
  auto b = shared.then([](const outcome<std::int64_t>& x) { return x.value() + 2; });
  EXPECT_EQ(get_soon(a).value(), 82);
  EXPECT_EQ(get_soon(b).value(), 83);
}

TYPED_TEST(futures, can_be_waited_for_until_the_first_of_them_is_there) {
  const auto pool = this->make(spec_of(2));
  std::vector<task_future<std::int64_t>> all;
  all.push_back(pool->submit(tasks().until_stopped, 1));
  all.push_back(pool->submit(tasks().square, 3));
  EXPECT_EQ(wait_any(all), 1u);
  EXPECT_EQ(all[1].get().value(), 9);
  EXPECT_EQ(wait_any_for(all, 20ms), std::nullopt) << "the one that was taken is skipped";
  all[0].cancel();
  EXPECT_EQ(wait_any(all), 0u);
  static_cast<void>(all[0].get());
  EXPECT_THROW(static_cast<void>(wait_any(all)), std::invalid_argument);
}

TYPED_TEST(futures, become_one_of_all_their_outcomes_in_order) {
  const auto pool = this->make(spec_of(2));
  std::vector<task_future<std::int64_t>> all;
  for (const auto n : numbers(1, 50)) all.push_back(pool->submit(tasks().square, n));
  all.push_back(pool->submit(tasks().poison, 1, "throw"));
  wait_all(all);
  auto one = when_all(std::move(all));
  const auto ends = std::move(get_soon(one)).value();
  ASSERT_EQ(ends.size(), 51u);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(ends[i].value(), static_cast<std::int64_t>((i + 1) * (i + 1)));
  EXPECT_FALSE(ends[50].ok());
  EXPECT_THROW(static_cast<void>(when_all(std::vector<task_future<int>>{})), std::invalid_argument);
}

TYPED_TEST(futures, become_one_of_the_first_outcome_and_its_number) {
  const auto pool = this->make(spec_of(2));
  std::stop_source stop;
  std::vector<task_future<std::int64_t>> all;
  all.push_back(pool->submit_with({.stop = stop.get_token()}, tasks().until_stopped, 1));
  all.push_back(pool->submit(tasks().square, 3));
  auto first = when_any(std::move(all));
  const auto [index, end] = std::move(get_soon(first)).value();
  EXPECT_EQ(index, 1u);
  EXPECT_EQ(end.value(), 9);
  first = task_future<std::pair<std::size_t, outcome<std::int64_t>>>();
  stop.request_stop();  // else it runs until the pool's end no longer waits for it
}

TYPED_TEST(futures, of_several_tasks_cancel_all_of_them) {
  const auto pool = this->make(spec_of(2));
  std::vector<task_future<std::int64_t>> all;
  for (const auto n : numbers(1, 4)) all.push_back(pool->submit(tasks().until_stopped, n));
  auto one = when_all(std::move(all));
  one.cancel();
  const auto ends = get_soon(one);
  for (const auto& end : ends.value()) EXPECT_EQ(end.error().kind, outcome_kind::cancelled);
}

TYPED_TEST(futures, of_several_tasks_start_a_pool_that_nobody_has_started) {
  typename std::remove_reference<decltype(*this->make(spec_of(1)))>::type pool(this->around.environment(), "squares",
                                                                               spec_of(2));
  std::vector<task_future<std::int64_t>> all;
  for (const auto n : numbers(1, 4)) all.push_back(pool.submit(tasks().square, n));
  EXPECT_LT(wait_any(all), 4u);
  auto one = when_all(std::move(all));
  EXPECT_EQ(get_soon(one).value().size(), 4u);
}

TYPED_TEST(futures, that_go_on_start_a_pool_that_nobody_has_started) {
  TypeParam pool(this->around.environment(), "squares", spec_of(1));
  std::atomic<std::int64_t> told{0};
  pool.submit(tasks().square, 7).then([&](std::int64_t n) { told = n; });  // let go of: nobody waits for it
  EXPECT_TRUE(soon([&] { return told == 49; }));
  EXPECT_EQ(pool.start(), std::nullopt) << "once more is nothing";
}

TEST(thread_futures, of_ones_own_pool_end_a_wait_that_nobody_could_end) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  auto outer = pool.submit([&pool] {
    std::vector<task_future<int>> inner;
    inner.push_back(pool.submit([] { return 1; }));
    inner.push_back(pool.submit([] { return 2; }));
    return inner[wait_any(inner)].get().error().kind == outcome_kind::cancelled;
  });
  EXPECT_TRUE(get_soon(outer).value()) << "the only worker waits, so nobody could run them";
  auto map = pool.submit([&pool] {
    return pool.map_async([](int n) { return n; }, std::vector<int>{1, 2}).get().ok();
  });
  EXPECT_FALSE(get_soon(map).value());
}

TEST(thread_futures, outlive_their_pool) {
  task_future<int> future;
  task_future<int> next;
  {
    surroundings around;
    thread_pool pool(around.environment(), "squares", spec_of(1));
    future = pool.submit([] { return 3; });
    next = pool.submit([] { return 4; }).then([](int n) { return n + 1; });
    EXPECT_FALSE(pool.start());
    future.wait();
    next.wait();
  }
  EXPECT_EQ(future.state(), task_state::done);
  EXPECT_EQ(future.get().value(), 3);
  EXPECT_EQ(next.get().value(), 5);
}

}  // namespace
