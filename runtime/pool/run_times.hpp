#pragma once

#include "steward/sample.hpp"
#include "steward/task.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace steward::pooling {

/// Counts how long things took. Not thread-safe.
class time_tally {
public:
  /// This many took this many microseconds each.
  void add(double us, std::uint64_t items) {
    const auto whole = us >= 1.0 ? static_cast<std::uint64_t>(std::min(us, longest_us)) : 0;
    counts_[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(whole)), time_buckets - 1)] += items;
  }
  const time_counts& counts() const noexcept { return counts_; }

private:
  static constexpr double longest_us = 1e15;

  time_counts counts_{};
};

/// How long tasks of each kind run, as measured. Not thread-safe.
class run_times {
public:
  /// Of a task that has not run yet. Nothing is sent ahead behind it, nor it behind another one.
  static constexpr double unknown_us = 2'000.0;

  /// Expected microseconds of this many of them.
  double estimate_us(const task_entry* what, std::uint64_t items) {
    const auto* us = known_us_ != nullptr && known_ == what ? known_us_ : find(what);
    return (us != nullptr ? *us : unknown_us) * static_cast<double>(items);
  }
  /// One took this many microseconds. Longer runs are followed at once and shorter ones slowly: to wait behind a long
  /// task is worse than to be sent late.
  void learn(const task_entry* what, double us);

private:
  double* find(const task_entry* what);

  std::unordered_map<const task_entry*, double> us_;
  const task_entry* known_ = nullptr;  // the one that was looked up last, with its place in `us_`
  double* known_us_ = nullptr;
};

}  // namespace steward::pooling
