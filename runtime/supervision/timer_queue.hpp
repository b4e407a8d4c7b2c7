#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

namespace steward::supervision {

/// What is due when, for all children of a tree, and for when its owner has asked to be woken.
///
/// Entries of the same moment are due in the order in which they were added. An entry's handle is good until it is
/// removed; whoever has added one keeps the handle and removes it, also when it is due. Pure: the owner has the clock.
/// Not thread-safe.
class timer_queue {
public:
  using time_point = std::chrono::steady_clock::time_point;
  /// Who set a timer: the machine of the child's supervisor, or the child itself.
  enum class owner : std::uint8_t { machine, child };
  struct entry {
    std::uint64_t child = 0;
    std::uint64_t token = 0;  ///< the machine's
    owner whose = owner::machine;
  };
  using handle = std::multimap<time_point, entry>::iterator;

  handle add(time_point at, const entry& x) { return all_.emplace(at, x); }
  void remove(handle x) { all_.erase(x); }
  void clear() { all_.clear(); }

  /// The earliest entry that is due by `now`.
  std::optional<entry> due(time_point now) const {
    if (all_.empty() || all_.begin()->first > now) return std::nullopt;
    return all_.begin()->second;
  }

  /// When the owner must have itself woken, unless it has already asked for that or for an earlier moment.
  std::optional<time_point> ask_for_wake() {
    if (all_.empty() || (asked_for_ && *asked_for_ <= all_.begin()->first)) return std::nullopt;
    asked_for_ = all_.begin()->first;
    return asked_for_;
  }
  /// The wake has come.
  void woken() { asked_for_.reset(); }

private:
  std::multimap<time_point, entry> all_;
  std::optional<time_point> asked_for_;
};

}  // namespace steward::supervision
