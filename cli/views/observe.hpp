#pragma once

#include "cli/command.hpp"

#include <memory>

namespace steward::cli {

/// `steward observe`
std::unique_ptr<command> make_observe_command();

}  // namespace steward::cli
