#pragma once

#include "cli/command.hpp"
#include "cli/views/paper.hpp"
#include "observe/run_view.hpp"

#include <memory>
#include <string>

namespace steward::cli {

/// A line for each child, as they stand in the tree; `wide` with all that is known of them.
std::string render_ps(const run_view& view, run_view::time_point now, bool wide, const paper& on);

/// `steward ps`
std::unique_ptr<command> make_ps_command();

}  // namespace steward::cli
