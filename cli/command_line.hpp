#pragma once

#include "cli/run_command.hpp"

namespace steward::cli {

/// Parses and carries out a command line. Returns the exit code; prints usage faults to stderr, with a suggestion.
int main_of(int argc, char** argv, const program& what);

}  // namespace steward::cli
