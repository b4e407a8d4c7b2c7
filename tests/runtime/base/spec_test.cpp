#include "steward/spec.hpp"

#include <gtest/gtest.h>

namespace {

using namespace steward;

TEST(spec, renders_durations_exactly_in_the_largest_fitting_unit) {
  EXPECT_EQ(render_duration(milliseconds{0}), "0ms");
  EXPECT_EQ(render_duration(milliseconds{200}), "200ms");
  EXPECT_EQ(render_duration(milliseconds{1'500}), "1500ms");
  EXPECT_EQ(render_duration(milliseconds{5'000}), "5s");
  EXPECT_EQ(render_duration(milliseconds{90'000}), "90s");
  EXPECT_EQ(render_duration(milliseconds{120'000}), "2m");
  EXPECT_EQ(render_duration(milliseconds{7'200'000}), "2h");
  EXPECT_EQ(render_duration(milliseconds{-5'000}), "-5s");
}

TEST(spec, names_its_enumerations_as_yaml_does) {
  EXPECT_STREQ(to_string(restart_type::permanent), "permanent");
  EXPECT_STREQ(to_string(restart_type::transient), "transient");
  EXPECT_STREQ(to_string(restart_type::temporary), "temporary");
  EXPECT_STREQ(to_string(strategy::one_for_one), "one_for_one");
  EXPECT_STREQ(to_string(rung::thread), "thread");
  EXPECT_STREQ(to_string(rung::process), "process");
  EXPECT_STREQ(to_string(param_type::integer), "integer");
  EXPECT_STREQ(to_string(param_type::actor), "actor");
  EXPECT_STREQ(to_string(param_type::pool), "pool");
  EXPECT_STREQ(to_string(overflow_policy::give_back), "give_back");
  EXPECT_STREQ(to_string(stop_policy::discard), "discard");
  EXPECT_STREQ(to_string(stop_policy::drain), "drain");
}

}  // namespace
