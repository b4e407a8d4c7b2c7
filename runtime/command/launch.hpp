#pragma once

#include "steward/command_spec.hpp"

#include <string>
#include <vector>

// How a program comes to run in a child process: the process is made by the keeper like any other, and runs a main that
// takes on what the order says and then becomes the program.
namespace steward::command {

/// The name of that main.
inline constexpr const char* launch_main_name = "steward_command";

/// Where a start failed, as the child tells it; 0 in `error`: nowhere.
struct launch_failure {
  enum class step : int { order, priority, limits, identity, parent, program } at = step::order;
  int error = 0;
};

/// In words: "cannot run 'ngnix': No such file or directory".
std::string describe(const launch_failure& x, const command_spec& of);

/// A start, ready to be handed to a child as descriptors. Owns them; move-only.
class launch_order {
public:
  /// Looks the user up, which may take long where users are looked up elsewhere. What cannot be is in `error`.
  /// `more` is set in the environment as well, "NAME=value" each.
  launch_order(const command_spec& spec, const std::vector<std::string>& more);
  ~launch_order();
  launch_order(const launch_order&) = delete;
  launch_order& operator=(const launch_order&) = delete;

  const std::string& error() const noexcept { return error_; }
  /// For the child, in this order: the order itself, and what it tells its failure by.
  std::vector<int> child_fds() const { return {order_, told_}; }
  /// The end from which that is read; the caller owns it from now on. It ends when the program runs.
  int take_answer();

private:
  std::string error_;
  int order_ = -1;
  int told_ = -1;
  int answer_ = -1;
};

/// Makes the main known, for programs that may have commands; see `process::register_child_main`.
void register_launch_main();

}  // namespace steward::command
