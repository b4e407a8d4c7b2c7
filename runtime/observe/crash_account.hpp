#pragma once

#include "observe/run_view.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// One crash with all that is known around it.
struct whole_crash {
  static constexpr std::size_t most_before = 8;
  static constexpr std::size_t most_after = 12;

  crash_view crash;
  std::optional<child_view> child;   ///< as it was right after the crash
  alike_view alike;                  ///< as it is known by now
  std::uint64_t alike_before = 0;    ///< crashes of the same fingerprint before this one
  std::vector<event> before;         ///< the last events of that child
  std::vector<std::string> printed;  ///< the last lines that it wrote to its standard output, where a run tells of them
  std::vector<event> after;          ///< what was done about it, and what became of what it had in hand
  std::vector<std::string> ladder;   ///< what comes if it goes on so, in sentences
  bool has_history = false;          ///< the events around it were there
};

/// Finds a crash in events that come in order, and what lies around it. Not thread-safe.
class crash_search {
public:
  /// `base`: the picture before the first event that is to come; empty for those of a whole run.
  crash_search(std::string id, whole_crash& into, run_view base = {});

  /// False: what comes behind this one does not matter.
  bool take(const event& e);
  bool is_found() const noexcept { return found_; }

private:
  using events_by_child = std::map<std::string, std::vector<event>, std::less<>>;

  void found(const event& e);
  void note_printed(const std::vector<event>& lines, const event& crash);
  void note_after(const event& e);
  bool is_settled() const { return child_settled_ && (task_settled_ || !out_.crash.task); }

  std::string id_;
  whole_crash& out_;
  run_view view_;
  events_by_child last_;
  events_by_child printed_;
  bool found_ = false;
  bool child_settled_ = false;
  bool task_settled_ = false;
};

}  // namespace steward
