#pragma once

#include "steward/event.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace steward {

/// Counts what happens in a run, for its last words to people. All figures are those of the events that it was given.
///
/// Its memory is bounded: of the kinds of crashes 4,096 are told apart, recovery times to a microsecond below a second
/// and to a millisecond above. Not thread-safe. Never throws for what an event holds.
class run_summary {
public:
  void note(const event& e);

  /// Always three lines, without ends: crashes by child and cause, recoveries with the median and the 99th percentile
  /// (nearest rank) of the time from crash to ready, and what became of tasks and messages that met a fault.
  std::array<std::string, 3> lines() const;

  std::uint64_t crashes() const noexcept { return crashes_; }
  std::uint64_t recoveries() const noexcept { return recoveries_; }
  std::uint64_t retried() const noexcept { return retried_; }
  std::uint64_t quarantined() const noexcept { return quarantined_; }
  std::uint64_t failed() const noexcept { return failed_; }
  std::uint64_t given_up() const noexcept { return given_up_; }  ///< tasks
  std::uint64_t lost_messages() const noexcept { return lost_messages_; }
  /// By child, or by pool for its workers, and then by cause, in words to be shown.
  const std::map<std::string, std::map<std::string, std::uint64_t>>& by_child() const noexcept { return by_child_; }
  /// This many of a hundred recoveries took no longer; 0 when there were none.
  double percentile_ms(std::uint64_t percent) const;

  friend bool operator==(const run_summary&, const run_summary&) = default;

private:
  void note_crash(const event& e);
  std::string crashes_text() const;
  std::string recoveries_text() const;
  std::string work_text() const;

  std::uint64_t crashes_ = 0;
  std::uint64_t recoveries_ = 0;
  std::uint64_t retried_ = 0;
  std::uint64_t quarantined_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t given_up_ = 0;
  std::uint64_t lost_messages_ = 0;
  std::map<std::string, std::map<std::string, std::uint64_t>> by_child_;  // and then by cause
  std::size_t kinds_ = 0;
  std::map<std::int64_t, std::uint64_t> recovery_times_;  // in microseconds
};

}  // namespace steward
