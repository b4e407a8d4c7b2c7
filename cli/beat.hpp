#pragma once

#include <chrono>
#include <cstdint>

namespace steward::cli {

/// When a periodic step is due: a whole number of intervals after the moment from which it counts, whatever the runs
/// take. A run that is due while the one before goes on is left out. Pure; not thread-safe.
class beat {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  /// First due one interval after `from`.
  beat(duration every, time_point from) : every_(every), due_(from + every) {}

  time_point due() const noexcept { return due_; }
  /// The run that was due has ended by now: the next one is not before. How many are left out.
  std::uint64_t ended(time_point now) {
    due_ += every_;
    if (due_ > now) return 0;
    const auto missed = static_cast<std::uint64_t>((now - due_) / every_) + 1;
    due_ += every_ * static_cast<duration::rep>(missed);
    return missed;
  }

private:
  duration every_;
  time_point due_;
};

}  // namespace steward::cli
