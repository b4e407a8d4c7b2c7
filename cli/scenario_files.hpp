#pragma once

#include <string>
#include <vector>

namespace steward::cli {

/// The file that a command line means: a path as it is; else, for a bare name such as "square" or "square.yaml", a
/// scenario of that name that ships with the program. The name itself when there is neither, so that loading it tells
/// the fault.
std::string find_scenario(const std::string& name);

/// Names of the scenarios that ship with the program, in order.
std::vector<std::string> shipped_scenarios();

}  // namespace steward::cli
