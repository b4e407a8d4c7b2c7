#pragma once

#include <exception>

namespace steward::cli {

/// From now on, until `end_start`, what is missing (threads, processes, descriptors, memory) is why the run could not
/// start. A program begins so.
void begin_start() noexcept;
void end_start() noexcept;

/// Says on stderr why the program, or a run of it, cannot go on, and returns the exit code for it: `exit_start_failed`
/// when something is missing for its start, else `exit_internal`. Needs no memory. Thread-safe.
int tell_failure(const std::exception_ptr& problem) noexcept;

/// What is thrown where nothing catches it, because something is missing, ends the program with that code at once; all
/// else aborts as ever.
void end_by_code_when_scarce() noexcept;

}  // namespace steward::cli
