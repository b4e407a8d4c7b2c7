#pragma once

#include "cli/run_command.hpp"

#include <string_view>

namespace CLI {
class App;
}

namespace steward::cli {

/// One command of the command line: the words that it understands, and what it does. Parsed once, run at most once, on
/// the main thread.
class command {
public:
  command() = default;
  virtual ~command() = default;
  command(const command&) = delete;
  command& operator=(const command&) = delete;

  /// By which it is called.
  virtual std::string_view name() const = 0;
  /// Makes its subcommand with all its options, which are kept in this object.
  virtual CLI::App* add_to(CLI::App& app) = 0;
  /// Carries it out and returns the exit code.
  virtual int run(const program& what) = 0;
};

}  // namespace steward::cli
