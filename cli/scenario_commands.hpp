#pragma once

#include "cli/command.hpp"

#include <memory>
#include <vector>

namespace steward::cli {

/// `steward run`, `validate`, `plan` and `unit`: what is done with scenario files.
std::vector<std::unique_ptr<command>> make_scenario_commands();

}  // namespace steward::cli
