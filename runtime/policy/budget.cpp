#include "policy/budget.hpp"

#include <algorithm>

namespace steward::policy {

bool restart_budget::allow(time_point now) {
  if (limit_.restarts == 0) return false;
  if (ring_.size() < limit_.restarts) {
    ring_.push_back(now);
    return true;
  }
  if (inside(ring_[oldest_], now)) return false;
  ring_[oldest_] = now;
  oldest_ = (oldest_ + 1) % ring_.size();
  return true;
}

unsigned restart_budget::count(time_point now) const {
  // The ring is ordered from `oldest_` on: two ordered halves, of which the first is the older one.
  const auto outside = [&](time_point then) { return !inside(then, now); };
  const auto middle = ring_.begin() + static_cast<std::ptrdiff_t>(oldest_);
  const auto old = ring_.end() - std::partition_point(middle, ring_.end(), outside);
  const auto young = middle - std::partition_point(ring_.begin(), middle, outside);
  return static_cast<unsigned>(old + young);
}

}  // namespace steward::policy
