#pragma once

#include "steward/admin.hpp"

#include <string>
#include <vector>

namespace steward::cli {

/// The children of a supervisor, given newest first, as a table for people: its head, then one line for each child,
/// oldest first. Counts of messages are those of actors; others have "-". Pure; any thread may call it.
std::vector<std::string> children_table(const std::vector<child_info>& children);

}  // namespace steward::cli
