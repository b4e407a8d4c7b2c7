#include "observe/timeline.hpp"

#include "lived_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace steward {
namespace {

using testing::ElementsAre;

run_timeline laid_out(const std::vector<event>& events, timeline_limits within = {}) {
  run_timeline out{within};
  for (const auto& e : events) out.take(e);
  return out;
}

std::vector<std::string> statuses(const std::vector<timeline_bar>& bars) {
  std::vector<std::string> out;
  for (const auto& one : bars)
    out.push_back(to_string(one.status) + std::string{" "} + std::to_string(one.incarnation));
  return out;
}

TEST(timeline, has_a_bar_for_each_stretch_of_a_life) {
  test::lived_run run{1};
  run.crash(0);
  const auto x = laid_out(run.events);
  const auto& lane = x.lanes().find("/root/a0")->second;
  EXPECT_THAT(statuses(lane.bars), ElementsAre("idle 0", "starting 1", "up 1", "restarting 1", "restarting 2", "up 2"));
  for (std::size_t i = 1; i < lane.bars.size(); ++i) EXPECT_EQ(lane.bars[i].from, lane.bars[i - 1].to);
  EXPECT_EQ(lane.bars.back().to, timeline_bar::open);
  ASSERT_EQ(lane.crashes.size(), 1U);
  EXPECT_EQ(lane.crashes[0].id, "c-0001");
  EXPECT_EQ(lane.crashes[0].at, lane.bars[3].from);
  EXPECT_EQ(lane.bars[3].seq, lane.crashes[0].seq);
}

TEST(timeline, notes_whom_a_crash_takes_along) {
  test::lived_run run{3};
  auto& e = run.add(event_kind::crash, "/root/a1", 1);
  e.decision = event_decision{"restart", "one_for_all", 1, 3, 5'000, 0, {"/root/a0", "/root/a2"}};
  const auto seq = e.seq;
  const auto x = laid_out(run.events);
  ASSERT_EQ(x.groups().size(), 1U);
  EXPECT_EQ(x.groups()[0].path, "/root/a1");
  EXPECT_EQ(x.groups()[0].seq, seq);
  EXPECT_THAT(x.groups()[0].also, ElementsAre("/root/a0", "/root/a2"));
}

TEST(timeline, ends_the_lane_of_what_was_removed_and_goes_on_with_it_when_it_is_there_again) {
  test::lived_run run{2};
  run.add(event_kind::child, "/root/a0").child.emplace().state = "removed";
  const auto gone = laid_out(run.events);
  EXPECT_NE(gone.lanes().find("/root/a0")->second.bars.back().to, timeline_bar::open);
  run.add(event_kind::child, "/root/a0").child.emplace().state = "idle";
  const auto again = laid_out(run.events);
  EXPECT_EQ(again.lanes().find("/root/a0")->second.bars.back().to, timeline_bar::open);
  EXPECT_EQ(again.order().size(), 3U);
}

TEST(timeline, names_lanes_in_the_order_of_the_tree) {
  test::lived_run run{12};
  const auto x = laid_out(run.events);
  std::vector<std::string> expected{"/root"};
  for (int i = 0; i < 12; ++i) expected.push_back("/root/a" + std::to_string(i));
  EXPECT_EQ(x.order(), expected);
}

TEST(timeline, begins_anew_with_another_run) {
  test::lived_run run{2};
  auto x = laid_out(run.crash(0).events);
  auto other = test::lived_run{1}.events;
  for (auto& e : other) e.run = "r-2";
  for (const auto& e : other) x.take(e);
  EXPECT_EQ(x.view().run, "r-2");
  EXPECT_EQ(x.lanes().size(), 2U);
  const auto& all = x.strip().events;
  EXPECT_EQ(std::accumulate(all.begin(), all.end(), 0U), other.size());
}

TEST(timeline, shows_what_can_be_seen_and_counts_the_rest) {
  test::lived_run run{1};
  const auto x = laid_out(run.crash_at_random(2'000).events);
  const auto& lane = x.lanes().find("/root/a0")->second;
  const auto now = timeline_time_of(x.view().now);
  const auto from = lane.bars.front().from;
  for (const std::size_t most : {1U, 7U, 100U, 1'000U}) {
    std::uint64_t merged = 0;
    const auto seen = run_timeline::bars_between(lane, from, now, now, most, merged);
    const auto begun = static_cast<std::size_t>(
        std::count_if(lane.bars.begin(), lane.bars.end(), [&](const timeline_bar& one) { return one.from < now; }));
    EXPECT_EQ(seen.size() + merged, begun) << most;
    EXPECT_LE(seen.size(), 2 * most + 2) << most;
    for (std::size_t i = 1; i < seen.size(); ++i) ASSERT_EQ(seen[i].from, seen[i - 1].to) << most;
  }
  // A stretch in the middle: the bar that it begins in is whole, and nothing is merged where all can be seen.
  std::uint64_t merged = 0;
  const auto middle = lane.bars[1'000];
  const auto part = run_timeline::bars_between(lane, middle.from + 1, lane.bars[1'010].from, now, 100, merged);
  EXPECT_EQ(merged, 0U);
  ASSERT_EQ(part.size(), 10U);
  EXPECT_EQ(part.front(), middle);
}

TEST(timeline, has_a_strip_that_holds_every_event_however_long_the_run) {
  for (const std::size_t crashes : {0U, 10U, 1'000U, 20'000U}) {
    test::lived_run run{5, crashes};
    const auto x = laid_out(run.crash_at_random(crashes).events);
    const auto& strip = x.strip();
    std::uint64_t events = 0;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < strip.count; ++i) {
      events += strip.events[i];
      seen += strip.crashes[i];
      const auto end = strip.from + static_cast<timeline_time>(i + 1) * strip.step;
      const auto newest = std::find_if(run.events.rbegin(), run.events.rend(),
                                       [&](const event& e) { return timeline_time_of(e.ts) < end; });
      ASSERT_EQ(strip.newest[i], newest->seq) << i << " of " << strip.count;
    }
    EXPECT_EQ(events, run.events.size());
    EXPECT_EQ(seen, crashes);
    EXPECT_LE(strip.count, timeline_strip::most_buckets);
  }
}

TEST(timeline, forgets_the_oldest_bars_of_the_fullest_lanes_and_counts_them) {
  timeline_limits within;
  within.most_bars = 1'000;
  within.least_bars = 16;
  within.most_crashes = 10;
  test::lived_run run{4};
  run.crash_at_random(5'000);
  const auto x = laid_out(run.events, within);
  const auto whole = laid_out(run.events);
  std::size_t bars = 0;
  for (const auto& [path, lane] : x.lanes()) {
    bars += lane.bars.size();
    const auto& all = whole.lanes().find(path)->second.bars;
    EXPECT_EQ(lane.bars.size() + lane.forgotten, all.size()) << path;
    EXPECT_TRUE(std::equal(lane.bars.rbegin(), lane.bars.rend(), all.rbegin())) << path;
    EXPECT_LE(lane.crashes.size(), within.most_crashes);
  }
  EXPECT_LE(bars, within.most_bars + 4);
}

TEST(timeline, tells_an_event_that_comes_twice_once) {
  test::lived_run run{1};
  run.crash(0);
  auto x = laid_out(run.events);
  const auto bars = x.lanes().find("/root/a0")->second.bars;
  x.take(run.events.back());
  EXPECT_EQ(x.lanes().find("/root/a0")->second.bars, bars);
  const auto& all = x.strip().events;
  EXPECT_EQ(std::accumulate(all.begin(), all.end(), 0U), run.events.size());
}

}  // namespace
}  // namespace steward
