#include "actor_system/timer_table.hpp"

#include <gtest/gtest.h>

namespace {

using namespace steward::port;
using namespace std::chrono_literals;
using numbers = std::vector<std::uint64_t>;

constexpr timer_table::time_point begin{1h};

timer_order order(std::string name = {}, std::optional<std::chrono::milliseconds> period = {}) {
  timer_order out;
  out.name = std::move(name);
  out.period = period;
  return out;
}

TEST(timer_table_test, tells_which_are_due_the_earliest_first) {
  timer_table all;
  const auto late = all.set(begin + 20ms, order());
  const auto early = all.set(begin + 10ms, order());
  const auto as_early = all.set(begin + 10ms, order());
  EXPECT_EQ(all.due(begin + 9ms), numbers{});
  EXPECT_EQ(all.due(begin + 10ms), (numbers{early, as_early}))
      << "those of one time in the order in which they were set";
  EXPECT_EQ(all.due(begin + 20ms), (numbers{early, as_early, late}));
  EXPECT_EQ(all.next_after(begin + 9ms), begin + 10ms);
  EXPECT_EQ(all.next_after(begin + 10ms), begin + 20ms);
  EXPECT_EQ(all.next_after(begin + 20ms), std::nullopt);
}

TEST(timer_table_test, one_that_was_taken_or_cancelled_is_gone) {
  timer_table all;
  const auto taken = all.set(begin, order());
  const auto cancelled = all.set(begin, order());
  EXPECT_TRUE(all.has(taken));
  const auto entry = all.take(taken, begin);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->at, begin);
  EXPECT_FALSE(all.has(taken));
  EXPECT_FALSE(all.take(taken, begin));
  EXPECT_TRUE(all.cancel(cancelled));
  EXPECT_FALSE(all.cancel(cancelled));
  EXPECT_FALSE(all.take(cancelled, begin));
  EXPECT_EQ(all.due(begin + 1h), numbers{});
}

TEST(timer_table_test, one_takes_the_place_of_another_of_its_name) {
  timer_table all;
  const auto first = all.set(begin + 10ms, order("tick"));
  const auto nameless = all.set(begin + 10ms, order());
  const auto second = all.set(begin + 30ms, order("tick"));
  EXPECT_FALSE(all.has(first));
  EXPECT_TRUE(all.has(nameless));
  EXPECT_TRUE(all.has(second));
  EXPECT_TRUE(all.cancel(second));
  const auto third = all.set(begin, order("tick"));
  EXPECT_EQ(all.due(begin + 1h), (numbers{third, nameless})) << "a cancelled one takes nothing with it";
}

TEST(timer_table_test, one_with_a_period_comes_again_and_misses_what_is_over) {
  timer_table all;
  const auto tick = all.set(begin + 10ms, order("tick", 10ms));
  EXPECT_EQ(all.take(tick, begin + 10ms)->at, begin + 10ms);
  EXPECT_EQ(all.next_after(begin + 10ms), begin + 20ms);
  EXPECT_EQ(all.take(tick, begin + 57ms)->at, begin + 20ms) << "one for all that it missed";
  EXPECT_EQ(all.next_after(begin + 57ms), begin + 60ms) << "and it keeps its pace";
  EXPECT_TRUE(all.has(tick)) << "under the same number";
  EXPECT_TRUE(all.cancel(tick));
  EXPECT_EQ(all.next_after(begin), std::nullopt);
}

TEST(timer_table_test, what_is_put_back_is_due_as_before) {
  timer_table all;
  const auto once = all.set(begin, order());
  const auto tick = all.set(begin, order("tick", 10ms));
  all.put_back(once, *all.take(once, begin));
  all.put_back(tick, *all.take(tick, begin));
  EXPECT_EQ(all.due(begin), (numbers{once, tick}));
  EXPECT_EQ(all.next_after(begin), std::nullopt) << "the next time of the periodic one is not known yet";
  const auto other = all.set(begin + 1ms, order("tick"));
  EXPECT_FALSE(all.has(tick)) << "it has its name again";
  EXPECT_TRUE(all.has(other));
}

TEST(timer_table_test, gives_no_number_twice) {
  timer_table all;
  const auto first = all.set(begin, order());
  EXPECT_NE(first, 0U);
  all.clear();
  EXPECT_FALSE(all.has(first));
  EXPECT_EQ(all.due(begin), numbers{});
  EXPECT_NE(all.set(begin, order("x")), first);
}

}  // namespace
