#pragma once

#include "process/keeper.hpp"
#include "steward/event.hpp"
#include "steward/pool.hpp"
#include "tasks.hpp"
#include "tests/support/sanitized.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace steward::test {

/// A limit for what should be a matter of milliseconds.
inline constexpr std::chrono::seconds patience{20};

/// Keeps every event, and lets a test wait for one.
class event_recorder {
public:
  event_recorder() {
    log_.add_sink([this](const event& e) {
      const std::lock_guard lock(mutex_);
      events_.push_back(e);
      changed_.notify_all();
    });
  }

  event_log& log() { return log_; }

  std::vector<event> all(event_kind kind) const {
    const std::lock_guard lock(mutex_);
    std::vector<event> out;
    for (const auto& e : events_) {
      if (e.kind == kind) out.push_back(e);
    }
    return out;
  }

  /// True once this many events of this kind were seen.
  bool wait_for(event_kind kind, std::size_t count = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] {
      std::size_t seen = 0;
      for (const auto& e : events_) seen += e.kind == kind ? 1 : 0;
      return seen >= count;
    });
  }

private:
  event_log log_{"test"};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<event> events_;
};

/// Surroundings of a pool.
struct surroundings {
  event_recorder events;
  process::keeper keeper;

  pool_environment environment() {
    pool_environment e;
    e.events = &events.log();
    e.keeper = &keeper;
    e.tasks = &tasks().registry;
    e.path = "/root/squares";
    return e;
  }
};

inline pool_spec spec_of(unsigned workers) {
  pool_spec spec;
  spec.size.workers = workers;
  return spec;
}

/// `first`, first + 1, ... `count` of them.
inline std::vector<std::int64_t> numbers(std::int64_t first, std::size_t count) {
  std::vector<std::int64_t> out(count);
  for (auto& x : out) x = first++;
  return out;
}

inline std::vector<std::int64_t> squares_of(const std::vector<std::int64_t>& inputs) {
  std::vector<std::int64_t> out;
  for (const auto x : inputs) out.push_back(x * x);
  return out;
}

inline std::string repeat_text(const std::string& text, std::int64_t times) {
  std::string out;
  for (std::int64_t i = 0; i < times; ++i) out += text;
  return out;
}

/// Waits for a future, but not for ever.
template <class Future>
auto get_soon(Future& future) {
  if (future.wait_for(patience) != std::future_status::ready) throw std::runtime_error("no outcome in time");
  return future.get();
}

/// The value of a task, soon.
template <class Future>
auto get_soon_value(Future future) {
  return get_soon(future).value();
}

}  // namespace steward::test
