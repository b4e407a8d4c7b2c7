#pragma once

#include "cli/command.hpp"

#include <memory>
#include <vector>

namespace steward::cli {

/// The commands that look at runs and steer them.
std::vector<std::unique_ptr<command>> commands_for_runs();

}  // namespace steward::cli
