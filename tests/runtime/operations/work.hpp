#pragma once

#include "steward/task.hpp"

#include <atomic>
#include <cstdint>

/// Tasks for the pools of these tests.
namespace steward::test {

struct known_work {
  task_registry tasks;
  task<std::int64_t, std::int64_t> square;
  /// The first run of it never ends by itself. `stuck` counts them, in memory that worker processes share: a task that
  /// was sent to a worker may still be taken back, and has not begun.
  task<std::int64_t, std::int64_t> stuck_once;
  std::atomic<unsigned>* stuck = nullptr;
  /// Uses its processor until it is asked to stop.
  task<std::int64_t, std::int64_t> spin;
};
known_work& work();

}  // namespace steward::test
