#pragma once

#include <chrono>
#include <optional>

namespace steward::port {

/// When the clock is to wake an actor: it is asked only for what is earlier than that.
class clock_alarm {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// False when the clock wakes the actor by then anyway; else it is to be asked.
  bool set(time_point at) noexcept {
    if (at_ && *at_ <= at) return false;
    at_ = at;
    return true;
  }
  /// The clock has woken the actor.
  void rang() noexcept { at_.reset(); }

private:
  std::optional<time_point> at_;
};

}  // namespace steward::port
