#include "pool/run_times.hpp"

#include <algorithm>

namespace steward::pooling {

namespace {

// Each task costs a worker something, or the budget of run time would not bound the count.
constexpr double least_us = 0.001;
constexpr double share_of_shorter = 1.0 / 8.0;

}  // namespace

/// Null when none has run. Nothing is ever taken out of the table, so a place stays.
double* run_times::find(const task_entry* what) {
  if (known_us_ != nullptr && known_ == what) return known_us_;
  const auto found = us_.find(what);
  if (found == us_.end()) return nullptr;
  known_ = what;
  return known_us_ = &found->second;
}

void run_times::learn(const task_entry* what, double us) {
  us = std::max(us, least_us);
  if (auto* known = find(what)) {
    *known = us > *known ? us : *known + (us - *known) * share_of_shorter;
  } else {
    us_.emplace(what, us);
  }
}

}  // namespace steward::pooling
