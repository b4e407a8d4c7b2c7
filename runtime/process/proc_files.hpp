#pragma once

// /proc, held open from the start: a program may lose sight of it, by a change of its root or a mount. Internal.
namespace steward::process {

/// Opens it unless that was done. Thread-safe.
void hold_proc() noexcept;
/// A copy of a process that has closed all descriptors forgets it, or opens it again, with no number below `least_fd`.
void forget_proc() noexcept;
void hold_proc_anew(int least_fd) noexcept;

/// A file of it, such as "self/stat", for reading; -1 with errno. Closed on exec.
int open_in_proc(const char* name) noexcept;
/// /proc itself, to be closed by the caller, as an open file of its own; -1 where it is not to be had.
int open_proc() noexcept;

/// Notes by which path this program can be started. Call it before the working directory changes.
void note_own_program() noexcept;
/// A path of this program: the kernel's link to it, or the one by which it was started where there is no /proc.
const char* own_program() noexcept;

}  // namespace steward::process
