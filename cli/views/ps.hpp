#pragma once

#include "cli/command.hpp"
#include "cli/views/paper.hpp"
#include "cli/views/scene.hpp"

#include <memory>
#include <string>

namespace steward::cli {

/// A line for each child, as they stand in the tree; `wide` with all that is known of them.
std::string render_ps(const scene& shown, bool wide, const paper& on);
/// One object: `state`, `as_of`, `flapping`, `run` and the list `children`.
std::string render_ps_json(const scene& shown);

/// `steward ps`
std::unique_ptr<command> make_ps_command();

}  // namespace steward::cli
