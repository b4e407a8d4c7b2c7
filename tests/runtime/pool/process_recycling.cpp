// Workers that are replaced after their share, and what that takes of the system.
#include "support.hpp"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace steward;
using namespace steward::test;

/// Few descriptors for this program, for a while.
class few_descriptors {
public:
  explicit few_descriptors(rlim_t count) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{count, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~few_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  few_descriptors(const few_descriptors&) = delete;
  few_descriptors& operator=(const few_descriptors&) = delete;

private:
  rlimit before_{};
};

pool_spec one_task_each(unsigned workers) {
  auto spec = spec_of(workers);
  spec.restarts.recycle_after = 1;
  return spec;
}

TEST(process_recycling, has_no_more_than_one_replacement_for_each_worker_at_a_time) {
  surroundings around;
  process_pool pool(around.environment(), "squares", one_task_each(3));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::atomic<bool> over{false};
  unsigned most = 0;
  std::thread watch([&] {
    while (!over) most = std::max(most, pool.stats().workers);
  });
  const auto inputs = numbers(1, 500);
  EXPECT_EQ(pool.map(tasks().square, inputs), squares_of(inputs));
  over = true;
  watch.join();
  EXPECT_LE(most, 6U);
  EXPECT_EQ(pool.stats().restarts, 0U);
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
}

TEST(process_recycling, comes_to_its_end_where_descriptors_are_few) {
  surroundings around;
  process_pool pool(around.environment(), "squares", one_task_each(8));
  ASSERT_EQ(pool.start(), std::nullopt);
  // Room for a few workers, and for no replacement while all of them exist.
  const int next = ::dup(0);
  ::close(next);
  const few_descriptors limit(static_cast<rlim_t>(next) + 24);
  const auto inputs = numbers(1, 500);
  EXPECT_EQ(pool.map(tasks().square, inputs), squares_of(inputs));
  EXPECT_FALSE(pool.stats().gave_up);
}

TEST(process_recycling, replaces_a_worker_after_the_task_with_which_it_has_grown_too_large) {
  surroundings around;
  auto spec = spec_of(1);
  spec.restarts.recycle_memory = std::uint64_t{200} << 20;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<task_future<std::int64_t>> futures;
  for (int i = 0; i < 6; ++i) futures.push_back(pool.submit(tasks().keep_memory, std::int64_t{150} << 20));
  std::multiset<std::int64_t> ran_in;
  for (auto& one : futures) ran_in.insert(get_soon(one).value());
  // The second task is the one with which it is too large.
  for (const auto pid : ran_in) EXPECT_LE(ran_in.count(pid), 2U);
}

}  // namespace
