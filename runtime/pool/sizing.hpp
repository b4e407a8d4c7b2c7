#pragma once

#include "base/bounds.hpp"
#include "base/spec_changes.hpp"
#include "pool/actions.hpp"

#include <algorithm>
#include <cstddef>

namespace steward::pooling {

/// How many workers a pool means to have: between its least and its most, one more for each task that nobody would
/// take, one less for each worker that had nothing to do for long. Spares stand by beyond that: they take tasks only as
/// others end, so no more than `size` are busy at a time. It counts and knows no worker. Pure; not thread-safe.
class sizing {
public:
  explicit sizing(const pool_spec& spec) : sizing(worker_bounds_of(spec), spec.size) {}

  unsigned size() const noexcept { return size_; }              ///< without spares
  unsigned wanted() const noexcept { return size_ + spares_; }  ///< with them
  bool can_grow() const noexcept { return size_ < max_; }
  bool can_shrink() const noexcept { return size_ > min_; }
  /// Another worker with nothing to do only stands by.
  bool is_full(std::size_t busy) const noexcept { return busy >= size_; }

  /// Between that many from now on. No resize goes beyond what a pool may have at most.
  void resize(unsigned min, unsigned max) {
    min_ = std::min(min, bounds::workers.max);
    max_ = std::clamp(max, std::max(1U, min_), bounds::workers.max);
    size_ = std::clamp(size_, min_, max_);
  }
  unsigned least() const noexcept { return min_; }
  unsigned most() const noexcept { return max_; }

  /// One more for each of those that wait, but for as many as are coming, up to the most. True where it has grown.
  bool grow(std::size_t waiting, std::size_t coming) {
    // One that is to stand by does not take what waits.
    const auto served = size_ > 0 ? coming : 0;
    if (waiting <= served || !can_grow()) return false;
    size_ += static_cast<unsigned>(std::min<std::size_t>(max_ - size_, waiting - served));
    return true;
  }
  /// When one that has been idle since then is not needed any more; those that only stand by are no part of the pool.
  time_point idle_exit_at(time_point idle_since, std::size_t busy) const {
    return can_shrink() && !is_full(busy) ? idle_since + idle_exit_ : time_point::max();
  }
  void shrink() noexcept { --size_; }

private:
  sizing(const worker_bounds& bounds, const pool_size& spec)
      : size_(bounds.first), min_(bounds.least), max_(bounds.most), spares_(spec.spares), idle_exit_(spec.idle_exit) {}

  unsigned size_;
  unsigned min_;
  unsigned max_;
  unsigned spares_;
  milliseconds idle_exit_;
};

}  // namespace steward::pooling
