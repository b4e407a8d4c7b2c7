#pragma once

#include "actor_system/clock_alarm.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace steward::port {

/// The deadlines of the requests that an actor has sent, as a heap. For the actor's own thread.
///
/// An answer that comes takes nothing out, which would cost more than all the rest: whoever owns this says now and then
/// which requests are still awaited. So there are never many more entries than requests, and an answer costs nothing.
class request_deadlines {
public:
  using time_point = clock_alarm::time_point;

  void add(time_point at, std::uint64_t response) {
    heap_.push_back({at, response});
    std::push_heap(heap_.begin(), heap_.end());
  }
  /// Forgets all of them. An alarm that was set still rings.
  void clear() noexcept { heap_.clear(); }
  /// Whether `keep` is due: there may be more answered ones than others.
  bool is_crowded() const noexcept { return heap_.size() > crowded_above_; }
  /// Keeps those of the responses in `awaited`, which is sorted.
  void keep(const std::vector<std::uint64_t>& awaited);
  /// Takes out the earliest, if it is due.
  std::optional<std::uint64_t> take_due(time_point now);
  std::optional<time_point> earliest() const;
  clock_alarm& alarm() noexcept { return alarm_; }

private:
  struct entry {
    time_point at;
    std::uint64_t response;
    bool operator<(const entry& other) const noexcept { return at > other.at; }
  };
  static constexpr std::size_t room = 256;

  std::vector<entry> heap_;
  std::size_t crowded_above_ = room;
  clock_alarm alarm_;
};

}  // namespace steward::port
