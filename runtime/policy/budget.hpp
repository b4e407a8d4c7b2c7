#pragma once

#include "steward/spec.hpp"

#include <chrono>
#include <cstddef>
#include <vector>

namespace steward::policy {

using time_point = std::chrono::steady_clock::time_point;

/// Counts restarts in a sliding window of exact times: OTP's intensity and period.
///
/// {3 restarts, 5 s}: three restarts are allowed; the fourth is refused when the one three before it lies at most 5 s
/// back. A ring remembers the last `restarts` times: O(1) to record, O(log restarts) to count. A value type without a
/// clock; not thread-safe.
class restart_budget {
public:
  explicit restart_budget(intensity limit) : limit_(limit) {}

  /// Records a restart at `now` and tells whether it is within the limit. Times must not go backwards.
  bool allow(time_point now);

  /// Restarts recorded in the window that ends at `now`, refused ones not included. At most `limit().restarts`.
  unsigned count(time_point now) const;

  const intensity& limit() const noexcept { return limit_; }

private:
  bool inside(time_point then, time_point now) const { return now - then <= limit_.within; }

  intensity limit_;
  std::vector<time_point> ring_;  // grows up to limit_.restarts, then wraps
  std::size_t oldest_ = 0;
};

}  // namespace steward::policy
