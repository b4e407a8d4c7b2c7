#pragma once

#include "steward/event.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace steward {

/// How much of what happens people want to see.
enum class console_detail : std::uint8_t {
  quiet,    ///< what ends work: limit, escalate, give_up, failed and quarantined tasks
  normal,   ///< and all that went wrong or recovered, warnings included
  verbose,  ///< and starts, stops and everything else; nothing is folded
};

struct console_options {
  console_detail detail = console_detail::normal;
  bool colour = false;
};

/// Renders events as lines for people: local time, kind, actor, one glance; below it indented lines with the task and
/// with what was decided.
///
/// A crash and the decision about it form one block; the `restart` or `backoff` that carries it out is not told again.
/// Failures of the same kind with the same cause under the same pool (or of the same child) fold: the first three are
/// shown, the rest is counted and told in one line before the next line of another sort, or by `finish`. Text that may
/// come from a worker is escaped and cut. `output` events are never shown: the run prints those itself.
///
/// Not thread-safe by itself; as a sink of an `event_log` it is called by one thread at a time. Never throws for what
/// an event holds.
class console_view {
public:
  /// Receives whole lines, each with its line end; several of one block at once.
  using writer = std::function<void(std::string_view)>;

  static constexpr unsigned shown_repeats = 3;

  console_view(console_options options, writer out);

  /// Shows an event, or folds it away.
  void show(const event& e);

  /// Tells what is still folded. Call it when the run is over; calling it again is harmless.
  void finish();

private:
  struct repeats {
    std::uint64_t seen = 0;
    std::uint64_t untold = 0;
    event last;  // the newest of those that were folded: its time and actor are shown
  };

  bool wanted(const event& e);
  bool folded(const event& e);
  bool carries_out_what_was_told(const event& e);
  void remember_what_was_told(const event& e);
  void tell_repeats();
  std::string render(const event& e) const;
  std::string head(const event& e, std::string_view actor) const;

  console_options options_;
  writer out_;
  std::map<std::string, repeats> failures_;  // by kind, place and cause
  std::set<std::string> told_actors_;        // their restart was told with their crash
  std::set<std::string> muted_actors_;       // their crash was folded, so their recovery is too
  std::set<std::uint64_t> told_tasks_;       // that they run again was told with a crash
};

}  // namespace steward
