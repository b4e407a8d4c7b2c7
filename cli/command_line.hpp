#pragma once

#include "cli/run_command.hpp"

#include <functional>

namespace CLI {
class App;
}

namespace steward::cli {

/// Commands that one program has beside those of all.
struct extra_command {
  std::function<void(CLI::App&)> add_to;
  std::function<bool()> parsed;
  std::function<int()> run;
};

/// Parses and carries out a command line. Returns the exit code; prints usage faults to stderr, with a suggestion.
/// `extra` may be null.
int main_of(int argc, char** argv, const program& what, const extra_command* extra);

}  // namespace steward::cli
