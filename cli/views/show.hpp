#pragma once

#include "cli/command.hpp"
#include "cli/views/paper.hpp"
#include "cli/views/run_source.hpp"
#include "observe/crash_account.hpp"
#include "observe/frame_list.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

/// Looks for it by its id: "c-0007", "7", or a fingerprint for the last one that has it. Throws `cannot_look`.
whole_crash find_crash(run_source& from, const std::string& id);

/// `named`: the run as the next command would name it; `frames`: how many of the stack at most, 0: all.
std::string render_crash(const whole_crash& x, run_view::time_point now, const std::string& named, const paper& on,
                         std::size_t frames = usual_frames);
std::string render_crash_json(const whole_crash& x);

/// `steward show`
std::unique_ptr<command> make_show_command();

}  // namespace steward::cli
