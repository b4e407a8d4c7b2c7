#include "policy/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace steward::policy {

namespace {

/// A uniform number in [0, 1).
double random_share(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  z ^= z >> 31U;
  return static_cast<double>(z >> 11U) * 0x1.0p-53;
}

}  // namespace

milliseconds next_delay(const backoff_spec& spec, backoff_state& state, backoff_state::time_point now) {
  if (state.ready_since && now - *state.ready_since >= spec.healthy) state.steps = 0;
  state.ready_since.reset();
  const auto step = state.steps++;
  if (step == 0) return milliseconds{0};
  const auto max = static_cast<double>(spec.max.count());
  double delay = static_cast<double>(spec.min.count()) * std::pow(spec.factor, static_cast<double>(step - 1));
  if (!(delay < max)) delay = max;  // also when pow overflowed to infinity
  const double share = random_share(state.random) * spec.jitter;
  return milliseconds{std::llround(std::min(delay * (1.0 + share), max))};
}

}  // namespace steward::policy
