#include "support.hpp"

#include "process/channel.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include <unistd.h>

namespace steward::test {
namespace {

using ::testing::HasSubstr;

std::size_t entries_of(const char* directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

/// Waits until something holds, but not for ever.
template <class Condition>
bool holds_soon(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A file that does not exist until it is wanted: what tells tasks in other processes to go on.
class signal_file {
public:
  signal_file() {
    char name[] = "/tmp/steward_pool_test_XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = name;
    path_ = directory_ + "/go";
  }
  ~signal_file() { std::filesystem::remove_all(directory_); }
  const std::string& path() const { return path_; }
  /// True when the task runs in this process, or has.
  bool begun_in(int pid) const { return std::filesystem::exists(path_ + "." + std::to_string(pid)); }
  void appear() {
    const auto hidden = path_ + ".new";
    std::ofstream(hidden) << "x";
    std::filesystem::rename(hidden, path_);
  }

private:
  std::string directory_;
  std::string path_;
};

/// The pids of workers that are ready, once `busy` of them have a task.
std::vector<worker_stats> wait_for_busy(const process_pool& pool, unsigned busy) {
  EXPECT_TRUE(holds_soon([&] {
    const auto s = pool.stats();
    return s.ready == s.workers && s.ready - s.idle == busy;
  }));
  return pool.stats().each;
}

TEST(process_pool, maps_in_the_order_of_the_inputs) {
  surroundings around;
  for (const unsigned workers : {1u, 2u, 4u, 8u}) {
    process_pool pool(around.environment(), "squares", spec_of(workers));
    ASSERT_EQ(pool.start(), std::nullopt);
    EXPECT_EQ(pool.map(tasks().square, numbers(1, 10)), squares_of(numbers(1, 10)));
    EXPECT_EQ(pool.map(tasks().square, std::vector<std::int64_t>{}), std::vector<std::int64_t>{});
    pool.stop();
  }
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
  EXPECT_EQ(around.events.all(event_kind::ready).size(), 4u + 1u + 2u + 4u + 8u) << "each pool, and each worker";
}

TEST(process_pool, runs_tasks_in_other_processes_and_uses_each) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(4));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto pids = pool.map(tasks().pid, numbers(1, 8));
  const std::set<std::int64_t> distinct(pids.begin(), pids.end());
  EXPECT_EQ(distinct.count(::getpid()), 0u);
  std::set<std::int64_t> known;
  for (const auto& w : pool.stats().each) known.insert(w.pid);
  EXPECT_EQ(known.size(), 4u);
  for (const auto pid : distinct) EXPECT_EQ(known.count(pid), 1u);
}

TEST(process_pool, gives_futures_and_outcomes_as_they_come) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  auto future = pool.submit(tasks().square, 12);
  EXPECT_EQ(get_soon(future).value(), 144);
  std::set<std::size_t> seen;
  pool.for_each_outcome(tasks().square, numbers(0, 100), [&](std::size_t i, const outcome<std::int64_t>& o) {
    EXPECT_EQ(o.value(), static_cast<std::int64_t>(i * i));
    seen.insert(i);
  });
  EXPECT_EQ(seen.size(), 100u);
  auto none = pool.submit(tasks().nothing, 1);
  EXPECT_TRUE(get_soon(none).ok());
  auto about = pool.submit(tasks().about_me, 1);
  EXPECT_EQ(get_soon(about).value(), "squares 1/3");
}

TEST(process_pool, does_ten_thousand_tiny_tasks) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(4));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto inputs = numbers(1, 10'000);
  EXPECT_EQ(pool.map(tasks().square, inputs), squares_of(inputs));
  const auto s = pool.stats();
  EXPECT_EQ(s.succeeded, 10'000u);
  EXPECT_EQ(s.retried, 0u);
}

TEST(process_pool, carries_a_megabyte_each_way) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<std::vector<std::uint8_t>> inputs(6);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].assign(1'048'576, static_cast<std::uint8_t>(i));
    inputs[i].front() = 77;
  }
  const auto results = pool.map(tasks().reverse, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(results[i].size(), inputs[i].size());
    EXPECT_EQ(results[i].back(), 77);
    EXPECT_EQ(results[i].front(), static_cast<std::uint8_t>(i));
  }
}

TEST(process_pool, takes_arguments_and_results_of_many_megabytes) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  constexpr std::size_t mebibytes = STEWARD_SANITIZED ? 17 : 65;  // ThreadSanitizer takes 24 s for 65
  std::vector<std::uint8_t> large(mebibytes * 1024 * 1024);
  large.front() = 3;
  auto future = pool.submit(tasks().reverse, large);
  const auto o = get_soon(future);
  ASSERT_TRUE(o.ok());
  ASSERT_EQ(o.value().size(), large.size());
  EXPECT_EQ(o.value().back(), 3);
}

TEST(process_pool, rejects_arguments_that_no_frame_can_hold) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "it needs more memory than a sanitizer leaves";
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::optional<outcome<bytes>> got;
  pool.untyped().submit(*tasks().reverse.entry, bytes(process::max_frame_bytes + 1),
                        [&got](outcome<bytes> o) { got = std::move(o); });
  ASSERT_TRUE(got.has_value()) << "refused at once, on this thread";
  ASSERT_FALSE(got->ok());
  EXPECT_EQ(got->error().kind, outcome_kind::rejected);
  EXPECT_THAT(got->error().why.message, HasSubstr("larger than"));
}

TEST(process_pool, rejects_a_large_input_of_a_chunk_without_its_neighbours) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "it needs more memory than a sanitizer leaves";
  constexpr std::uint64_t needed = 6 * process::max_frame_bytes;
  const auto free = static_cast<std::uint64_t>(::sysconf(_SC_AVPHYS_PAGES)) * 4096;
  if (free < needed) GTEST_SKIP() << "it needs " << needed << " bytes of memory, and " << free << " are free";
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<std::vector<std::uint8_t>> inputs{{10, 1}, {11, 1}, {}, {13, 1}};
  inputs[2].resize(process::max_frame_bytes);
  map_options options;
  options.chunk = 4;
  const auto outcomes = pool.map_outcomes(tasks().reverse, inputs, options);
  ASSERT_EQ(outcomes.size(), 4u);
  for (const int i : {0, 1, 3}) {
    const auto& one = outcomes[static_cast<std::size_t>(i)];
    ASSERT_TRUE(one.ok()) << i;
    EXPECT_EQ(one.value(), (std::vector<std::uint8_t>{1, static_cast<std::uint8_t>(10 + i)}));
  }
  ASSERT_FALSE(outcomes[2].ok());
  EXPECT_EQ(outcomes[2].error().kind, outcome_kind::rejected);
  EXPECT_THAT(outcomes[2].error().why.message, HasSubstr("larger than"));
}

TEST(process_pool, rejects_what_the_queue_cannot_hold) {
  surroundings around;
  signal_file go;
  auto spec = spec_of(1);
  spec.limits.queue_limit = 3;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<task_future<std::int64_t>> futures;
  for (int i = 0; i < 5; ++i) futures.push_back(pool.submit(tasks().wait_for_file, go.path()));
  EXPECT_EQ(get_soon(futures[3]).error().kind, outcome_kind::rejected);
  EXPECT_EQ(get_soon(futures[4]).error().kind, outcome_kind::rejected);
  go.appear();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(get_soon(futures[i]).value(), 1);
  // A map waits for room in the queue instead.
  EXPECT_EQ(pool.map(tasks().square, numbers(1, 50)), squares_of(numbers(1, 50)));
}

TEST(process_pool, keeps_all_results_when_a_busy_worker_is_killed) {
  surroundings around;
  signal_file go;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<task_future<std::int64_t>> futures;
  for (int i = 0; i < 6; ++i) futures.push_back(pool.submit(tasks().wait_for_file, go.path()));
  const auto workers = wait_for_busy(pool, 2);
  ASSERT_TRUE(holds_soon([&] { return go.begun_in(workers[1].pid); }));
  ASSERT_EQ(::kill(workers[1].pid, SIGKILL), 0);
  ASSERT_TRUE(around.events.wait_for(event_kind::recover));
  go.appear();
  for (auto& f : futures) EXPECT_EQ(get_soon(f).value(), 1);
  const auto crashes = around.events.all(event_kind::crash);
  ASSERT_EQ(crashes.size(), 1u);
  EXPECT_EQ(crashes[0].actor, "/root/squares/w2");
  EXPECT_EQ(crashes[0].pid, workers[1].pid);
  EXPECT_EQ(crashes[0].why->cls, cause_class::signal);
  EXPECT_EQ(crashes[0].why->signal, SIGKILL);
  EXPECT_THAT(crashes[0].why->message, HasSubstr("not sent by us"));
  EXPECT_EQ(crashes[0].task_fate, "requeued");
  EXPECT_EQ(around.events.all(event_kind::task_retry).size(), 1u);
  EXPECT_EQ(pool.stats().restarts, 1u);
}

TEST(process_pool, keeps_working_when_an_idle_worker_is_killed) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  for (const auto& w : pool.stats().each) ASSERT_EQ(::kill(w.pid, SIGKILL), 0);
  EXPECT_EQ(pool.map(tasks().square, numbers(1, 20)), squares_of(numbers(1, 20)));
  ASSERT_TRUE(around.events.wait_for(event_kind::recover, 2));
  for (const auto& e : around.events.all(event_kind::crash)) EXPECT_EQ(e.why->signal, SIGKILL);
}

TEST(process_pool, loses_nothing_to_kills_in_the_middle_of_a_long_map) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(4));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto inputs = numbers(1, 20'000);
  std::size_t done = 0;
  unsigned kills = 0;
  std::vector<std::int64_t> results(inputs.size());
  pool.for_each_outcome(tasks().square, inputs, [&](std::size_t i, const outcome<std::int64_t>& o) {
    results[i] = o.value();
    if (++done % 2'000 == 0) {
      const auto s = pool.stats();
      const auto& victim = s.each[kills % s.workers];
      if (victim.ready && ::kill(victim.pid, SIGKILL) == 0) ++kills;
    }
  });
  EXPECT_EQ(results, squares_of(inputs));
  EXPECT_GT(kills, 0u);
}

TEST(process_pool, replaces_workers_after_their_share_of_tasks) {
  surroundings around;
  auto spec = spec_of(1);
  spec.restarts.recycle_after = 3;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<std::int64_t> pids;
  for (int i = 0; i < 7; ++i) {
    auto f = pool.submit(tasks().pid, 0);
    pids.push_back(get_soon(f).value());
  }
  EXPECT_EQ(pids[0], pids[2]);
  EXPECT_NE(pids[2], pids[3]);
  EXPECT_EQ(pids[3], pids[5]);
  EXPECT_NE(pids[5], pids[6]);
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
  const auto inputs = numbers(1, 100);
  EXPECT_EQ(pool.map(tasks().square, inputs), squares_of(inputs));
  pool.stop();
  EXPECT_EQ(pool.stats().restarts, 0u);
}

TEST(process_pool, finishes_what_was_submitted_before_it_stops) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<task_future<std::int64_t>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool.submit(tasks().square, i));
  pool.stop(true);
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_EQ(get_soon(futures[static_cast<std::size_t>(i)]).value(), i * i);
  auto late = pool.submit(tasks().square, 1);
  EXPECT_EQ(get_soon(late).error().kind, outcome_kind::cancelled);
}

TEST(process_pool, stops_at_once_in_the_middle_of_endless_tasks) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<task_future<std::int64_t>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool.submit(tasks().poison, i, std::string("hang")));
  wait_for_busy(pool, 2);
  const auto began = std::chrono::steady_clock::now();
  pool.stop(false);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  int gone = 0;
  int cancelled = 0;
  for (auto& f : futures) {
    const auto o = get_soon(f);
    gone += o.error().kind == outcome_kind::pool_gone ? 1 : 0;
    cancelled += o.error().kind == outcome_kind::cancelled ? 1 : 0;
  }
  EXPECT_EQ(gone + cancelled, 100);
  EXPECT_LE(gone, 2);
  EXPECT_EQ(around.keeper.running(), 0u);
}

TEST(process_pool, gives_up_on_a_drain_that_takes_longer_than_its_limit) {
  surroundings around;
  auto spec = spec_of(1);
  spec.limits.shutdown = milliseconds(100);
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  auto endless = pool.submit(tasks().poison, 1, std::string("hang"));
  auto behind = pool.submit(tasks().square, 1);
  pool.stop(true);
  EXPECT_EQ(get_soon(endless).error().kind, outcome_kind::pool_gone);
  EXPECT_EQ(get_soon(behind).error().kind, outcome_kind::cancelled);
  EXPECT_EQ(around.keeper.running(), 0u);
}

TEST(process_pool, settles_what_was_submitted_to_a_pool_that_never_started) {
  surroundings around;
  task_future<std::int64_t> future;
  {
    process_pool pool(around.environment(), "squares", spec_of(1));
    future = pool.submit(tasks().square, 1);
  }
  EXPECT_EQ(get_soon(future).error().kind, outcome_kind::cancelled);
}

TEST(process_pool, leaves_no_process_descriptor_or_thread_behind) {
  surroundings around;
  const auto round = [&around] {
    process_pool pool(around.environment(), "squares", spec_of(3));
    EXPECT_EQ(pool.start(), std::nullopt);
    EXPECT_EQ(
        pool.map(tasks().misbehave, std::vector<std::tuple<std::int64_t, std::string>>{{1, "segv"}, {2, "exit0"}}),
        (std::vector<std::int64_t>{1, 4}));
    pool.stop();
  };
  round();  // whatever is opened once for all is open after it
  const auto fds = entries_of("/proc/self/fd");
  const auto threads = entries_of("/proc/self/task");
  for (int i = 0; i < 10; ++i) round();
  // What was reaped or joined may stay listed for a moment, before as well as after.
  EXPECT_TRUE(holds_soon([&] { return entries_of("/proc/self/fd") <= fds; }));
  EXPECT_TRUE(holds_soon([&] { return entries_of("/proc/self/task") <= threads; }));
  EXPECT_EQ(around.keeper.running(), 0u);
}

TEST(process_pool, refuses_to_exist_without_a_keeper) {
  EXPECT_THROW(process_pool(pool_environment{}, "squares", spec_of(1)), std::invalid_argument);
}

}  // namespace
}  // namespace steward::test
