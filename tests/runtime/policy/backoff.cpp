#include "policy/backoff.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace {

using namespace std::chrono_literals;
using steward::backoff_spec;
using steward::policy::backoff;

const backoff::time_point origin{1h};

std::vector<std::int64_t> delays(backoff& b, int count) {
  std::vector<std::int64_t> out;
  for (int i = 0; i < count; ++i) out.push_back(b.next(origin).count());
  return out;
}

TEST(backoff, restarts_at_once_first_and_then_grows_to_the_maximum) {
  backoff b{backoff_spec{100ms, 1s, 2.0, 0.0, 30s}, 1};
  EXPECT_EQ(delays(b, 7), (std::vector<std::int64_t>{0, 100, 200, 400, 800, 1000, 1000}));
}

TEST(backoff, starts_anew_after_a_healthy_time) {
  backoff b{backoff_spec{100ms, 1s, 2.0, 0.0, 30s}, 1};
  delays(b, 4);
  b.ready(origin);
  EXPECT_EQ(b.next(origin + 29s).count(), 800) << "one second too early";
  b.ready(origin + 40s);
  EXPECT_EQ(b.next(origin + 70s).count(), 0);
  EXPECT_EQ(b.next(origin + 70s).count(), 100);
}

TEST(backoff, jitter_lengthens_by_at_most_its_share_and_never_beyond_the_maximum) {
  std::set<std::int64_t> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    backoff b{backoff_spec{100ms, 450ms, 2.0, 0.5, 30s}, seed};
    const auto d = delays(b, 4);
    EXPECT_EQ(d[0], 0);
    EXPECT_GE(d[1], 100);
    EXPECT_LE(d[1], 150);
    EXPECT_GE(d[3], 400);
    EXPECT_LE(d[3], 450);
    seen.insert(d[1]);
  }
  EXPECT_GT(seen.size(), 20U) << "children that died together would come back together";
}

TEST(backoff, is_the_same_for_the_same_seed) {
  const backoff_spec spec{};
  backoff a{spec, 7};
  backoff b{spec, 7};
  EXPECT_EQ(delays(a, 10), delays(b, 10));
}

TEST(backoff, of_zero_never_waits) {
  backoff b{backoff_spec{0ms, 0ms, 2.0, 0.5, 30s}, 1};
  EXPECT_EQ(delays(b, 4), (std::vector<std::int64_t>{0, 0, 0, 0}));
}

TEST(backoff, counts_the_healthy_time_of_the_latest_life_only) {
  backoff b{backoff_spec{100ms, 1s, 2.0, 0.0, 30s}, 1};
  b.ready(origin);
  b.next(origin + 1s);
  b.next(origin + 60s);
  EXPECT_EQ(b.next(origin + 120s).count(), 200) << "it was never ready after the first crash";
}

TEST(backoff, state_is_small_enough_for_a_million_children) { EXPECT_LE(sizeof(steward::policy::backoff_state), 32U); }

TEST(backoff, a_spec_that_changes_keeps_the_place_in_the_sequence) {
  steward::policy::backoff_state state;
  const backoff_spec slow{100ms, 1s, 2.0, 0.0, 30s};
  const backoff_spec quick{1ms, 1s, 2.0, 0.0, 30s};
  EXPECT_EQ(next_delay(slow, state, origin), 0ms);
  EXPECT_EQ(next_delay(slow, state, origin), 100ms);
  EXPECT_EQ(next_delay(quick, state, origin), 2ms);
  EXPECT_EQ(next_delay(slow, state, origin), 400ms);
}

TEST(backoff, stays_at_the_maximum_for_ever) {
  backoff b{backoff_spec{100ms, 10s, 10.0, 0.0, 30s}, 1};
  for (int i = 0; i < 5000; ++i) b.next(origin);
  EXPECT_EQ(b.next(origin), 10s);
}

}  // namespace
