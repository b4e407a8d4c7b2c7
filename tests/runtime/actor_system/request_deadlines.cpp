#include "actor_system/request_deadlines.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace {

using namespace steward::port;
using namespace std::chrono_literals;
using ids = std::vector<std::uint64_t>;

constexpr request_deadlines::time_point begin{1h};

ids due(request_deadlines& x, request_deadlines::time_point now) {
  ids out;
  while (const auto one = x.take_due(now)) out.push_back(*one);
  return out;
}

TEST(request_deadlines_test, are_due_in_the_order_of_time_and_not_before) {
  request_deadlines all;
  all.add(begin + 30ms, 3);
  all.add(begin + 10ms, 1);
  all.add(begin + 20ms, 2);
  EXPECT_EQ(all.earliest(), begin + 10ms);
  EXPECT_EQ(due(all, begin + 9ms), ids{});
  EXPECT_EQ(due(all, begin + 20ms), (ids{1, 2}));
  EXPECT_EQ(all.earliest(), begin + 30ms);
  EXPECT_EQ(due(all, begin + 1h), ids{3});
  EXPECT_EQ(all.earliest(), std::nullopt);
}

TEST(request_deadlines_test, those_of_answered_requests_are_never_due) {
  request_deadlines all;
  for (std::uint64_t i = 1; i <= 6; ++i) all.add(begin + std::chrono::milliseconds{i}, i);
  all.keep({2, 5});
  EXPECT_EQ(all.earliest(), begin + 2ms);
  EXPECT_EQ(due(all, begin + 1h), (ids{2, 5}));
}

TEST(request_deadlines_test, are_crowded_only_when_answered_ones_may_be_the_most) {
  request_deadlines all;
  std::uint64_t number = 0;
  const auto add = [&](int n) {
    for (int i = 0; i < n; ++i) all.add(begin, ++number);
  };
  add(256);
  EXPECT_FALSE(all.is_crowded());
  add(1);
  EXPECT_TRUE(all.is_crowded());
  ids live(100);
  std::iota(live.begin(), live.end(), 1U);
  all.keep(live);
  add(256 + 4 * 100 - 100);
  EXPECT_FALSE(all.is_crowded()) << "100 that are awaited make room for 400 more";
  add(1);
  EXPECT_TRUE(all.is_crowded());
  all.keep({});
  EXPECT_EQ(due(all, begin), ids{});
}

TEST(request_deadlines_test, forgotten_ones_leave_the_alarm_as_it_is) {
  request_deadlines all;
  all.add(begin, 1);
  EXPECT_TRUE(all.alarm().set(begin));
  all.clear();
  EXPECT_EQ(all.earliest(), std::nullopt);
  EXPECT_FALSE(all.alarm().set(begin)) << "it still rings";
}

TEST(request_deadlines_test, the_clock_is_asked_only_for_what_is_earlier) {
  clock_alarm alarm;
  EXPECT_TRUE(alarm.set(begin + 10ms));
  EXPECT_FALSE(alarm.set(begin + 10ms));
  EXPECT_FALSE(alarm.set(begin + 11ms));
  EXPECT_TRUE(alarm.set(begin + 9ms));
  EXPECT_FALSE(alarm.set(begin + 10ms));
  alarm.rang();
  EXPECT_TRUE(alarm.set(begin + 1h));
}

/// What a list would say that is looked through each time.
TEST(request_deadlines_test, do_as_a_plain_list_does_in_random_lives) {
  std::mt19937_64 random{1};
  for (int life = 0; life < 300; ++life) {
    request_deadlines all;
    std::vector<std::pair<request_deadlines::time_point, std::uint64_t>> list;
    auto now = begin;
    std::uint64_t number = 0;
    for (int step = 0; step < 60; ++step) {
      const auto what = random() % 10;
      if (what < 6) {
        const auto at = now + std::chrono::milliseconds{random() % 50};
        all.add(at, ++number);
        list.emplace_back(at, number);
      } else if (what < 8) {
        ids live;
        for (const auto& x : list)
          if (random() % 2 == 0) live.push_back(x.second);
        std::erase_if(list, [&](const auto& x) { return std::find(live.begin(), live.end(), x.second) == live.end(); });
        all.keep(live);
      } else {
        now += std::chrono::milliseconds{random() % 30};
        ids expected;
        for (const auto& x : list)
          if (x.first <= now) expected.push_back(x.second);
        std::erase_if(list, [&](const auto& x) { return x.first <= now; });
        auto found = due(all, now);
        std::sort(found.begin(), found.end());
        ASSERT_EQ(found, expected) << "life " << life << ", step " << step;
      }
      const auto first = std::min_element(list.begin(), list.end());
      ASSERT_EQ(all.earliest(), list.empty() ? std::nullopt : std::optional{first->first});
    }
  }
}

}  // namespace
