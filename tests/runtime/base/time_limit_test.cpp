#include "steward/detail/time_limit.hpp"
#include "steward/spec.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using steward::detail::later;
using clock_type = std::chrono::steady_clock;

TEST(time_limit, adds_what_fits) {
  const clock_type::time_point now{1h};
  EXPECT_EQ(later(now, 5ms), now + 5ms);
  EXPECT_EQ(later(now, 0s), now);
  EXPECT_EQ(later(now, -5ms), now - 5ms);
  EXPECT_EQ(later(now, std::chrono::duration<double>(0.5)), now + 500ms);
  EXPECT_EQ(later(now, std::chrono::hours(24 * 365 * 100)), now + std::chrono::hours(24 * 365 * 100));
}

TEST(time_limit, ends_at_the_ends_of_the_clock) {
  constexpr auto never = clock_type::time_point::max();
  const clock_type::time_point now{1h};
  EXPECT_EQ(later(now, steward::infinity), never);
  EXPECT_EQ(later(now, std::chrono::hours::max()), never);
  EXPECT_EQ(later(now, clock_type::duration::max()), never);
  EXPECT_EQ(later(now, std::chrono::duration<double>(1e300)), never);
  EXPECT_EQ(later(never, 1ns), never);
  EXPECT_EQ(later(clock_type::time_point{}, std::chrono::hours::min()), clock_type::time_point::min());
}

}  // namespace
