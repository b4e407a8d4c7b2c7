#pragma once

#include <chrono>

// How limits are added to clocks.
namespace steward::detail {

/// `span` after `from`, or the last moment of the clock where that lies beyond it: so the longest duration of any type
/// is a limit that never comes. Before the first moment it is the first.
template <class Clock, class Duration, class Rep, class Period>
constexpr std::chrono::time_point<Clock, Duration> later(std::chrono::time_point<Clock, Duration> from,
                                                         std::chrono::duration<Rep, Period> span) {
  using point = std::chrono::time_point<Clock, Duration>;
  using exact = std::chrono::duration<long double, typename Duration::period>;
  const auto sum = exact(from.time_since_epoch()) + exact(span);
  if (!(sum < exact(Duration::max()))) return point::max();
  if (sum <= exact(Duration::min())) return point::min();
  return from + std::chrono::duration_cast<Duration>(span);
}

}  // namespace steward::detail
