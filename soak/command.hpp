#pragma once

#include "soak/soak.hpp"

#include <string>

namespace CLI {
class App;
}

namespace steward::soak {

/// The subcommands `soak` and `soak-check` of a program: add them, let the program parse, and `run` when one of them
/// was asked for. `run` must come before anything that starts threads; it gives the exit code.
class command {
public:
  void add_to(CLI::App& app);
  bool parsed() const;
  int run() const;

private:
  int soak() const;

  CLI::App* soak_ = nullptr;
  CLI::App* check_ = nullptr;
  options options_;
  bool compare_ = false;
  bool json_ = false;
  std::string file_;
};

}  // namespace steward::soak
