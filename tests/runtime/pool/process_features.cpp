// What only processes can do, with real faults.
#include "support.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <tuple>

namespace {

using namespace steward;
using namespace steward::test;
using std::chrono::milliseconds;

class process_features : public ::testing::Test {
protected:
  surroundings around;
};

TEST_F(process_features, keep_finished_items_of_a_chunk_when_its_worker_dies) {
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<std::tuple<std::int64_t, std::string>> inputs;
  for (std::int64_t i = 0; i < 1'000; ++i) inputs.emplace_back(i, i % 250 == 100 ? "kill" : "none");
  map_options options;
  options.chunk = 500;
  const auto results = pool.map(tasks().misbehave, inputs, options);
  ASSERT_EQ(results.size(), 1'000u);
  for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i], static_cast<std::int64_t>(i * i));
  // Four deaths, and only the four items in hand ran twice.
  EXPECT_EQ(pool.stats().crashes, 4u);
  EXPECT_EQ(pool.stats().retried, 4u);
}

TEST_F(process_features, quarantine_one_item_of_a_chunk) {
  auto spec = spec_of(2);
  spec.limits.attempts = 2;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<std::tuple<std::int64_t, std::string>> inputs;
  for (std::int64_t i = 0; i < 300; ++i) inputs.emplace_back(i, i == 123 ? "segv" : "none");
  map_options options;
  options.chunk = 100;
  const auto outcomes = pool.map_outcomes(tasks().poison, inputs, options);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_EQ(outcomes[i].ok(), i != 123) << i;
  }
  const auto& error = outcomes[123].error();
  EXPECT_EQ(error.kind, outcome_kind::quarantined);
  ASSERT_EQ(error.attempts.size(), 2u);
  for (const auto& attempt : error.attempts) {
    EXPECT_EQ(attempt.why.signal, SIGSEGV);
    EXPECT_GT(attempt.pid, 0);
    EXPECT_GT(attempt.why.rss_peak_kib, 0u);
  }
  EXPECT_NE(error.attempts[0].pid, error.attempts[1].pid);
}

TEST_F(process_features, tell_the_last_lines_of_a_dead_workers_standard_error) {
  auto spec = spec_of(1);
  spec.limits.attempts = 1;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  ::testing::internal::CaptureStderr();
  auto lost = pool.submit(tasks().complain_and_die, 17);
  const auto outcome = get_soon(lost);
  const auto shown = ::testing::internal::GetCapturedStderr();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().why.stderr_tail,
            (std::vector<std::string>{"first complaint", "second complaint about 17"}));
  EXPECT_THAT(shown, ::testing::HasSubstr("second complaint about 17")) << "it is handed on, too";
}

TEST_F(process_features, replace_a_worker_that_was_stopped) {
  auto spec = spec_of(1);
  spec.limits.heartbeat = milliseconds(100);
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto pid = get_soon_value(pool.submit(tasks().pid, 0));
  ASSERT_EQ(::kill(static_cast<pid_t>(pid), SIGSTOP), 0);
  auto waits = pool.submit(tasks().square, 4);
  EXPECT_EQ(get_soon(waits).value(), 16);
  const auto crash = around.events.all(event_kind::crash);
  ASSERT_EQ(crash.size(), 1u);
  EXPECT_EQ(crash[0].why->cls, cause_class::heartbeat);
  EXPECT_THAT(crash[0].why->message, ::testing::HasSubstr("frozen: it was stopped by SIGSTOP for longer than"));
}

TEST_F(process_features, kill_what_does_not_heed_sigterm) {
  auto spec = spec_of(1);
  spec.limits.deadline = milliseconds(50);
  spec.limits.grace = milliseconds(50);
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  auto hangs = pool.submit(tasks().ignore_term, 0);
  const auto outcome = get_soon(hangs);
  EXPECT_EQ(outcome.error().kind, outcome_kind::deadline);
  auto after = pool.submit(tasks().square, 3);
  EXPECT_EQ(get_soon(after).value(), 9);
  EXPECT_EQ(pool.stats().deadlines, 1u);
}

TEST_F(process_features, end_a_worker_whose_cancelled_task_goes_on) {
  auto spec = spec_of(1);
  spec.limits.grace = milliseconds(20);
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::string name = "/tmp/steward_features_XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const auto pid = std::to_string(get_soon_value(pool.submit(tasks().pid, 0)));
  auto hangs = pool.submit(tasks().wait_for_file, name + "/never");
  auto next = pool.submit(tasks().square, 3);
  while (!std::filesystem::exists(name + "/never." + pid)) std::this_thread::yield();
  hangs.cancel();
  EXPECT_EQ(get_soon(hangs).error().kind, outcome_kind::cancelled);
  EXPECT_EQ(get_soon(next).value(), 9);
  std::filesystem::remove_all(name);
  EXPECT_TRUE(around.events.all(event_kind::crash).empty()) << "planned";
  EXPECT_EQ(pool.stats().recycled, 1u);
}

TEST_F(process_features, replace_a_worker_that_has_grown) {
  auto spec = spec_of(1);
  spec.restarts.recycle_memory = std::uint64_t{256} << 20;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto first = get_soon_value(pool.submit(tasks().keep_memory, std::int64_t{300} << 20));
  ASSERT_TRUE(around.events.wait_for(event_kind::warn));
  while (pool.stats().recycled == 0) std::this_thread::yield();
  EXPECT_NE(get_soon_value(pool.submit(tasks().pid, 0)), first);
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
}

}  // namespace
