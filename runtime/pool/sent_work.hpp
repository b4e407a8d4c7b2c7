#pragma once

#include "pool/ledger.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace steward::pooling {

/// What a worker was sent and has not answered, in the order in which it runs it, and how much that is. Times are
/// estimates, which change with what is learned, so their sum is held above 0. Not thread-safe.
class sent_work {
public:
  void push_back(slip e, std::size_t items, double us) {
    all_.push_back(e);
    items_ += items;
    load_us_ += us;
  }
  /// The first one, of this many items that are expected to take this long, is answered.
  void pop_front(std::size_t items, double us) {
    all_.pop_front();
    less(items, us);
  }
  void pop_back(std::size_t items, double us) {
    all_.pop_back();
    less(items, us);
  }
  /// One of them has this many items less, and takes so much less time.
  void less(std::size_t items, double us) {
    items_ -= items;
    load_us_ = all_.empty() ? 0.0 : std::max(0.0, load_us_ - us);
  }
  std::deque<slip> take_all() {
    items_ = 0;
    load_us_ = 0.0;
    return std::exchange(all_, {});
  }

  bool empty() const noexcept { return all_.empty(); }
  std::size_t size() const noexcept { return all_.size(); }
  slip front() const { return all_.front(); }
  slip back() const { return all_.back(); }
  slip operator[](std::size_t at) const { return all_[at]; }
  auto begin() const noexcept { return all_.begin(); }
  auto end() const noexcept { return all_.end(); }
  std::size_t items() const noexcept { return items_; }
  double load_us() const noexcept { return load_us_; }

private:
  std::deque<slip> all_;
  std::size_t items_ = 0;
  double load_us_ = 0.0;
};

}  // namespace steward::pooling
