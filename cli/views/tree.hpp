#pragma once

#include "cli/command.hpp"
#include "cli/views/paper.hpp"
#include "cli/views/scene.hpp"

#include <memory>
#include <string>

namespace steward::cli {

/// The tree with lines, and how each child is doing.
std::string render_tree(const scene& shown, const paper& on);

/// What there is to say of a child beside its name and status: budgets, restarts, workers, queues.
std::string details_of(const child_view& x, run_view::time_point now);

/// `steward tree`
std::unique_ptr<command> make_tree_command();

}  // namespace steward::cli
