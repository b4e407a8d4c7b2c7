#pragma once

#include <exception>

namespace steward::cli {

/// From now on, until `end_start`, what is missing (threads, processes, descriptors, memory) is why the run could not
/// start. A program begins so.
void begin_start() noexcept;
void end_start() noexcept;
bool is_starting() noexcept;

/// Says on stderr why the program, or a run of it, cannot go on, and returns the exit code for it: `exit_start_failed`
/// when something is missing for its start, else `exit_internal`. Needs no memory. Thread-safe.
int tell_failure(const std::exception_ptr& problem) noexcept;

/// Whether it was thrown because something is missing.
bool is_scarce(const std::exception_ptr& problem) noexcept;

}  // namespace steward::cli
