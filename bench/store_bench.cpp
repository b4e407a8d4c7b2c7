// What a store of events costs: whoever emits, beside a log whose sink only counts; and how many events a second it
// takes.
//
//   bench_store [DIRECTORY]      where it writes; a folder of its own below the temporary one when none is named
#include "observe/file_sink.hpp"
#include "steward/event.hpp"
#include "store/writer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

/// As a tree makes them that crashes all the time.
steward::event made(std::uint64_t n) {
  steward::event e;
  e.actor = "/root/squares/w" + std::to_string(n / 3 % 100);
  e.incarnation = n / 300;
  e.runs_in = "process";
  switch (n % 3) {
    case 0:
      e.kind = steward::event_kind::task_retry;
      e.task = steward::event_task{n, "square", "12", 1, 3, 1.5};
      break;
    case 1:
      e.kind = steward::event_kind::restart;
      e.pid = 1234;
      break;
    default:
      e.kind = steward::event_kind::recover;
      e.recovery_ms = 0.51;
  }
  return e;
}

double seconds_of(const std::function<void()>& f) {
  const auto before = clock_type::now();
  f();
  return std::chrono::duration<double>(clock_type::now() - before).count();
}

/// Nanoseconds an event, at 10,000 a second in bursts of 100.
double emit_paced(steward::event_log& log, int bursts) {
  constexpr int burst = 100;
  std::vector<double> all;
  auto due = clock_type::now();
  for (int i = 0; i < bursts; ++i) {
    std::vector<steward::event> events;
    for (int n = 0; n < burst; ++n) events.push_back(made(static_cast<std::uint64_t>(i * burst + n)));
    all.push_back(seconds_of([&] {
      for (auto& e : events) log.emit(std::move(e));
    }));
    due += 10ms;
    std::this_thread::sleep_until(due);
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2] / burst * 1e9;
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
  const auto took = seconds_of([&] {
    for (std::uint64_t n = 0; n < events; ++n) {
      log.emit(made(n));
      while (n % 1'000 == 0 && n - store.count().written > ahead) std::this_thread::sleep_for(100us);
    }
    store.finish(60s);
  });
  const auto count = store.count();
  std::printf("%8llu events: %7.0f a second, %4llu commits, %llu lost, %llu MB\n",
              static_cast<unsigned long long>(events), static_cast<double>(count.written) / took,
              static_cast<unsigned long long>(count.commits), static_cast<unsigned long long>(count.lost),
              static_cast<unsigned long long>(std::filesystem::file_size(directory + "/steward.db") >> 20U));
}

}  // namespace

int main(int argc, char** argv) {
  const bool own = argc < 2;
  const auto directory = own ? (std::filesystem::temp_directory_path() / "steward_bench_store").string() : argv[1];
  if (own) std::filesystem::remove_all(directory);
  cost_of_an_event(directory);
  for (const std::uint64_t events : {200'000ULL, 1'000'000ULL}) rate(directory, events);
  if (own) std::filesystem::remove_all(directory);
}
