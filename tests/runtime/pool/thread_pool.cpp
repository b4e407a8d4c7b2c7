#include "support.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <latch>
#include <list>
#include <set>
#include <thread>
#include <tuple>

namespace steward::test {
namespace {

TEST(thread_pool, maps_registered_tasks_in_the_order_of_the_inputs) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(4));
  ASSERT_EQ(pool.start(), std::nullopt);
  EXPECT_EQ(pool.map(tasks().square, numbers(1, 10)), squares_of(numbers(1, 10)));
  auto about = pool.submit(tasks().about_me, 1);
  EXPECT_EQ(get_soon(about).value(), "squares 1/3");
}

TEST(thread_pool, does_a_hundred_thousand_tasks_without_an_event_for_each) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(4));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto inputs = numbers(1, 100'000);
  EXPECT_EQ(pool.map(tasks().square, inputs), squares_of(inputs));
  EXPECT_EQ(pool.stats().succeeded, 100'000u);
  for (const auto kind : {event_kind::crash, event_kind::task_fail, event_kind::task_retry, event_kind::output})
    EXPECT_TRUE(around.events.all(kind).empty());
}

TEST(thread_pool, runs_any_callable_without_copying_its_result_through_bytes) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  auto shared = pool.submit([](int n) { return std::make_unique<int>(n + 1); }, 41);
  EXPECT_EQ(*get_soon(shared).value(), 42);
  std::atomic<int> calls{0};
  auto none = pool.submit([&calls] { ++calls; });
  EXPECT_TRUE(get_soon(none).ok());
  EXPECT_EQ(calls, 1);
  const std::vector<std::string> words{"a", "bb", "ccc"};
  EXPECT_EQ(pool.map([](const std::string& w) { return w.size(); }, words), (std::vector<std::size_t>{1, 2, 3}));
}

TEST(thread_pool, tells_what_is_finished_of_a_chunk_that_is_held_up) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::atomic<std::size_t> told{0};
  map_options options;
  options.chunk = 40;
  options.progress = [&told](const map_progress& p) { told = p.done; };
  // Item 20 goes on only when the others before it were told of.
  std::atomic<bool> in_time{false};
  const auto hold = [&](std::int64_t n) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (n == 20 && told < 20 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    if (n == 20) in_time = told == 20;
  };
  const auto inputs = numbers(0, 40);
  EXPECT_EQ(pool.map([&](std::int64_t n) { return hold(n), n * n; }, inputs, options), squares_of(inputs));
  EXPECT_TRUE(in_time);
  in_time = false;
  told = 0;
  const auto texts = pool.map([&](std::int64_t n) { return hold(n), std::to_string(n); }, inputs, options);
  EXPECT_TRUE(in_time);
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i], std::to_string(i));
}

TEST(thread_pool, uses_all_of_its_threads_at_once) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(4));
  ASSERT_EQ(pool.start(), std::nullopt);
  // Nobody gets past the latch unless four run at the same time.
  std::latch all(4);
  const auto ids = pool.map(
      [&all](int) {
        all.arrive_and_wait();
        return std::this_thread::get_id();
      },
      std::vector<int>{1, 2, 3, 4});
  EXPECT_EQ(std::set<std::thread::id>(ids.begin(), ids.end()).size(), 4u);
}

TEST(thread_pool, takes_an_exception_as_an_answer) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto f = [](int n) {
    if (n == 2) throw std::range_error("two");
    return n;
  };
  try {
    pool.map(f, std::vector<int>{1, 2, 3});
    FAIL() << "nothing was thrown";
  } catch (const task_failed& problem) {
    EXPECT_EQ(problem.error().kind, outcome_kind::exception);
    EXPECT_EQ(problem.error().why.exception, "std::range_error");
    EXPECT_EQ(problem.error().why.message, "two");
  }
  auto strange = pool.submit([]() -> int { throw 7; });
  EXPECT_EQ(get_soon(strange).error().why.exception, "unknown exception");
  EXPECT_EQ(pool.map(f, std::vector<int>{5}), std::vector<int>{5});
}

TEST(thread_pool, abandons_a_thread_at_its_deadline_and_replaces_it) {
  surroundings around;
  auto spec = spec_of(1);
  spec.limits.deadline = milliseconds(50);
  thread_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  auto go = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  auto endless = pool.submit([waited = go->get_future().share(), ended] {
    waited.wait();
    ended->set_value();
    return 1;
  });
  auto behind = pool.submit([] { return 2; });
  const auto o = get_soon(endless);
  ASSERT_FALSE(o.ok());
  EXPECT_EQ(o.error().kind, outcome_kind::deadline);
  EXPECT_EQ(get_soon(behind).value(), 2);
  EXPECT_EQ(pool.stats().leaked_threads, 1u);
  EXPECT_EQ(around.events.all(event_kind::hang).size(), 1u);
  EXPECT_THAT(around.events.all(event_kind::hang)[0].text, ::testing::HasSubstr("abandoned"));
  go->set_value();
  // It ends by itself, and what it returns is nobody's any more.
  auto future = ended->get_future();
  get_soon(future);
  while (pool.stats().leaked_threads != 0) std::this_thread::yield();
  EXPECT_EQ(pool.map([](int n) { return n; }, std::vector<int>{9}), std::vector<int>{9});
}

TEST(thread_pool, refuses_limits_that_threads_cannot_have) {
  surroundings around;
  auto spec = spec_of(1);
  spec.restarts.recycle_after = 2;
  spec.process.sandbox = sandbox_level::strict;
  spec.limits.queue_limit = 0;
  try {
    thread_pool pool(around.environment(), "squares", spec);
    FAIL() << "it was accepted";
  } catch (const std::invalid_argument& why) {
    const std::string text = why.what();
    for (const auto* field : {"recycle_after: ", "sandbox: ", "queue_limit: "})
      EXPECT_NE(text.find(field), std::string::npos) << field << " in " << text;
  }
}

TEST(thread_pool, maps_any_range_in_chunks_of_any_size_alike) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto inputs = numbers(1, 3'000);
  const std::list<std::int64_t> scattered(inputs.begin(), inputs.end());
  const auto body = [](std::int64_t n) { return n * n; };
  const auto text = [](std::int64_t n) { return std::to_string(n); };
  for (const unsigned chunk : {0U, 1U, 3U, 300U}) {
    map_options options;
    options.chunk = chunk;
    EXPECT_EQ(pool.map(body, inputs, options), squares_of(inputs));
    EXPECT_EQ(pool.map(body, scattered, options), squares_of(inputs));
    EXPECT_EQ(pool.map(tasks().square, inputs, options), squares_of(inputs));
    EXPECT_EQ(pool.map(tasks().square, scattered, options), squares_of(inputs));
    EXPECT_EQ(pool.map(text, inputs, options).back(), "3000");
  }
}

TEST(thread_pool, cancels_what_waits_and_abandons_what_runs_when_it_must_stop) {
  surroundings around;
  auto spec = spec_of(1);
  spec.limits.shutdown = milliseconds(30);
  thread_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::latch begun(1);
  auto go = std::make_shared<std::promise<void>>();
  auto stuck = pool.submit([&begun, waited = go->get_future().share()] {
    begun.count_down();
    waited.wait();
  });
  auto waiting = pool.submit([] {});
  begun.wait();
  pool.stop(false);
  EXPECT_EQ(get_soon(waiting).error().kind, outcome_kind::cancelled);
  EXPECT_EQ(get_soon(stuck).error().kind, outcome_kind::pool_gone);
  go->set_value();
}

TEST(thread_pool, takes_submissions_from_many_threads_and_from_callbacks) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  constexpr int each = 500;
  std::atomic<int> outcomes{0};
  std::latch done(4 * each * 2);
  const auto submit_from = [&] {
    for (int i = 0; i < each; ++i) {
      bytes args;
      encode_all(args, std::int64_t{i});
      pool.untyped().submit(*tasks().square.entry, args, [&, args](const outcome<bytes>& first) {
        outcomes += first.ok() ? 1 : 0;
        pool.untyped().submit(*tasks().square.entry, args, [&](const outcome<bytes>& second) {
          outcomes += second.ok() ? 1 : 0;
          done.count_down();
        });
        done.count_down();
      });
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back(submit_from);
  for (auto& t : threads) t.join();
  done.wait();
  EXPECT_EQ(outcomes, 4 * each * 2);
}

TEST(thread_pool, starts_and_stops_again_and_again) {
  surroundings around;
  for (int i = 0; i < 50; ++i) {
    thread_pool pool(around.environment(), "squares", spec_of(3));
    ASSERT_EQ(pool.start(), std::nullopt);
    auto f = pool.submit(tasks().square, i);
    if (i % 2 == 0) pool.stop(true);
    if (i % 2 == 0) {
      EXPECT_TRUE(get_soon(f).ok());
    }
  }
}

}  // namespace
}  // namespace steward::test
