#include "cli/beat.hpp"

#include <gtest/gtest.h>

namespace steward::cli {
namespace {

using namespace std::chrono_literals;

const beat::time_point zero{1h};

TEST(beat, is_due_after_one_interval_and_then_after_each) {
  beat x{10s, zero};
  EXPECT_EQ(x.due(), zero + 10s);
  EXPECT_EQ(x.ended(zero + 10s + 1ms), 0U);
  EXPECT_EQ(x.due(), zero + 20s) << "whatever the run took";
  EXPECT_EQ(x.ended(zero + 29s), 0U);
  EXPECT_EQ(x.due(), zero + 30s);
}

TEST(beat, leaves_out_what_was_due_meanwhile) {
  beat x{10s, zero};
  EXPECT_EQ(x.ended(zero + 20s), 1U) << "one that is due right now, too";
  EXPECT_EQ(x.due(), zero + 30s);
  EXPECT_EQ(x.ended(zero + 75s), 4U) << "at 40, 50, 60 and 70";
  EXPECT_EQ(x.due(), zero + 80s);
}

TEST(beat, keeps_its_beat_after_a_long_sleep_of_the_machine) {
  beat x{10ms, zero};
  EXPECT_EQ(x.ended(zero + 24h), 24U * 3'600U * 100U - 1U);
  EXPECT_EQ(x.due(), zero + 24h + 10ms);
}

}  // namespace
}  // namespace steward::cli
