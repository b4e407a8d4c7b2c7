// What a pool promises of its constructor, its figures and its waits.
#include "support.hpp"

#include <stdexcept>

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
  spares.spares = static_cast<unsigned>(-1);
  EXPECT_THROW(process_pool(environment, "squares", spares), std::invalid_argument);
  pool_spec most;
  most.workers = 1;
  most.max_workers = static_cast<unsigned>(-1);
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
  spec.backoff.min = spec.backoff.max = std::chrono::seconds(10);
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

}  // namespace
