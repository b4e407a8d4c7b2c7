#pragma once

#include "steward/spec.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace steward::policy {

/// The delays between the restarts of one child: at once, then growing.
///
/// {100 ms, 1 s, 2.0, 0 jitter}: 0, 100, 200, 400, 800, 1000, 1000 ms. Jitter lengthens a delay by a random share of at
/// most `jitter`, so that children which died together do not come back together; `max` bounds the sum. A child that
/// lived for `healthy` starts the sequence anew. A value type without a clock; not thread-safe.
class backoff {
public:
  using time_point = std::chrono::steady_clock::time_point;

  backoff(backoff_spec spec, std::uint64_t seed) : spec_(spec), random_(seed) {}

  /// The delay before the restart of a child that died at `now`.
  milliseconds next(time_point now);

  /// Tells that an incarnation became ready at `now`: its healthy time counts from here.
  void ready(time_point now) { ready_since_ = now; }

  /// Restarts since the sequence last began.
  unsigned steps() const noexcept { return steps_; }

private:
  backoff_spec spec_;
  std::mt19937_64 random_;
  unsigned steps_ = 0;
  std::optional<time_point> ready_since_;
};

}  // namespace steward::policy
