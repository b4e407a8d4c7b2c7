#pragma once

// Whether this process is a copy that a task or an actor has made by fork, and let return to where no copy belongs.
namespace steward::process {

/// From now on copies of this process know that they are. Costs nothing until one is made.
void know_copies() noexcept;
/// Not for copies that are made without libc's fork.
bool is_copy() noexcept;
/// Ends a copy at once and quietly: what it was about to do is its parent's to do.
void leave_if_copy() noexcept;

}  // namespace steward::process
