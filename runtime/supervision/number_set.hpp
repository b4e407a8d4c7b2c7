#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace steward::supervision {

/// A set of numbers to which mostly greater ones are added, at 8 bytes each.
///
/// Numbers are kept in order in one vector; those that were erased stay as marks until there are more marks than
/// numbers. So erasing costs O(log n) on average, and adding the greatest O(1). Numbers have 63 bits. Not thread-safe.
class number_set {
public:
  void insert(std::uint64_t x) {
    if (all_.empty() || value(all_.back()) < x) {
      all_.push_back(x);
      return;
    }
    const auto at = position(x);
    if (value(*at) != x) {
      all_.insert(at, x);
    } else if (*at != x) {
      *at = x;
      --marks_;
    }
  }

  void erase(std::uint64_t x) {
    const auto at = position(x);
    if (at == all_.end() || *at != x) return;
    *at = x | mark;
    ++marks_;
    while (!all_.empty() && is_mark(all_.back())) {
      all_.pop_back();
      --marks_;
    }
    if (2 * marks_ <= all_.size()) return;
    std::erase_if(all_, is_mark);
    all_.shrink_to_fit();
    marks_ = 0;
  }

  std::size_t size() const noexcept { return all_.size() - marks_; }
  bool empty() const noexcept { return size() == 0; }

  /// A copy in rising order, for loops that change the set.
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> out;
    out.reserve(size());
    std::remove_copy_if(all_.begin(), all_.end(), std::back_inserter(out), is_mark);
    return out;
  }

private:
  static constexpr std::uint64_t mark = std::uint64_t{1} << 63;

  static std::uint64_t value(std::uint64_t x) noexcept { return x & ~mark; }
  static bool is_mark(std::uint64_t x) noexcept { return (x & mark) != 0; }
  std::vector<std::uint64_t>::iterator position(std::uint64_t x) {
    return std::lower_bound(all_.begin(), all_.end(), x, [](std::uint64_t a, std::uint64_t b) { return value(a) < b; });
  }

  std::vector<std::uint64_t> all_;
  std::size_t marks_ = 0;
};

}  // namespace steward::supervision
