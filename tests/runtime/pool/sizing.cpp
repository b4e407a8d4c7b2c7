// How many workers a pool means to have.
#include "pool/sizing.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace steward::test {
namespace {

using namespace steward::pooling;
using std::chrono::milliseconds;

sizing between(unsigned min, unsigned first, unsigned max, unsigned spares = 0) {
  pool_spec spec;
  spec.size.workers = first;
  spec.size.min_workers = min;
  spec.size.max_workers = max;
  spec.size.spares = spares;
  spec.size.idle_exit = milliseconds{100};
  return sizing(spec);
}

TEST(sizing, begins_with_its_workers_and_spares_beyond) {
  const auto s = between(1, 3, 8, 2);
  EXPECT_EQ(s.size(), 3u);
  EXPECT_EQ(s.wanted(), 5u);
  EXPECT_EQ(s.least(), 1u);
  EXPECT_EQ(s.most(), 8u);
}

TEST(sizing, neither_grows_nor_shrinks_without_room_for_it) {
  auto s = between(2, 2, 2);
  EXPECT_FALSE(s.can_grow());
  EXPECT_FALSE(s.can_shrink());
  EXPECT_FALSE(s.grow(10, 0));
  EXPECT_EQ(s.size(), 2u);
}

TEST(sizing, grows_by_what_waits_beyond_those_who_come_and_up_to_its_most) {
  auto s = between(1, 1, 6);
  EXPECT_FALSE(s.grow(2, 2));
  EXPECT_TRUE(s.grow(3, 1));
  EXPECT_EQ(s.size(), 3u);
  EXPECT_TRUE(s.grow(100, 0));
  EXPECT_EQ(s.size(), 6u);
  EXPECT_FALSE(s.grow(100, 0));
}

TEST(sizing, does_not_count_on_a_spare_that_comes_where_nobody_else_is) {
  auto s = between(0, 0, 4, 1);
  while (s.can_shrink()) s.shrink();
  EXPECT_TRUE(s.grow(1, 1));
  EXPECT_EQ(s.size(), 1u);
  EXPECT_EQ(s.wanted(), 2u);
}

TEST(sizing, has_as_many_at_work_as_its_size_and_no_spare) {
  const auto s = between(1, 2, 2, 3);
  EXPECT_FALSE(s.is_full(1));
  EXPECT_TRUE(s.is_full(2));
}

TEST(sizing, needs_no_idle_worker_beyond_its_least_size_for_long) {
  auto s = between(1, 2, 2);
  const time_point idle{std::chrono::hours(1)};
  EXPECT_EQ(s.idle_exit_at(idle, 0), idle + milliseconds{100});
  EXPECT_EQ(s.idle_exit_at(idle, 1), idle + milliseconds{100});
  EXPECT_EQ(s.idle_exit_at(idle, 2), time_point::max()) << "who is idle while all work is a spare";
  s.shrink();
  EXPECT_EQ(s.size(), 1u);
  EXPECT_EQ(s.idle_exit_at(idle, 0), time_point::max()) << "this one stays";
}

TEST(sizing, comes_within_new_bounds_at_once) {
  auto s = between(1, 4, 8);
  s.resize(1, 2);
  EXPECT_EQ(s.size(), 2u);
  s.resize(5, 9);
  EXPECT_EQ(s.size(), 5u);
  s.resize(0, 0);
  EXPECT_EQ(s.most(), 1u) << "a pool of nobody could never run a task";
  EXPECT_EQ(s.size(), 1u);
  EXPECT_TRUE(s.can_shrink());
  s.resize(100'000, 200'000);
  EXPECT_EQ(s.size(), bounds::workers.max);
  EXPECT_EQ(s.most(), bounds::workers.max);
}

}  // namespace
}  // namespace steward::test
