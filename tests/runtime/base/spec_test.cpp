#include "steward/spec.hpp"

#include "base/spec_changes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

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

void expect_bounds(const pool_size& size, unsigned first, unsigned least, unsigned most) {
  pool_spec spec;
  spec.size = size;
  const auto bounds = worker_bounds_of(spec);
  EXPECT_EQ(bounds.first, first);
  EXPECT_EQ(bounds.least, least);
  EXPECT_EQ(bounds.most, most);
  EXPECT_TRUE(validate(spec, "/p").empty());
}

TEST(spec, tells_between_how_many_workers_a_pool_has_and_with_how_many_it_begins) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  expect_bounds({.workers = 3}, 3, 3, 3);
  expect_bounds({}, cores, cores, cores);
  expect_bounds({.workers = 3, .min_workers = 1, .max_workers = 5}, 3, 1, 5);
  expect_bounds({.workers = 3, .min_workers = 0}, 3, 0, 3);
  expect_bounds({.min_workers = 0, .max_workers = 5}, 0, 0, std::max(5U, std::min(cores, 5U)));
  expect_bounds({.min_workers = 0}, 0, 0, cores);
}

TEST(spec, refuses_more_least_workers_than_there_can_be) {
  pool_spec spec;
  spec.size = {.workers = 1'024, .min_workers = 1'025};
  const auto faults = validate(spec, "/p");
  ASSERT_FALSE(faults.empty());
  EXPECT_EQ(describe(faults[0]), "/p: min_workers: 1025 is too large; expected from 0 to 1024");
}

}  // namespace
