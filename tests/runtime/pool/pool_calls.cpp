// Callables on threads: whatever they are, take and return, with the calls that registered tasks have.
#include "support.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace steward;
using namespace steward::test;
using namespace std::chrono_literals;

class callables : public ::testing::Test {
protected:
  void SetUp() override { ASSERT_EQ(pool.start(), std::nullopt); }

  surroundings around;
  thread_pool pool{around.environment(), "squares", spec_of(2)};
};

/// No bytes, no copies and no default.
struct socket_like {
  explicit socket_like(int n) : number(std::make_unique<int>(n)) {}
  std::unique_ptr<int> number;
};

TEST_F(callables, may_be_moved_only_and_so_may_their_arguments) {
  auto owner = pool.submit([n = std::make_unique<int>(3)] { return *n + 1; });
  EXPECT_EQ(get_soon(owner).value(), 4);
  auto argument = pool.submit([](std::unique_ptr<int> n) { return *n; }, std::make_unique<int>(5));
  EXPECT_EQ(get_soon(argument).value(), 5);
  auto counts = pool.submit([n = 0](int by) mutable { return n += by; }, 6);
  EXPECT_EQ(get_soon(counts).value(), 6);
  const std::vector<int> inputs{1, 2, 3};
  EXPECT_EQ(pool.map([n = std::make_unique<int>(10)](int x) { return x * *n; }, inputs),
            (std::vector<int>{10, 20, 30}));
}

TEST_F(callables, that_use_up_their_arguments_run_at_most_once) {
  pool_spec spec = spec_of(1);
  spec.limits.attempts = 3;
  spec.on_exception = exception_policy::retry;
  thread_pool retries(around.environment(), "squares", spec);
  std::atomic<int> runs{0};
  auto once = retries.submit_with(
      {.attempts = 3},
      [&runs](std::unique_ptr<int>) {
        ++runs;
        throw std::runtime_error("no");
      },
      std::make_unique<int>(5));
  EXPECT_FALSE(get_soon(once).ok());
  EXPECT_EQ(runs, 1);
  runs = 0;
  auto thrice = retries.submit([&runs] {
    ++runs;
    throw std::runtime_error("no");
  });
  EXPECT_FALSE(get_soon(thrice).ok());
  EXPECT_EQ(runs, 3);
}

TEST_F(callables, return_what_cannot_be_serialised) {
  auto one = pool.submit([](int n) { return socket_like(n); }, 4);
  EXPECT_EQ(*get_soon(one).value().number, 4);
  const std::vector<int> inputs{1, 2, 3};
  const auto all = pool.map([](int n) { return socket_like(n); }, inputs);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(*all[2].number, 3);
  const auto ends = pool.map_outcomes([](int n) { return std::thread::id(), socket_like(n); }, inputs);
  EXPECT_EQ(*ends[1].value().number, 2);
}

TEST_F(callables, know_their_task_and_whether_they_are_to_stop) {
  std::stop_source stop;
  std::atomic<bool> began{false};
  auto held = pool.submit_with({.stop = stop.get_token()}, [&began](const task_context& context) {
    began = true;
    while (!context.stop_requested()) std::this_thread::sleep_for(1ms);
  });
  while (!began) std::this_thread::sleep_for(1ms);
  stop.request_stop();
  EXPECT_EQ(get_soon(held).error().kind, outcome_kind::cancelled);
  const std::vector<int> inputs{5, 6, 7};
  const auto ids = pool.map([](const task_context& context, int) { return context.task_id; }, inputs);
  EXPECT_EQ(std::set<std::uint64_t>(ids.begin(), ids.end()).size(), 3u) << "each has an id of its own";
}

TEST_F(callables, of_higher_priority_run_first) {
  thread_pool one(around.environment(), "squares", spec_of(1));
  std::mutex mutex;
  std::vector<int> order;
  const auto note = [&](int n) {
    const std::lock_guard lock(mutex);
    order.push_back(n);
  };
  // Nothing runs before the start.
  auto a = one.submit_with({.priority = 1}, note, 1);
  auto b = one.submit_with({.priority = 3}, note, 3);
  auto c = one.submit_with({.priority = 2}, note, 2);
  EXPECT_FALSE(one.start());
  a.wait();
  b.wait();
  c.wait();
  EXPECT_EQ(order, (std::vector<int>{3, 2, 1}));
}

TEST_F(callables, throw_the_original_exception_to_who_wants_it) {
  struct refused : std::runtime_error {
    refused() : std::runtime_error("refused") {}
    int code = 42;
  };
  auto future = pool.submit([]() -> int { throw refused(); });
  const auto end = get_soon(future);
  try {
    static_cast<void>(end.value_or_rethrow());
    FAIL() << "it has no value";
  } catch (const refused& problem) {
    EXPECT_EQ(problem.code, 42);
  }
  EXPECT_THROW(static_cast<void>(end.value()), task_failed);
  const std::vector<int> inputs{1, 2};
  try {
    pool.map([](int n) { return n == 2 ? throw refused() : n; }, inputs);
    FAIL() << "one has no value";
  } catch (const task_failed& problem) {
    EXPECT_THROW(problem.error().rethrow(), refused);
  }
  auto registered = pool.submit(tasks().poison, 7, "throw_int");
  EXPECT_THROW(get_soon(registered).error().rethrow(), int);
  for (const auto& e : around.events.all(event_kind::task_fail)) EXPECT_EQ(e.why->original, nullptr);
}

TEST_F(callables, have_every_kind_of_map) {
  const auto inputs = numbers(1, 1'000);
  const auto square = [](std::int64_t n) { return n * n; };
  const auto squares = squares_of(inputs);
  EXPECT_EQ(pool.map(square, inputs), squares);
  EXPECT_THAT(pool.map_unordered(square, inputs), ::testing::UnorderedElementsAreArray(squares));
  std::vector<std::int64_t> found(inputs.size());
  pool.for_each_outcome(square, inputs, [&](std::size_t i, const auto& one) { found[i] = one.value(); });
  EXPECT_EQ(found, squares);
  found.assign(inputs.size(), 0);
  for (const auto& [i, one] : pool.as_completed(square, inputs)) found[i] = one.value();
  EXPECT_EQ(found, squares);
  found.clear();
  for (const auto& one : pool.imap(square, inputs)) found.push_back(one.value());
  EXPECT_EQ(found, squares);
  auto later = pool.map_async(square, inputs);
  EXPECT_EQ(get_soon(later).value(), squares);
  auto ends = pool.map_outcomes_async(square, inputs);
  const auto all = get_soon(ends);
  ASSERT_EQ(all.value().size(), squares.size());
  EXPECT_EQ(all.value().back().value(), squares.back());
}

}  // namespace
