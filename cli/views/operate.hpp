#pragma once

#include "cli/command.hpp"

#include <memory>
#include <vector>

namespace steward::cli {

/// `steward start`, `stop`, `restart`, `kill`, `park`, `revive`, `scale`, `reload` and `shutdown`: each asks the
/// control server of a live run once, and prints what came of it.
std::vector<std::unique_ptr<command>> make_operator_commands();

}  // namespace steward::cli
