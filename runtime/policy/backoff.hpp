#pragma once

#include "steward/spec.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace steward::policy {

/// What is remembered of one child's back-off; 32 bytes, so that a tree can have many.
struct backoff_state {
  using time_point = std::chrono::steady_clock::time_point;

  std::uint64_t random = 0;  ///< state of SplitMix64 (Steele, Lea, Flood 2014)
  std::optional<time_point> ready_since;
  std::uint32_t steps = 0;  ///< restarts since the sequence last began
};

/// The delay before the restart of a child that died at `now`; advances the state.
///
/// {100 ms, 1 s, 2.0, 0 jitter}: 0, 100, 200, 400, 800, 1000, 1000 ms. Jitter lengthens a delay by a random share of at
/// most `jitter`, so that children which died together do not come back together; `max` bounds the sum. A child that
/// lived for `healthy` starts the sequence anew.
milliseconds next_delay(const backoff_spec& spec, backoff_state& state, backoff_state::time_point now);

/// The delays between the restarts of one child: a spec with its state. A value type without a clock; not thread-safe.
class backoff {
public:
  using time_point = backoff_state::time_point;

  backoff(backoff_spec spec, std::uint64_t seed) : spec_(spec) { state_.random = seed; }

  milliseconds next(time_point now) { return next_delay(spec_, state_, now); }

  /// Tells that an incarnation became ready at `now`: its healthy time counts from here.
  void ready(time_point now) { state_.ready_since = now; }

  unsigned steps() const noexcept { return state_.steps; }

private:
  backoff_spec spec_;
  backoff_state state_;
};

}  // namespace steward::policy
