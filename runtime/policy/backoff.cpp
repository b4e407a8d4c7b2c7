#include "policy/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace steward::policy {

milliseconds backoff::next(time_point now) {
  if (ready_since_ && now - *ready_since_ >= spec_.healthy) steps_ = 0;
  ready_since_.reset();
  const unsigned step = steps_++;
  if (step == 0) return milliseconds{0};
  const auto max = static_cast<double>(spec_.max.count());
  double delay = static_cast<double>(spec_.min.count()) * std::pow(spec_.factor, static_cast<double>(step - 1));
  if (!(delay < max)) delay = max;  // also when pow overflowed to infinity
  const double share = std::uniform_real_distribution<double>{0.0, 1.0}(random_)*spec_.jitter;
  return milliseconds{std::llround(std::min(delay * (1.0 + share), max))};
}

}  // namespace steward::policy
