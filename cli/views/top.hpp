#pragma once

#include "cli/command.hpp"

#include <memory>

namespace steward::cli {

/// `steward top`
std::unique_ptr<command> make_top_command();

}  // namespace steward::cli
