#include "observe/run_monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace steward {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

event made(std::uint64_t seq, event_kind kind = event_kind::ready, std::string actor = "/root/a") {
  event e;
  e.seq = seq;
  e.ts = run_monitor::time_point{seconds{1'000}} + milliseconds{seq};
  e.run = "r-1";
  e.kind = kind;
  e.actor = std::move(actor);
  return e;
}

sample figure(std::string path, int second, std::uint64_t waiting) {
  sample x;
  x.path = std::move(path);
  x.at = run_monitor::time_point{seconds{second}};
  x.waiting = waiting;
  return x;
}

std::vector<std::uint64_t> numbers(const run_monitor::piece& x) {
  std::vector<std::uint64_t> out;
  for (const auto& e : x.events) out.push_back(e->seq);
  return out;
}

/// Has the events of a run from 1 on.
class whole_history : public event_history {
public:
  explicit whole_history(std::uint64_t last) : last_(last) {}

  void events_after(std::uint64_t after, const event_taker& f) override {
    if (broken) throw std::runtime_error("the disk is gone");
    for (auto seq = after + 1; seq <= last_; ++seq)
      if (!f(made(seq))) return;
  }
  std::vector<sample> samples_of(const std::string& path, time_point from, time_point to, milliseconds) override {
    std::vector<sample> out;
    for (int second = 0; second < 1'000; ++second)
      if (auto x = figure(path, second, 7); x.at >= from && x.at < to) out.push_back(std::move(x));
    return out;
  }

  bool broken = false;

private:
  std::uint64_t last_;
};

monitor_limits few(std::size_t events) {
  monitor_limits out;
  out.most_events = events;
  return out;
}

TEST(run_monitor, gives_the_events_behind_a_number_in_pieces) {
  run_monitor monitor;
  for (std::uint64_t seq = 1; seq <= 5; ++seq) monitor.take(made(seq));
  const auto first = monitor.events_after(1, 2);
  EXPECT_THAT(numbers(first), testing::ElementsAre(2, 3));
  EXPECT_EQ(first.missing, 0U);
  EXPECT_EQ(first.reached, 3U);
  const auto rest = monitor.events_after(first.reached, 10);
  EXPECT_THAT(numbers(rest), testing::ElementsAre(4, 5));
  EXPECT_TRUE(monitor.events_after(5, 10).events.empty());
  EXPECT_EQ(monitor.events_after(5, 10).reached, 5U);
}

TEST(run_monitor, folds_what_has_come_before_somebody_looks) {
  run_monitor monitor;
  run_view plain;
  for (std::uint64_t seq = 1; seq <= 9; ++seq) {
    const auto e = made(seq, seq % 3 == 0 ? event_kind::crash : event_kind::ready, "/root/" + std::to_string(seq % 4));
    monitor.take(e);
    fold(plain, e);
    bool same = false;
    monitor.look([&](const run_view& x) { same = x == plain; });
    EXPECT_TRUE(same) << seq;
  }
}

TEST(run_monitor, drops_the_oldest_events_that_were_folded_and_says_how_many_are_missing) {
  run_monitor monitor{few(4)};
  for (std::uint64_t seq = 1; seq <= 10; ++seq) {
    monitor.take(made(seq));
    monitor.catch_up();
  }
  const auto rest = monitor.events_after(2, 100);
  EXPECT_THAT(numbers(rest), testing::ElementsAre(7, 8, 9, 10));
  EXPECT_EQ(rest.missing, 4U);
  std::uint64_t missing = 1;
  monitor.look([&](const run_view& x) { missing = x.missing; });
  EXPECT_EQ(missing, 0U);
}

TEST(run_monitor, keeps_what_waits_to_be_folded_until_it_is_too_much) {
  auto limits = few(4);
  limits.burst = 3;
  run_monitor monitor{limits};
  for (std::uint64_t seq = 1; seq <= 20; ++seq) monitor.take(made(seq));
  run_view seen;
  monitor.look([&](const run_view& x) { seen = x; });
  EXPECT_EQ(seen.events, 12U);
  EXPECT_EQ(seen.missing, 8U);
  EXPECT_EQ(seen.last_seq, 20U);
}

TEST(run_monitor, bounds_the_bytes_of_events) {
  auto limits = few(1'000);
  limits.most_event_bytes = std::size_t{1} << 20;
  run_monitor monitor{limits};
  for (std::uint64_t seq = 1; seq <= 1'000; ++seq) {
    auto e = made(seq, event_kind::output);
    e.text.assign(std::size_t{10} << 10, 'x');
    monitor.take(e);
    monitor.catch_up();
  }
  EXPECT_LT(monitor.events_after(0, 1'000).events.size(), 105U);
  EXPECT_GT(monitor.events_after(0, 1'000).events.size(), 90U);
}

TEST(run_monitor, takes_what_it_does_not_keep_from_the_history) {
  run_monitor monitor{few(4)};
  const auto history = std::make_shared<whole_history>(8);
  monitor.set_history(history);
  for (std::uint64_t seq = 1; seq <= 12; ++seq) {
    monitor.take(made(seq));
    monitor.catch_up();
  }
  const auto old = monitor.events_after(1, 3);
  EXPECT_THAT(numbers(old), testing::ElementsAre(2, 3, 4));
  EXPECT_EQ(old.missing, 0U);
  EXPECT_THAT(numbers(monitor.events_after(8, 3)), testing::ElementsAre(9, 10, 11));
  history->broken = true;
  EXPECT_EQ(monitor.events_after(1, 3).missing, 7U);
}

TEST(run_monitor, tells_of_news_once_for_each_wish) {
  run_monitor monitor;
  int told = 0;
  monitor.on_news([&] { ++told; });
  monitor.take(made(1));
  EXPECT_EQ(told, 0);
  monitor.want_news();
  monitor.take(made(2));
  monitor.take(made(3));
  EXPECT_EQ(told, 1);
}

TEST(run_monitor, asks_to_be_folded_when_much_waits) {
  monitor_limits limits;
  limits.fold_each = 3;
  run_monitor monitor{limits};
  int told = 0;
  monitor.on_news([&] { ++told; });
  for (std::uint64_t seq = 1; seq <= 9; ++seq) monitor.take(made(seq));
  EXPECT_EQ(told, 1);
  monitor.catch_up();
  for (std::uint64_t seq = 10; seq <= 12; ++seq) monitor.take(made(seq));
  EXPECT_EQ(told, 2);
}

TEST(run_monitor, gives_the_last_sample_of_each_step) {
  run_monitor monitor;
  monitor.take(made(1));
  for (int second = 1'000; second < 1'010; ++second) {
    monitor.take(figure("/root/a", second, static_cast<std::uint64_t>(second)));
    monitor.take(figure("/root/b", second, 0));
  }
  const auto from = run_monitor::time_point{seconds{1'002}};
  const auto to = run_monitor::time_point{seconds{1'008}};
  const auto found = monitor.samples_of("/root/a", from, to, milliseconds{3'000});
  std::vector<std::uint64_t> waiting;
  for (const auto& x : found) waiting.push_back(x.waiting.value_or(0));
  EXPECT_THAT(waiting, testing::ElementsAre(1'004, 1'007));
  monitor.look([](const run_view& x) {
    ASSERT_NE(x.find("/root/a"), nullptr);
    ASSERT_TRUE(x.find("/root/a")->figures.has_value());
    EXPECT_EQ(x.find("/root/a")->figures->last.waiting, 1'009U);
  });
}

TEST(run_monitor, keeps_samples_for_a_while_and_has_older_ones_from_the_history) {
  monitor_limits limits;
  limits.samples_for = seconds{5};
  run_monitor monitor{limits};
  for (int second = 0; second < 100; ++second) monitor.take(figure("/root/a", second, 1));
  const auto all = [&] {
    return monitor.samples_of("/root/a", run_monitor::time_point{}, run_monitor::time_point::max(), milliseconds{0});
  };
  EXPECT_EQ(all().size(), 6U);
  monitor.set_history(std::make_shared<whole_history>(0));
  EXPECT_EQ(all().size(), 100U);
}

TEST(run_monitor, forgets_all_when_it_is_closed) {
  run_monitor monitor;
  int told = 0;
  monitor.on_news([&] { ++told; });
  monitor.take(made(1));
  monitor.close();
  monitor.want_news();
  monitor.take(made(2));
  EXPECT_EQ(told, 0);
  EXPECT_TRUE(monitor.events_after(0, 10).events.empty());
}

/// Readers that follow a storm of events see each of them once, and the view counts them all.
TEST(run_monitor, loses_nothing_between_threads_that_emit_read_and_look) {
  constexpr std::uint64_t each = 5'000;
  constexpr unsigned emitters = 3;
  constexpr std::uint64_t all = each * emitters;
  event_log log;
  auto limits = few(2'000);
  limits.burst = 1'000;
  const auto monitor = std::make_shared<run_monitor>(limits);
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t news = 0;
  monitor->on_news([&] {
    const std::lock_guard lock{mutex};
    ++news;
    changed.notify_all();
  });
  log.add_sink([monitor](const event& e) { monitor->take(e); });
  std::uint64_t seen = 0;
  std::uint64_t missed = 0;
  std::thread reader{[&] {
    std::uint64_t at = 0;
    while (at < all) {
      auto piece = monitor->events_after(at, 64);
      if (piece.reached == at) {
        std::unique_lock lock{mutex};
        const auto before = news;
        lock.unlock();
        monitor->want_news();
        piece = monitor->events_after(at, 64);
        if (piece.reached == at) {
          lock.lock();
          ASSERT_TRUE(changed.wait_for(lock, seconds{20}, [&] { return news != before; }));
          continue;
        }
      }
      missed += piece.missing;
      for (const auto& e : piece.events) {
        EXPECT_GT(e->seq, at);
        at = e->seq;
        ++seen;
      }
      at = piece.reached;
    }
  }};
  std::atomic<bool> over{false};
  std::thread looker{[&] {
    while (!over) monitor->look([](const run_view& x) { EXPECT_EQ(x.missing, 0U); });
  }};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < emitters; ++i) {
    threads.emplace_back([&, i] {
      for (std::uint64_t n = 0; n < each; ++n) {
        event e;
        e.kind = event_kind::ready;
        e.actor = "/root/" + std::to_string(i);
        log.emit(std::move(e));
      }
    });
  }
  for (auto& one : threads) one.join();
  reader.join();
  over = true;
  looker.join();
  EXPECT_EQ(seen + missed, all);
  monitor->look([&](const run_view& x) { EXPECT_EQ(x.events, all); });
}

}  // namespace
}  // namespace steward
