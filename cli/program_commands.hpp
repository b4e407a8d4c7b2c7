#pragma once

#include "cli/command.hpp"

#include <memory>
#include <vector>

namespace steward::cli {

/// `steward actors`, `explain` and `version`: what the program itself has and means.
std::vector<std::unique_ptr<command>> make_program_commands();

}  // namespace steward::cli
