#include "pool/stop_ladder.hpp"

#include <gtest/gtest.h>

namespace {

using namespace steward;
using namespace steward::pooling;
using stage = stop_ladder::stage;

constexpr time_point begin{std::chrono::hours(1)};

TEST(stop_ladder_test, drains_until_it_is_asked) {
  stop_ladder one(milliseconds{5'000});
  EXPECT_FALSE(one.is_draining());
  one.begin(begin);
  EXPECT_TRUE(one.is_draining());
  EXPECT_FALSE(one.has_reached(stage::asked));
  one.reach(stage::asked);
  EXPECT_FALSE(one.is_draining());
  EXPECT_TRUE(one.has_reached(stage::asked));
}

TEST(stop_ladder_test, asks_harder_half_a_second_before_the_time_is_over_and_then_kills) {
  stop_ladder one(milliseconds{5'000});
  one.begin(begin);
  EXPECT_EQ(one.due(), begin + milliseconds{4'500});
  EXPECT_FALSE(one.is_due(stage::terminated, begin + milliseconds{4'499}));
  EXPECT_TRUE(one.is_due(stage::terminated, begin + milliseconds{4'500}));
  EXPECT_FALSE(one.is_due(stage::killed, begin + milliseconds{9'000})) << "one after the other";
  one.reach(stage::terminated);
  EXPECT_FALSE(one.is_due(stage::terminated, begin + milliseconds{9'000}));
  EXPECT_EQ(one.due(), begin + milliseconds{5'000});
  EXPECT_FALSE(one.is_due(stage::killed, begin + milliseconds{4'999}));
  EXPECT_TRUE(one.is_due(stage::killed, begin + milliseconds{5'000}));
  one.reach(stage::killed);
  EXPECT_FALSE(one.is_due(stage::killed, begin + milliseconds{9'000}));
}

TEST(stop_ladder_test, keeps_a_fifth_of_a_short_time_for_the_last_stage) {
  stop_ladder one(milliseconds{100});
  one.begin(begin);
  EXPECT_EQ(one.due(), begin + milliseconds{80});
}

TEST(stop_ladder_test, never_goes_back) {
  stop_ladder one(milliseconds{100});
  one.reach(stage::killed);
  one.begin(begin);
  one.reach(stage::asked);
  EXPECT_TRUE(one.has_reached(stage::killed));
}

}  // namespace
