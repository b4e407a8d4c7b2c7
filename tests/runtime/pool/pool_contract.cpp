// What a pool promises of its constructor, its figures and its waits.
#include "support.hpp"

#include <deque>
#include <fstream>
#include <future>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>

#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace steward;
using namespace steward::test;

TEST(pool_contract, builds_nothing_of_a_spec_with_faults) {
  surroundings around;
  auto environment = around.environment();
  // As of `cores - 5` where there are four. Each would take hundreds of bytes for each worker that it names.
  EXPECT_THROW(process_pool(environment, "squares", spec_of(static_cast<unsigned>(-1))), std::invalid_argument);
  EXPECT_THROW(thread_pool(environment, "squares", spec_of(static_cast<unsigned>(-1))), std::invalid_argument);
  pool_spec spares;
  spares.size.spares = static_cast<unsigned>(-1);
  EXPECT_THROW(process_pool(environment, "squares", spares), std::invalid_argument);
  pool_spec most;
  most.size.workers = 1;
  most.size.max_workers = static_cast<unsigned>(-1);
  EXPECT_THROW(process_pool(environment, "squares", most), std::invalid_argument);
}

TEST(pool_contract, refuses_a_size_that_no_spec_could_have) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  EXPECT_THROW(pool.resize(static_cast<unsigned>(-1)), std::invalid_argument);
  EXPECT_THROW(pool.resize(1, 1'025), std::invalid_argument);
}

TEST(pool_contract, names_no_worker_that_is_gone) {
  surroundings around;
  auto spec = spec_of(1);
  spec.restarts.worker_backoff.min = spec.restarts.worker_backoff.max = std::chrono::seconds(10);
  spec.initializer = "fail_to_initialize";
  process_pool failing(around.environment(), "squares", spec);
  failing.untyped().start_async([](const std::optional<cause>&) {});
  ASSERT_TRUE(around.events.wait_for(event_kind::backoff));
  // It is due to be started again, and has no process meanwhile.
  for (const auto& w : failing.stats().each) EXPECT_EQ(w.pid, 0);
  failing.stop(false);
  EXPECT_TRUE(failing.stats().each.empty());

  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  EXPECT_EQ(pool.stats().each.size(), 2U);
  pool.stop();
  EXPECT_TRUE(pool.stats().each.empty());
}

TEST(pool_contract, takes_the_longest_time_for_no_limit) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto inputs = numbers(1, 100);
  for (const auto within : {infinity, milliseconds::max() / 2, milliseconds(std::chrono::hours(24 * 365 * 290))}) {
    map_options options;
    options.within = within;
    EXPECT_EQ(pool.map(tasks().square, inputs, options), squares_of(inputs));
  }
  const auto waits = [&](auto wait) {
    auto future = pool.submit(tasks().square, 3);
    EXPECT_EQ(wait(future), std::future_status::ready);
  };
  waits([](auto& f) { return f.wait_for(std::chrono::hours::max()); });
  waits([](auto& f) { return f.wait_for(std::chrono::nanoseconds::max()); });
  waits([](auto& f) { return f.wait_until(std::chrono::steady_clock::time_point::max()); });
  using hours = std::chrono::time_point<std::chrono::steady_clock, std::chrono::hours>;
  waits([](auto& f) { return f.wait_until(hours::max()); });
}

TEST(pool_contract, takes_a_time_that_is_over_for_one_that_is_over) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  for (const auto within : {milliseconds(-1), milliseconds::min()}) {
    map_options options;
    options.within = within;
    const auto all = pool.map_outcomes(tasks().wait_for_file, std::vector<std::string>(4, "/nowhere"), options);
    for (const auto& one : all) EXPECT_FALSE(one.ok());
  }
}

/// This program may take this many bytes more, for a while.
class little_memory {
public:
  explicit little_memory(std::uint64_t more) {
    ::getrlimit(RLIMIT_AS, &before_);
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit less{pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + more, before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &less);
  }
  ~little_memory() { ::setrlimit(RLIMIT_AS, &before_); }
  little_memory(const little_memory&) = delete;
  little_memory& operator=(const little_memory&) = delete;

private:
  rlimit before_{};
};

/// Takes the threads that this program may still have.
class no_threads_left {
public:
  no_threads_left() {
    auto over = over_.get_future().share();
    try {
      for (;;) all_.emplace_back([over] { over.wait(); });
    } catch (const std::system_error&) {
      // There is none left.
    }
  }
  ~no_threads_left() {
    over_.set_value();
    for (auto& one : all_) one.join();
  }
  no_threads_left(const no_threads_left&) = delete;
  no_threads_left& operator=(const no_threads_left&) = delete;

private:
  std::promise<void> over_;
  std::deque<std::thread> all_;
};

TEST(pool_contract, fails_tasks_for_whose_answers_it_has_no_memory) {
  if (STEWARD_SANITIZED != 0) GTEST_SKIP() << "sanitizers take the address space for themselves";
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::size_t values = 0;
  std::size_t errors = 0;
  {
    const little_memory limit(std::uint64_t{60} << 20);
    std::vector<task_future<std::string>> futures;
    for (int i = 0; i < 8; ++i) futures.push_back(pool.submit(tasks().repeat, std::string(1 << 20, 'x'), 16));
    std::vector<outcome<std::string>> kept;
    for (auto& one : futures) {
      kept.push_back(get_soon(one));
      (kept.back().ok() ? values : errors) += 1;
      if (kept.back().ok()) continue;
      EXPECT_EQ(kept.back().error().work, work_state::failed) << describe(kept.back().error());
    }
  }
  EXPECT_GT(values, 0U);
  EXPECT_GT(errors, 0U);
  EXPECT_EQ(pool.stats().crashes, 0U) << "no worker is at fault";
  auto after = pool.submit(tasks().square, 3);
  EXPECT_EQ(get_soon(after).value(), 9);
}

TEST(pool_contract, says_that_it_has_no_thread_and_can_be_started_later) {
  if (STEWARD_SANITIZED != 0) GTEST_SKIP() << "sanitizers take the address space for themselves";
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  {
    thread_pool never(around.environment(), "never", spec_of(1));
    const little_memory limit(std::uint64_t{1} << 20);
    const no_threads_left none;
    for (auto* one : {&pool, &never}) {
      const auto why = one->start();
      ASSERT_TRUE(why);
      EXPECT_EQ(why->cls, cause_class::start);
    }
    EXPECT_THROW(pool.map(tasks().square, numbers(1, 3)), std::runtime_error);
    never.stop();  // without a thread, too
  }
  EXPECT_EQ(pool.start(), std::nullopt);
  EXPECT_EQ(pool.map(tasks().square, numbers(1, 3)), squares_of(numbers(1, 3)));
}

TEST(pool_contract, is_started_by_whoever_waits_for_it) {
  surroundings around;
  process_pool processes(around.environment(), "squares", spec_of(1));
  EXPECT_EQ(processes.map(tasks().square, numbers(1, 10)), squares_of(numbers(1, 10)));
  thread_pool threads(around.environment(), "squares", spec_of(1));
  auto first = threads.submit(tasks().square, 3);
  EXPECT_EQ(get_soon(first).value(), 9);
  thread_pool other(around.environment(), "squares", spec_of(1));
  EXPECT_EQ(other.submit(tasks().square, 4).get().value(), 16);
}

TEST(pool_contract, ends_a_wait_for_its_own_workers_when_all_of_them_wait) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  auto f = [](int x) { return x + 1; };
  auto alone = pool.submit([&] { return pool.submit(f, 41).get().ok(); });
  EXPECT_FALSE(get_soon(alone).value()) << "it could never run";
  auto maps = pool.submit([&] { return pool.map(f, std::vector<int>{1, 2, 3}).size(); });
  EXPECT_EQ(get_soon(maps).error().why.exception, "steward::task_failed");
  auto next = pool.submit(f, 1);
  EXPECT_EQ(get_soon(next).value(), 2);
}

TEST(pool_contract, lets_a_task_wait_for_another_where_a_worker_is_left) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(3));
  auto f = [](int x) { return x + 1; };
  // Three of these would block each other, and two cannot.
  for (int round = 0; round < 50; ++round) {
    auto a = pool.submit([&] { return pool.submit(f, 41).get().value(); });
    auto b = pool.submit([&] { return pool.map(f, std::vector<int>{1, 2, 3}); });
    EXPECT_EQ(get_soon(a).value(), 42);
    EXPECT_EQ(get_soon(b).value(), (std::vector<int>{2, 3, 4}));
  }
}

TEST(pool_contract, refuses_waits_of_its_own_callbacks) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::promise<int> refused;
  bytes args;
  encode_all(args, std::int64_t{2});
  pool.untyped().submit(*tasks().square.entry, args, [&](const outcome<bytes>&) {
    int count = 0;
    const auto try_it = [&count](auto wait) {
      try {
        wait();
      } catch (const std::logic_error&) {
        ++count;
      }
    };
    try_it([&] { pool.stop(); });
    try_it([&] { static_cast<void>(pool.start()); });
    try_it([&] { pool.map(tasks().square, numbers(1, 3)); });
    try_it([&] { std::ignore = pool.submit(tasks().square, 3).get(); });
    refused.set_value(count);
  });
  auto future = refused.get_future();
  EXPECT_EQ(get_soon(future), 4);
  auto stops = pool.submit([&](int) { pool.stop(); }, 0);
  EXPECT_EQ(get_soon(stops).error().why.exception, "std::logic_error");
}

}  // namespace
