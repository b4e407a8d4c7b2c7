#pragma once

#include "cli/command.hpp"
#include "cli/views/frame_list.hpp"
#include "cli/views/paper.hpp"
#include "cli/views/run_source.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

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

/// Looks for it by its id: "c-0007", "7", or a fingerprint for the last one that has it. Throws `cannot_look`.
whole_crash find_crash(run_source& from, const std::string& id);

/// `named`: the run as the next command would name it; `frames`: how many of the stack at most, 0: all.
std::string render_crash(const whole_crash& x, run_view::time_point now, const std::string& named, const paper& on,
                         std::size_t frames = usual_frames);
std::string render_crash_json(const whole_crash& x);

/// `steward show`
std::unique_ptr<command> make_show_command();

}  // namespace steward::cli
