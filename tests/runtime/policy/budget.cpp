#include "policy/budget.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace {

using namespace std::chrono_literals;
using steward::intensity;
using steward::policy::restart_budget;
using steward::policy::time_point;

const time_point origin{1h};

TEST(restart_budget, allows_three_in_five_seconds_and_refuses_the_fourth) {
  restart_budget budget{intensity{3, 5s}};
  EXPECT_TRUE(budget.allow(origin));
  EXPECT_TRUE(budget.allow(origin + 1s));
  EXPECT_TRUE(budget.allow(origin + 2s));
  EXPECT_EQ(budget.count(origin + 2s), 3U);
  EXPECT_FALSE(budget.allow(origin + 5s));
}

TEST(restart_budget, forgets_a_restart_once_the_window_has_passed_it) {
  restart_budget budget{intensity{2, 5s}};
  EXPECT_TRUE(budget.allow(origin));
  EXPECT_TRUE(budget.allow(origin + 3s));
  EXPECT_FALSE(budget.allow(origin + 5s)) << "both lie in the window, its edge included";
  EXPECT_TRUE(budget.allow(origin + 5s + 1ms));
  EXPECT_EQ(budget.count(origin + 5s + 1ms), 2U);
}

TEST(restart_budget, restarts_wider_apart_than_the_window_never_exhaust_it) {
  restart_budget budget{intensity{1, 1s}};
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(budget.allow(origin + i * 2100ms));
}

TEST(restart_budget, of_zero_restarts_refuses_the_first) {
  restart_budget budget{intensity{0, 5s}};
  EXPECT_FALSE(budget.allow(origin));
  EXPECT_EQ(budget.count(origin), 0U);
}

TEST(restart_budget, agrees_with_a_list_of_all_times) {
  std::mt19937 random{20260101};
  for (int round = 0; round < 500; ++round) {
    const intensity limit{static_cast<unsigned>(random() % 6), std::chrono::milliseconds{1 + random() % 50}};
    restart_budget budget{limit};
    std::deque<time_point> accepted;
    auto now = origin;
    for (int i = 0; i < 200; ++i) {
      now += std::chrono::milliseconds{random() % 20};
      while (!accepted.empty() && now - accepted.front() > limit.within) accepted.pop_front();
      const bool expected = accepted.size() < limit.restarts;
      ASSERT_EQ(budget.allow(now), expected) << "round " << round << " step " << i;
      if (expected) accepted.push_back(now);
      ASSERT_EQ(budget.count(now), accepted.size());
    }
  }
}

}  // namespace
