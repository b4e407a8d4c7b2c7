#pragma once

#include "cli/command.hpp"
#include "cli/views/paper.hpp"
#include "cli/views/run_entry.hpp"

#include <memory>
#include <string>
#include <vector>

namespace steward::cli {

/// Those of an events file, a run directory, or with an empty word those that live; in the order in which they began.
/// Throws `cannot_look`.
std::vector<run_entry> runs_of(const std::string& what);

std::string render_runs(const std::vector<run_entry>& all, run_view::time_point now, const paper& on);
std::string render_runs_json(const std::vector<run_entry>& all);

/// `steward runs`
std::unique_ptr<command> make_runs_command();

}  // namespace steward::cli
