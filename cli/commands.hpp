#pragma once

#include "cli/command.hpp"

#include <memory>
#include <vector>

namespace steward::cli {

/// All commands that every program has, in the order in which help lists them.
std::vector<std::unique_ptr<command>> all_commands();

}  // namespace steward::cli
