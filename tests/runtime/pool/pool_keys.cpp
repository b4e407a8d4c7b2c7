// Tasks of one key on real workers, also where these die.
#include "any_pool.hpp"
#include "edge_tasks.hpp"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <unistd.h>

namespace {

using namespace steward;
using namespace steward::test;

template <class Pool>
class pool_keys : public any_pool<Pool> {};
TYPED_TEST_SUITE(pool_keys, both, pool_names);

TYPED_TEST(pool_keys, run_in_order_on_one_worker_each) {
  const auto pool = this->make(spec_of(3));
  constexpr int keys = 7;
  constexpr int each = 40;
  std::vector<std::vector<task_future<std::string>>> all(keys);
  for (int n = 0; n < each; ++n) {
    for (int k = 0; k < keys; ++k) {
      const auto key = "key " + std::to_string(k);
      all[static_cast<std::size_t>(k)].push_back(pool->submit_with({.key = key}, edges().turn, key));
    }
  }
  std::set<std::string> workers;
  for (auto& of_key : all) {
    std::string worker;
    for (int n = 1; n <= each; ++n) {
      const auto turn = get_soon(of_key[static_cast<std::size_t>(n - 1)]).value();
      const auto space = turn.find(' ');
      if (n == 1) worker = turn.substr(0, space);
      EXPECT_EQ(turn, worker + " " + std::to_string(n));
    }
    workers.insert(worker);
  }
  EXPECT_GT(workers.size(), 1u);
}

TYPED_TEST(pool_keys, do_not_hold_up_others) {
  const auto pool = this->make(spec_of(2));
  auto held = pool->submit_with({.key = "a"}, tasks().until_stopped, 1);
  auto waits = pool->submit_with({.key = "a"}, tasks().square, 2);
  std::vector<task_future<std::int64_t>> others;
  for (const auto n : numbers(1, 20))
    others.push_back(pool->submit_with({.key = n % 2 ? "" : "b" + std::to_string(n)}, tasks().square, n));
  for (const auto n : numbers(1, 20)) EXPECT_EQ(get_soon(others[static_cast<std::size_t>(n - 1)]).value(), n * n);
  EXPECT_FALSE(waits.is_ready());
  EXPECT_EQ(waits.state(), task_state::waiting);
  EXPECT_EQ(pool->stats().queued, 1u);
  held.cancel();
  EXPECT_EQ(get_soon(held).error().kind, outcome_kind::cancelled);
  EXPECT_EQ(get_soon(waits).value(), 4);
}

TYPED_TEST(pool_keys, let_a_task_that_waits_for_its_turn_be_cancelled) {
  const auto pool = this->make(spec_of(1));
  std::stop_source stop;
  auto first = pool->submit_with({.key = "a"}, tasks().until_stopped, 1);
  auto second = pool->submit_with({.stop = stop.get_token(), .key = "a"}, tasks().square, 2);
  auto third = pool->submit_with({.key = "a"}, tasks().square, 3);
  stop.request_stop();
  EXPECT_EQ(get_soon(second).error().kind, outcome_kind::cancelled);
  EXPECT_EQ(pool->stats().queued, 1u);
  first.cancel();
  EXPECT_EQ(get_soon(third).value(), 9);
}

/// What the tasks of a key have noted: no two at once, and in order, whatever was run again.
void expect_one_by_one(const std::string& path, std::int64_t count) {
  std::ifstream in(path);
  std::string what;
  std::string open;  // the run that has begun and not ended
  std::int64_t last = 0;
  std::int64_t ended = 0;
  char slash = 0;
  std::int64_t n = 0;
  unsigned attempt = 0;
  while (in >> what >> n >> slash >> attempt) {
    const auto name = std::to_string(n) + "/" + std::to_string(attempt);
    if (what == "begin") {
      // The one before it has ended, or its worker died and this is its next run.
      EXPECT_TRUE(open.empty() || n == last) << name << " began while " << open << " ran";
      EXPECT_TRUE(n == last || n == last + 1) << name << " after " << last;
      open = name;
      last = n;
    } else {
      EXPECT_EQ(open, name);
      open.clear();
      ended = n;
    }
  }
  EXPECT_EQ(ended, count);
}

std::string file_of(const std::string& key) {
  const auto path = std::filesystem::temp_directory_path() / ("keys." + std::to_string(::getpid()) + "." + key);
  std::filesystem::remove(path);
  return path.string();
}

TEST(process_keys, keep_their_order_when_tasks_kill_their_workers) {
  surroundings around;
  auto spec = spec_of(2);
  spec.restarts.worker_restarts.restarts = 1'000;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  constexpr std::int64_t count = 30;
  std::map<std::string, std::string> files;
  std::vector<task_future<unit>> all;
  for (std::int64_t n = 1; n <= count; ++n) {
    for (const auto* key : {"a", "b", "c"}) {
      if (n == 1) files[key] = file_of(key);
      const auto* how = n % 5 == 0 ? "kill" : (n % 7 == 0 ? "segv" : "none");
      all.push_back(pool.submit_with({.key = key}, edges().note_run, files[key], n, how));
    }
  }
  for (auto& one : all) EXPECT_TRUE(get_soon(one).ok());
  EXPECT_GT(pool.stats().restarts, 10u);
  for (const auto& [key, path] : files) {
    expect_one_by_one(path, count);
    std::filesystem::remove(path);
  }
}

TEST(process_keys, keep_their_order_when_workers_are_killed) {
  surroundings around;
  auto spec = spec_of(3);
  spec.restarts.worker_restarts.restarts = 10'000;
  spec.limits.attempts = 100;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  constexpr std::int64_t count = 150;
  std::map<std::string, std::string> files;
  std::vector<task_future<unit>> all;
  for (std::int64_t n = 1; n <= count; ++n) {
    for (const auto* key : {"a", "b", "c", "d"}) {
      if (n == 1) files[key] = file_of(key);
      all.push_back(pool.submit_with({.key = key}, edges().note_run, files[key], n, "none"));
    }
  }
  std::size_t kills = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(get_soon(all[i]).ok());
    if (i % 20 != 0) continue;
    const auto each = pool.stats().each;
    if (each.empty() || each[kills % each.size()].pid == 0) continue;
    ::kill(each[kills % each.size()].pid, SIGKILL);
    ++kills;
  }
  EXPECT_GT(kills, 5u);
  for (const auto& [key, path] : files) {
    expect_one_by_one(path, count);
    std::filesystem::remove(path);
  }
}

TEST(thread_keys, keep_their_order_when_tasks_end_their_threads) {
  surroundings around;
  auto spec = spec_of(3);
  spec.restarts.worker_restarts.restarts = 1'000;
  thread_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::mutex mutex;
  std::map<std::string, std::vector<int>> runs;
  std::map<std::string, int> at_once;
  std::vector<task_future<unit>> all;
  for (int n = 1; n <= 60; ++n) {
    for (const auto* key : {"a", "b"}) {
      const auto run = [&, n, key](const task_context& context) {
        {
          const std::lock_guard lock(mutex);
          EXPECT_EQ(++at_once[key], 1);
          runs[key].push_back(n);
          --at_once[key];
        }
        if (n % 6 == 0 && context.attempt == 1) ::pthread_exit(nullptr);
      };
      all.push_back(pool.submit_with({.key = key}, run));
    }
  }
  for (auto& one : all) EXPECT_TRUE(get_soon(one).ok());
  EXPECT_GT(pool.stats().restarts, 10u);
  for (const auto& [key, order] : runs) {
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << key;
    EXPECT_EQ(order.size(), 70u) << key;
  }
}

TEST(thread_keys, end_a_wait_for_a_later_task_of_the_own_key) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  auto outer = pool.submit_with({.key = "a"}, [&pool] {
    auto inner = pool.submit_with({.key = "a"}, [] { return 1; });
    return describe(inner.get().error());
  });
  EXPECT_NE(get_soon(outer).value().find("its key"), std::string::npos);
  auto several = pool.submit_with({.key = "a"}, [&pool] {
    std::vector<task_future<int>> inner;
    for (int i = 0; i < 2; ++i) inner.push_back(pool.submit_with({.key = "a"}, [] { return 1; }));
    return inner[wait_any(inner)].get().ok();
  });
  EXPECT_FALSE(get_soon(several).value());
  auto after = pool.submit_with({.key = "a"}, [] { return 5; });
  EXPECT_EQ(get_soon(after).value(), 5);
}

TEST(thread_keys, may_wait_for_tasks_of_other_keys) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  // Both keys know both workers; what waits behind the one that waits is run by the other one.
  for (int round = 0; round < 20; ++round) {
    auto outer = pool.submit_with({.key = "a"}, [&pool, round] {
      auto inner = pool.submit_with({.key = "b" + std::to_string(round % 4)}, [round] { return round; });
      return inner.get().value();
    });
    EXPECT_EQ(get_soon(outer).value(), round);
  }
}

}  // namespace
