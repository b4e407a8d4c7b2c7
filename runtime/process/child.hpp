#pragma once

#include "steward/cause.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace steward::process {

/// Lowest descriptor of those that a child inherits through `start_request::fds`.
inline constexpr int first_child_fd = 3;

/// What a child main gets.
struct child_context {
  std::string argument;  ///< `start_request::argument`
  int fd_count = 0;      ///< descriptors `first_child_fd` .. `first_child_fd + fd_count - 1` are open
};

/// A function that a child process runs; its return value is the exit code.
using child_main = int (*)(const child_context&);

/// Makes a child main known under a name. Call it before `start_zygote` and before threads exist, on every start of the
/// program: a spawned child is the same program started again, and looks the name up.
///
/// `warm_up`, if it is given, is called once by the zygote, after it has started the first such child: what it leaves
/// in memory, code that was linked above all, each later one has from the start. It must not throw, and leave no
/// thread.
void register_child_main(std::string_view name, child_main run, void (*warm_up)() = nullptr);

/// True when this process was started as a spawned child; then `run_spawned_child` must be called and its result
/// returned from main, before anything else happens.
bool is_spawned_child(int argc, char** argv) noexcept;
int run_spawned_child(int argc, char** argv);

/// Forks the zygote. Call it once, early in main: it refuses (returns false) when the process already has a second
/// thread. The zygote is a copy of this process that does nothing but start children fast (see ARCHITECTURE.md,
/// "Zygote"). When this process ends, whatever kills it, the zygote kills the process groups of the children that are
/// left and ends, too. Without a zygote everything works, only slower.
bool start_zygote();

/// Ends the zygote and reaps it. Idempotent.
void stop_zygote();

}  // namespace steward::process
