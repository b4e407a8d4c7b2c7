#include "observe/time_machine.hpp"

#include "lived_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace steward {
namespace {

using std::chrono::microseconds;

/// What was kept of a run, on a disk say.
class kept_events : public event_history {
public:
  explicit kept_events(std::vector<event> all, std::optional<run_view> before = std::nullopt)
      : all_(std::move(all)), before_(std::move(before)) {}

  void events_after(std::uint64_t after, const event_taker& f) override {
    for (const auto& e : all_)
      if (e.seq > after && !f(e)) return;
  }
  std::optional<run_view> picture_before() override { return before_; }
  std::vector<sample> samples_of(const std::string&, time_point, time_point, std::chrono::milliseconds) override {
    return {};
  }

private:
  std::vector<event> all_;
  std::optional<run_view> before_;
};

run_view folded(const std::vector<event>& events, std::uint64_t until) {
  run_view out;
  for (const auto& e : events)
    if (e.seq <= until) fold(out, e);
  return out;
}

monitor_limits few(std::size_t events) {
  monitor_limits out;
  out.most_events = events;
  return out;
}

time_machine_limits tight() {
  time_machine_limits out;
  out.most_pictures = 4;
  out.times_each = 7;
  out.most_times = 100;
  return out;
}

class time_machine_test : public testing::Test {
protected:
  time_machine_test() { run_.crash_at_random(5'000); }

  void take_all(run_monitor& into) const {
    for (const auto& e : run_.events) {
      into.take(e);
      if (e.seq % 100 == 0) into.catch_up();
    }
  }

  test::lived_run run_{9};
};

TEST_F(time_machine_test, shows_each_moment_as_its_events_folded_one_by_one) {
  run_monitor monitor;
  take_all(monitor);
  time_machine x{monitor, tight()};
  const auto last = run_.events.size();
  for (std::uint64_t seq :
       {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{30}, std::uint64_t{1'023}, std::uint64_t{1'024},
        std::uint64_t{1'025}, std::uint64_t{7'777}, std::uint64_t{12'288}, last - 1, last})
    EXPECT_EQ(x.view_at(seq), folded(run_.events, seq)) << seq;
  EXPECT_EQ(x.view_at(last + 1), std::nullopt);
}

TEST_F(time_machine_test, takes_what_is_not_kept_in_memory_from_the_history) {
  run_monitor monitor{few(50)};
  monitor.set_history(std::make_shared<kept_events>(run_.events));
  take_all(monitor);
  time_machine x{monitor, tight()};
  for (const std::uint64_t seq : {5U, 1'500U, 9'000U}) EXPECT_EQ(x.view_at(seq), folded(run_.events, seq)) << seq;
}

TEST_F(time_machine_test, has_no_moment_of_a_run_whose_beginning_is_not_kept) {
  run_monitor monitor{few(50)};
  take_all(monitor);
  time_machine x{monitor, tight()};
  EXPECT_EQ(x.view_at(1'000), std::nullopt);
  EXPECT_EQ(x.view_at(run_.events.size() - 3), std::nullopt);
  x.look([&](const run_timeline& t) { EXPECT_GT(t.view().missing, 0U) << "which it tells"; });
}

TEST_F(time_machine_test, begins_with_the_picture_that_is_kept_where_the_first_events_are_not) {
  for (const auto cut : {std::uint64_t{4'321}, run_.events.size() - 400}) {
    run_monitor monitor{few(50)};
    const std::vector<event> later(run_.events.begin() + static_cast<std::ptrdiff_t>(cut), run_.events.end());
    monitor.set_history(std::make_shared<kept_events>(later, folded(run_.events, cut)));
    auto picture = monitor.picture_before();
    ASSERT_TRUE(picture);
    monitor.begin_with(std::move(*picture));
    for (const auto& e : later) {
      monitor.take(e);
      if (e.seq % 100 == 0) monitor.catch_up();
    }
    monitor.look([&](const run_view& now) { EXPECT_EQ(now, folded(run_.events, run_.events.size())); });
    time_machine x{monitor, tight()};
    for (const std::uint64_t seq : {cut, cut + 1, cut + 77, std::uint64_t{run_.events.size()}})
      EXPECT_EQ(x.view_at(seq), folded(run_.events, seq)) << seq;
    EXPECT_EQ(x.view_at(cut - 1), std::nullopt);
    const auto before = folded(run_.events, cut);
    x.look([&](const run_timeline& t) {
      EXPECT_EQ(t.view().missing, 0U);
      for (const auto& [path, child] : before.children) {
        const auto lane = t.lanes().find(path);
        ASSERT_NE(lane, t.lanes().end()) << path;
        EXPECT_EQ(lane->second.bars.front().status, child.status) << path;
        EXPECT_EQ(lane->second.bars.front().incarnation, child.incarnation) << path;
      }
    });
    // Each account looks at some thousand events, so not of all of them: some on both sides of the cut, and those
    // beside it.
    const auto now = folded(run_.events, run_.events.size());
    const auto beside = static_cast<std::ptrdiff_t>(
        std::ranges::count_if(now.crashes, [&](const crash_view& crash) { return crash.seq <= cut; }));
    for (std::ptrdiff_t i = 0; i < std::ssize(now.crashes); ++i) {
      if (i % 97 != 0 && (i < beside - 2 || i > beside + 1)) continue;
      const auto& crash = now.crashes[static_cast<std::size_t>(i)];
      const auto account = x.account_of(crash.id);
      ASSERT_TRUE(account) << crash.id;
      EXPECT_EQ(account->crash.seq, crash.seq) << "of those before the cut, too";
    }
  }
}

TEST_F(time_machine_test, knows_which_event_was_the_last_one_at_a_time) {
  run_monitor monitor;
  take_all(monitor);
  time_machine x{monitor, tight()};
  const auto& all = run_.events;
  for (std::size_t i = 0; i < all.size(); i += 611) {
    EXPECT_EQ(x.seq_at(all[i].ts), all[i].seq);
    EXPECT_EQ(x.seq_at(all[i].ts - microseconds{1}), i == 0 ? std::nullopt : std::optional{all[i].seq - 1}) << i;
  }
  EXPECT_EQ(x.seq_at(all.back().ts + std::chrono::hours{1}), all.back().seq);
}

TEST_F(time_machine_test, goes_on_with_what_comes) {
  run_monitor monitor;
  time_machine x{monitor, tight()};
  EXPECT_EQ(x.view_at(1), std::nullopt);
  EXPECT_EQ(x.seq_at(run_.events.back().ts), std::nullopt);
  std::uint64_t seen = 0;
  for (const auto& e : run_.events) {
    monitor.take(e);
    if (e.seq % 1'700 != 0) continue;
    x.look([&](const run_timeline& t) { seen = t.view().last_seq; });
    EXPECT_EQ(seen, e.seq);
    EXPECT_EQ(x.view_at(e.seq), folded(run_.events, e.seq));
  }
}

TEST_F(time_machine_test, begins_anew_with_another_run) {
  run_monitor monitor;
  time_machine x{monitor, tight()};
  take_all(monitor);
  ASSERT_TRUE(x.view_at(4'000));
  auto other = test::lived_run{3}.crash_at_random(20).events;
  for (auto& e : other) {
    e.run = "r-2";
    e.seq += run_.events.size();
    monitor.take(e);
  }
  const auto now = x.view_at(other.back().seq);
  ASSERT_TRUE(now);
  EXPECT_EQ(now->run, "r-2");
  EXPECT_EQ(now->children.size(), 4U);
}

TEST_F(time_machine_test, tells_of_a_crash_what_the_whole_run_tells) {
  run_monitor monitor;
  take_all(monitor);
  auto within = tight();
  within.around_crash = 300;
  time_machine x{monitor, within};
  const auto now = folded(run_.events, run_.events.size());
  for (const std::size_t which : {std::size_t{0}, std::size_t{200}, now.crashes.size() - 1}) {
    const auto& crash = now.crashes.at(which);
    whole_crash expected;
    crash_search search{crash.id, expected};
    for (const auto& e : run_.events)
      if (!search.take(e)) break;
    const auto told = x.account_of(crash.id);
    ASSERT_TRUE(told) << crash.id;
    EXPECT_TRUE(told->has_history);
    EXPECT_EQ(told->crash, crash);
    EXPECT_EQ(told->child, expected.child);
    EXPECT_EQ(told->alike.count, now.alike.at(crash.fingerprint).count);
    EXPECT_EQ(told->alike_before, expected.alike_before);
    EXPECT_EQ(told->ladder, expected.ladder);
    EXPECT_EQ(told->before.size(), expected.before.size());
    EXPECT_EQ(told->after.size(), expected.after.size());
    EXPECT_FALSE(told->after.empty());
  }
  EXPECT_FALSE(x.account_of("c-9999"));
}

TEST_F(time_machine_test, may_be_asked_by_several_while_the_run_goes_on) {
  run_monitor monitor{few(5'000)};
  monitor.set_history(std::make_shared<kept_events>(run_.events));
  time_machine x{monitor, tight()};
  monitor.take(run_.events.front());
  std::vector<std::thread> readers;
  std::atomic<bool> over{false};
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!over) {
        const auto last = monitor.last_seq();
        const auto view = x.view_at(std::max<std::uint64_t>(1, last / 2));
        EXPECT_TRUE(view && view->last_seq == std::max<std::uint64_t>(1, last / 2));
        x.account_of("c-0001");
      }
    });
  for (std::size_t i = 1; i < run_.events.size(); ++i) monitor.take(run_.events[i]);
  monitor.catch_up();
  over = true;
  for (auto& one : readers) one.join();
  EXPECT_EQ(x.view_at(8'000), folded(run_.events, 8'000));
}

}  // namespace
}  // namespace steward
