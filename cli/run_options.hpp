#pragma once

#include "cli/run_command.hpp"

#include <optional>
#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace steward::cli {

/// The options that `steward run` has in common with programs of users: --events, --state, --json, --quiet, --verbose,
/// --seed,
/// --color and --dates. Fills a request while the app parses.
class run_options {
public:
  /// Adds the options; both must outlive this.
  run_options(CLI::App& app, run_request& into);
  /// Once all is parsed and a run is to begin: looks at the terminal, and keeps standard output for the events where
  /// they go there.
  void apply();

private:
  run_request& into_;
  std::string colour_ = "auto";
};

/// Parses the command line of a program that has no commands, only these options. Words that are no options, and all
/// behind `--`, are the program's own. Returns the exit code where the program has nothing to do any more: after
/// --help, or an option that nobody knows.
std::optional<int> parse_program_options(int argc, const char* const* argv, run_request& into);

/// Says what is wrong with a command line, with a suggestion; returns the exit code.
int usage_fault(const CLI::App& app, const CLI::ParseError& problem);

}  // namespace steward::cli
