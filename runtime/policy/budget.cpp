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
  return static_cast<unsigned>(
      std::count_if(ring_.begin(), ring_.end(), [&](time_point then) { return inside(then, now); }));
}

}  // namespace steward::policy
