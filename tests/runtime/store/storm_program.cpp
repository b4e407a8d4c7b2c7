#include "observe/file_sink.hpp"
#include "steward/event.hpp"
#include "store/writer.hpp"

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

// Writes events to a store and to an events file, from several threads at a steady rate, until it is killed.
//
//   store_storm DIRECTORY EVENTS_FILE

int main(int argc, char** argv) {
  using namespace steward;
  using clock = std::chrono::steady_clock;
  if (argc != 3) return 2;
  constexpr int threads = 2;
  const std::chrono::microseconds pace{200};  // of each, so 10,000 a second
  event_log log;
  store::writer_options how;
  how.directory = argv[1];
  how.run = log.run_id();
  how.on_problem = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  store::writer out{how};
  file_sink file{argv[2]};
  if (!file.ok()) return 1;
  log.add_sink([&](const event& e) { file.write(e); });
  log.add_sink([&](const event& e) { out.write(e); });
  event begin;
  begin.kind = event_kind::run_start;
  begin.scenario = event_scenario{"storm", "", 1};
  log.emit(begin);
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t)
    all.emplace_back([&log, pace, t] {
      auto due = clock::now();
      for (std::uint64_t n = 1;; ++n) {
        event e;
        e.kind = n % 50 == 0 ? event_kind::crash : n % 2 == 0 ? event_kind::restart : event_kind::recover;
        e.actor = "/root/w" + std::to_string(t);
        e.incarnation = n;
        log.emit(std::move(e));
        due += pace;
        std::this_thread::sleep_until(due);
      }
    });
  for (auto& one : all) one.join();
}
