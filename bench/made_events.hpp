#pragma once

#include "steward/event.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bench::made_events {

/// As a tree makes them that crashes all the time.
inline steward::event made(std::uint64_t n) {
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

/// Nanoseconds an event, at 10,000 a second in bursts of 100: the median of the bursts.
inline double emit_paced(steward::event_log& log, int bursts) {
  using clock = std::chrono::steady_clock;
  constexpr int burst = 100;
  std::vector<double> all;
  auto due = clock::now();
  for (int i = 0; i < bursts; ++i) {
    std::vector<steward::event> events;
    for (int n = 0; n < burst; ++n) events.push_back(made(static_cast<std::uint64_t>(i * burst + n)));
    const auto before = clock::now();
    for (auto& e : events) log.emit(std::move(e));
    all.push_back(std::chrono::duration<double>(clock::now() - before).count());
    due += std::chrono::milliseconds{10};
    std::this_thread::sleep_until(due);
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2] / burst * 1e9;
}

}  // namespace bench::made_events
