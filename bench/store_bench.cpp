// What a store of events costs: whoever emits, beside a log whose sink only counts; and how many events a second it
// takes.
//
// Then how long its thread is held up by a picture of a tree of 10,000 children: the time from an event to its commit,
// and how far commits are apart, while events come at an even pace.
//
//   bench_store [DIRECTORY]      where it writes; a folder of its own below the temporary one when none is named
#include "bench/made_events.hpp"
#include "observe/file_sink.hpp"
#include "steward/event.hpp"
#include "store/recorder.hpp"
#include "store/writer.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using bench::made_events::emit_paced;
using bench::made_events::made;
using clock_type = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& f) {
  const auto before = clock_type::now();
  f();
  return std::chrono::duration<double>(clock_type::now() - before).count();
}

/// Processor time of all threads so far.
double busy_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& x) {
    return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

steward::store::writer_options options_of(const std::string& directory, const std::string& run) {
  steward::store::writer_options out;
  out.directory = directory;
  out.run = run;
  out.keep.max_bytes = std::uint64_t{8} << 30U;
  out.on_problem = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  return out;
}

void cost_of_an_event(const std::string& directory) {
  constexpr int rounds = 5;
  constexpr int bursts = 40;
  std::vector<double> without;
  std::vector<double> with;
  std::vector<double> with_file;
  for (int i = 0; i < rounds; ++i) {
    std::uint64_t seen = 0;
    {
      steward::event_log log;
      log.add_sink([&](const steward::event&) { ++seen; });
      without.push_back(emit_paced(log, bursts));
    }
    {
      steward::event_log log;
      steward::store::writer store{options_of(directory, log.run_id())};
      log.add_sink([&](const steward::event& e) { store.write(e); });
      with.push_back(emit_paced(log, bursts));
    }
    {
      steward::event_log log;
      steward::file_sink file{directory + "/events.jsonl"};
      log.add_sink([&](const steward::event& e) { file.write(e); });
      with_file.push_back(emit_paced(log, bursts));
    }
  }
  for (auto* all : {&without, &with, &with_file}) std::sort(all->begin(), all->end());
  std::printf("an event, at 10,000 a second: %6.0f ns; with the store %6.0f ns; with an events file %6.0f ns\n",
              without[rounds / 2], with[rounds / 2], with_file[rounds / 2]);
}

/// As fast as they are written, by one thread.
void rate(const std::string& directory, std::uint64_t events) {
  steward::event_log log;
  steward::store::writer store{options_of(directory, log.run_id())};
  log.add_sink([&](const steward::event& e) { store.write(e); });
  constexpr std::uint64_t ahead = 40'000;  // less than the queue holds
  const auto busy_before = busy_seconds();
  const auto took = seconds_of([&] {
    for (std::uint64_t n = 0; n < events; ++n) {
      log.emit(made(n));
      while (n % 1'000 == 0 && n - store.count().written > ahead) std::this_thread::sleep_for(100us);
    }
    store.finish(60s);
  });
  const auto count = store.count();
  std::printf(
      "%8llu events: %7.0f a second, %.1f us of processor time each, with their making; %4llu commits, %llu lost, %llu "
      "MB\n",
      static_cast<unsigned long long>(events), static_cast<double>(count.written) / took,
      (busy_seconds() - busy_before) / static_cast<double>(events) * 1e6,
      static_cast<unsigned long long>(count.commits), static_cast<unsigned long long>(count.lost),
      static_cast<unsigned long long>(std::filesystem::file_size(directory + "/steward.db") >> 20U));
}

/// The longest that a commit comes after an event, at 20,000 events a second.
void held_up(const std::string& directory, std::uint64_t children) {
  steward::event_log log;
  steward::store::writer store{options_of(directory, log.run_id())};
  std::atomic<std::uint64_t> told{0};
  log.add_sink([&](const steward::event& e) {
    store.write(e);
    ++told;
  });
  const auto child = [](std::uint64_t n, steward::event_kind kind) {
    steward::event e;
    e.kind = kind;
    e.actor = "/root/many/one-" + std::to_string(n);
    e.incarnation = 1;
    if (kind == steward::event_kind::child) {
      e.child = steward::event_child{};
      e.child->kind = "actor";
      e.child->type = "counter";
    }
    return e;
  };
  for (std::uint64_t n = 0; n < children; ++n)
    for (const auto kind : {steward::event_kind::child, steward::event_kind::start, steward::event_kind::ready})
      log.emit(child(n, kind));
  if (!store.finish(60s)) return;
  std::vector<double> ages;  // of the oldest event that is not written
  std::vector<std::pair<clock_type::time_point, std::uint64_t>> waiting;
  std::size_t oldest = 0;
  auto due = clock_type::now();
  std::uint64_t n = 0;
  const auto enough = 3 * steward::store::checkpoint_rule::events_per_child * children;
  while (n < enough) {
    for (int i = 0; i < 20; ++i, ++n) log.emit(child(n % children, steward::event_kind::restart));
    waiting.emplace_back(clock_type::now(), told.load());
    const auto written = store.count().written;
    while (oldest < waiting.size() && waiting[oldest].second <= written) ++oldest;
    if (oldest < waiting.size())
      ages.push_back(std::chrono::duration<double, std::milli>(clock_type::now() - waiting[oldest].first).count());
    due += 1ms;
    std::this_thread::sleep_until(due);
  }
  store.finish(60s);
  std::sort(ages.begin(), ages.end());
  const auto at = [&](double share) {
    return ages[static_cast<std::size_t>(static_cast<double>(ages.size() - 1) * share)];
  };
  std::printf("%6llu children, %llu events at 20,000 a second: not written for p50 %.1f, p99 %.1f, max %.1f ms\n",
              static_cast<unsigned long long>(children), static_cast<unsigned long long>(n), at(0.5), at(0.99),
              ages.back());
}

}  // namespace

int main(int argc, char** argv) {
  const bool own = argc < 2;
  const auto directory = own ? (std::filesystem::temp_directory_path() / "steward_bench_store").string() : argv[1];
  if (own) std::filesystem::remove_all(directory);
  cost_of_an_event(directory);
  for (const std::uint64_t events : {200'000ULL, 1'000'000ULL}) rate(directory, events);
  for (const std::uint64_t children : {100ULL, 10'000ULL}) held_up(directory, children);
  if (own) std::filesystem::remove_all(directory);
}
