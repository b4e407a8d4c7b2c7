#pragma once

#include "observe/run_summary.hpp"
#include "steward/event.hpp"
#include "steward/sinks.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace steward {

/// Renders events as lines for people: local time, kind, actor, one glance; below it indented lines with the task and
/// with what was decided.
///
/// What belongs together is one block: a crash, or a deadline and the kill for it, with the decision and with what
/// became of the task in hand. The events that carry it out are not told again. Failures of the same kind with the same
/// cause under the same pool (or of the same child) fold: the first three are shown, the rest is counted and told in a
/// line of its own with the first event that comes 5 s later, or at the end; after a calm of 10 s the next one is shown
/// again. Tasks that are lost meanwhile are named there, so that each is named once. Lines stand in the order of their
/// times. A run ends with a summary of three lines; when quiet, only one that did not end well.
///
/// Text that may come from a worker is escaped and cut. `output` events are never shown: the run prints those itself.
///
/// Not thread-safe by itself; as a sink of an `event_log` it is called by one thread at a time. Never throws for what
/// an event holds.
class console_view {
public:
  using writer = line_writer;

  static constexpr unsigned shown_repeats = 3;
  static constexpr std::chrono::seconds fold_for{5};
  static constexpr std::chrono::seconds calm{10};

  console_view(console_options options, writer out);

  /// Whether people see such an event at all.
  static bool shows(const event& e, console_detail detail) noexcept;

  /// Shows an event, or folds it away.
  void show(const event& e);

  /// Shows an event by itself, of whatever kind and level: nothing is folded, and nothing is told with another.
  void show_alone(const event& e);
  /// Its `run_end` brings no summary: not all events were shown.
  void leave_out_summary() noexcept { has_summary_ = false; }

  /// Tells what is still folded. Call it when the run is over; calling it again is harmless.
  void finish();

private:
  using time_point = std::chrono::system_clock::time_point;

  struct repeats {
    std::uint64_t seen = 0;
    std::uint64_t untold = 0;
    time_point since;  // when it was last told of
    event last;        // the newest of them
    std::vector<std::uint64_t> lost_tasks;
  };

  void tell(const event& e);
  bool waits_for_its_end(const event& e);
  event with_its_hang(const event& e);
  bool folded(const event& e);
  bool carries_out_what_was_told(const event& e);
  void remember_what_was_told(const event& e);
  void tell_repeats(bool all);
  void tell(repeats& same);
  void tell_summary(int code);
  std::size_t indent() const;
  std::string time_text();
  std::string head(event_kind kind, std::string_view actor);
  std::string render(const event& e);

  console_options options_;
  bool has_summary_ = true;
  writer out_;
  time_point now_;   // of the newest event
  std::string day_;  // of the last line
  run_summary summary_;
  std::map<std::string, repeats> failures_;  // by kind, place and cause
  std::size_t folding_ = 0;                  // this many of them have something to tell
  std::map<std::string, event> hangs_;       // by worker: it is being killed, and its end is told with this
  std::set<std::string> told_actors_;        // their restart was told with their crash
  std::set<std::string> muted_actors_;       // their crash was folded, so their recovery is too
  std::set<std::uint64_t> told_tasks_;       // what becomes of them was told with a crash
};

}  // namespace steward
