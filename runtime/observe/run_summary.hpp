#pragma once

#include "steward/event.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace steward {

/// Counts what happens in a run, for its last words to people. All figures are those of the events that it was given.
///
/// Its memory is bounded, however many events it is given: of the kinds of crashes 4,096 are told apart, and of the
/// times of recoveries those that differ by more than 2.5 %. Not thread-safe. Never throws for what an event holds.
class run_summary {
public:
  struct figures {
    std::uint64_t crashes = 0;
    std::uint64_t recoveries = 0;
    std::uint64_t retried = 0;
    std::uint64_t quarantined = 0;
    std::uint64_t failed = 0;
    std::uint64_t given_up = 0;       ///< tasks
    std::uint64_t valueless = 0;      ///< tasks without a value in the end, as pools tell at theirs; those above, too
    std::uint64_t lost_messages = 0;  ///< dead letters, and what was in hand at a crash
    std::uint64_t quarantined_messages = 0;
    /// By child, or by pool for its workers, and then by cause, in words to be shown.
    std::map<std::string, std::map<std::string, std::uint64_t>> by_child;
    std::uint64_t kinds = 0;                        ///< of crashes, told apart
    std::map<std::string, std::uint64_t> by_class;  ///< crashes, by class of the cause; "unknown" where none was told
    /// How many took how many microseconds, rounded by no more than 1.25 %: 150 is 150, 151 is 152, 1,234 is 1,240.
    std::map<std::int64_t, std::uint64_t> recovery_times;
    std::int64_t slowest_recovery_us = 0;

    friend bool operator==(const figures&, const figures&) = default;
  };

  run_summary() = default;
  explicit run_summary(figures counted) : counted_(std::move(counted)) {}

  void note(const event& e);

  /// Always three lines, without ends: crashes by child and cause, recoveries with the median and the 99th percentile
  /// (nearest rank) of the time from crash to ready, and what became of tasks and messages that met a fault.
  std::array<std::string, 3> lines() const;

  const figures& all() const noexcept { return counted_; }
  /// Tasks that met no fault and have no value: they were cancelled, as those are that are open when a pool is stopped,
  /// or were refused.
  std::uint64_t cancelled() const noexcept {
    const auto lost = counted_.quarantined + counted_.failed + counted_.given_up;
    return counted_.valueless > lost ? counted_.valueless - lost : 0;
  }
  /// This many of a hundred recoveries took no longer, to 1.25 %; exact for all hundred. 0 when there were none.
  double percentile_ms(std::uint64_t percent) const;

  friend bool operator==(const run_summary&, const run_summary&) = default;

private:
  void note_crash(const event& e);
  std::string crashes_text() const;
  std::string recoveries_text() const;
  std::string work_text() const;

  figures counted_;
};

}  // namespace steward
