// Tasks that spoil the way of their answer, or end the thread that runs them: each is charged for that, and nobody
// else.
#include "support.hpp"

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace steward;
using namespace steward::test;

struct spoilt_case {
  const char* how;
  bool keeps_result;  // it lies in the memory that the worker shares with us
};

class spoils : public ::testing::TestWithParam<spoilt_case> {};

TEST_P(spoils, its_channel_and_is_charged_for_each_run) {
  surroundings around;
  auto spec = spec_of(1);
  spec.limits.heartbeat = std::chrono::milliseconds(200);
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  auto before = pool.submit(tasks().square, 2);
  auto bad = pool.submit(tasks().poison, 1, std::string(GetParam().how));
  auto after = pool.submit(tasks().square, 3);
  EXPECT_EQ(get_soon(before).value(), 4);
  const auto outcome = get_soon(bad);
  ASSERT_EQ(outcome.ok(), GetParam().keeps_result);
  if (!outcome.ok()) {
    EXPECT_EQ(outcome.error().kind, outcome_kind::quarantined) << describe(outcome.error());
    EXPECT_EQ(outcome.error().attempts.size(), 3U);
    EXPECT_EQ(outcome.error().work, work_state::unknown);
  }
  EXPECT_EQ(get_soon(after).value(), 9);
  EXPECT_FALSE(pool.stats().gave_up);
}

INSTANTIATE_TEST_SUITE_P(a_task, spoils,
                         ::testing::Values(spoilt_case{"print", false}, spoilt_case{"close_all", true},
                                           spoilt_case{"reopen", true}, spoilt_case{"announce", false}),
                         [](const auto& one) { return std::string(one.param.how); });

/// A task that ends the thread on which it runs is charged for each run, and of a chunk only the item that did it.
template <class Pool>
void end_threads_of(Pool& pool) {
  ASSERT_EQ(pool.start(), std::nullopt);
  auto bad = pool.submit(tasks().poison, 1, std::string("leave_thread"));
  const auto outcome = get_soon(bad);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, outcome_kind::quarantined) << describe(outcome.error());
  EXPECT_EQ(outcome.error().attempts.size(), 3U);
  EXPECT_NE(outcome.error().why.message.find("pthread_exit"), std::string::npos) << describe(outcome.error());
  const auto inputs = numbers(1, 100);
  EXPECT_EQ(pool.map(tasks().square, inputs), squares_of(inputs));
  std::vector<std::tuple<std::int64_t, std::string>> mixed;
  for (std::int64_t n = 1; n <= 20; ++n) mixed.emplace_back(n, n == 7 ? "leave_thread" : "none");
  map_options options;
  options.chunk = 20;
  EXPECT_EQ(pool.map(tasks().misbehave, mixed, options), squares_of(numbers(1, 20)));
  EXPECT_EQ(pool.stats().retried, 3U);
}

TEST(spoilt_workers, a_process_whose_thread_a_task_ends_is_a_dead_worker) {
  if (STEWARD_SANITIZED != 0) GTEST_SKIP() << "sanitizers have a hand in how threads end";
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  end_threads_of(pool);
}

TEST(spoilt_workers, a_thread_that_a_task_ends_is_a_dead_worker) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  end_threads_of(pool);
  EXPECT_EQ(pool.stats().leaked_threads, 0U);
}

TEST(spoilt_workers, a_copy_of_the_program_may_have_pools_of_its_own) {
  if (STEWARD_SANITIZED != 0) GTEST_SKIP() << "sanitizers do not like threads in a copy";
  {
    surroundings around;
    thread_pool before(around.environment(), "squares", spec_of(1));
    EXPECT_EQ(before.map(tasks().square, numbers(1, 10)), squares_of(numbers(1, 10)));
  }
  const auto copy = ::fork();
  if (copy == 0) {
    event_log events;
    pool_environment none;
    none.events = &events;
    thread_pool own(none, "squares", spec_of(1));
    ::_exit(own.map(tasks().square, numbers(1, 10)) == squares_of(numbers(1, 10)) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(copy, &status, 0), copy);
  EXPECT_EQ(status, 0);
}

}  // namespace
