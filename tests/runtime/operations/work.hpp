#pragma once

#include "steward/task.hpp"

#include <atomic>
#include <cstdint>

/// Tasks for the pools of these tests.
namespace steward::test {

struct known_work {
  task_registry tasks;
  task<std::int64_t, std::int64_t> square;
  /// The first run of it never ends by itself.
  task<std::int64_t, std::int64_t> stuck_once;
  /// Uses its processor until it is asked to stop.
  task<std::int64_t, std::int64_t> spin;
};
known_work& work();

/// How many first runs of `stuck_once` have begun, in any process: what a worker was sent it may not have begun.
std::atomic<int>& stuck_runs();

}  // namespace steward::test
