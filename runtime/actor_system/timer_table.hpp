#pragma once

#include "actor_system/clock_alarm.hpp"
#include "steward/timer.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace steward::port {

/// Messages that an incarnation has set to come later. For the actor's own thread.
///
/// They lie here until they are handled, not in CAF's clock or in the mailbox: so none is left when the incarnation has
/// ended, or when it was cancelled. The clock wakes the actor for the earliest.
class timer_table {
public:
  using time_point = clock_alarm::time_point;
  struct entry {
    time_point at;
    timer_order order;
  };

  /// Takes the place of one of the same name. Returns its number: never 0, and never that of another one before.
  std::uint64_t set(time_point at, timer_order order);
  bool cancel(std::uint64_t number);
  bool has(std::uint64_t number) const { return all_.contains(number); }
  /// Cancels all.
  void clear();

  /// Those that are due, the earliest first.
  std::vector<std::uint64_t> due(time_point now) const;
  /// Takes out one that is due; one with a period comes again, at the first of its times after `now`. Nothing when it
  /// was cancelled.
  std::optional<entry> take(std::uint64_t number, time_point now);
  /// What was taken is still to come.
  void put_back(std::uint64_t number, entry x);
  /// When the first comes that is not due yet.
  std::optional<time_point> next_after(time_point now) const;
  clock_alarm& alarm() noexcept { return alarm_; }

private:
  void put(std::uint64_t number, entry x);

  std::map<std::uint64_t, entry> all_;
  std::set<std::pair<time_point, std::uint64_t>> by_time_;
  std::map<std::string, std::uint64_t> by_name_;
  std::uint64_t last_ = 0;
  clock_alarm alarm_;
};

}  // namespace steward::port
