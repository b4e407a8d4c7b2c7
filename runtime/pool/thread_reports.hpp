#pragma once

// What a thread of a pool tells its driver. Internal to the driver.

#include "pool/actions.hpp"
#include "pool/thread_driver.hpp"
#include "steward/cause.hpp"

#include <cstdint>
#include <memory>

namespace steward::pooling {

/// Whether the loop is to hear of something soon, or at once, because a thread has nothing left to do.
enum class thread_driver::urgency : std::uint8_t { none, some, urgent };

/// What a thread says of items of the task in hand: values, or one that threw.
struct thread_driver::reply {
  task_id id = 0;
  std::uint64_t item = 0;
  std::uint64_t count = 0;
  bytes results;
  std::unique_ptr<cause> why;
  double ran_ms = 0.0;
  bool done = false;
};

struct thread_driver::remains {
  task_id in_hand = 0;
  std::uint64_t item = 0;  // of a chunk in hand
  std::uint64_t from = 0;  // results that are staged
  std::uint64_t count = 0;
  bytes results;
};

/// Items of a chunk that a thread has finished and not answered.
struct thread_driver::harvested {
  worker_ref ref;
  task_id id = 0;
  std::uint64_t item = 0;  ///< the one in hand
  std::uint64_t from = 0;
  std::uint64_t count = 0;
  bytes results;
  time_point since;  ///< when the one in hand was started, where that is noted

  /// Of a callable, which keeps its results itself: all items before the one in hand that have no outcome.
  void count_from(std::uint64_t received) {
    from = received;
    count = item > received ? item - received : 0;
  }
};

}  // namespace steward::pooling
