#pragma once

#include <atomic>
#include <cstdint>

// Whether this process is a copy that a task or an actor has made by fork, and let return to where no copy belongs.
namespace steward::process {

/// With which a copy ends.
inline constexpr int exit_of_a_copy = 76;

/// This process is an original: what is copied of it from now on is a copy, however that is done. Any thread.
void know_copies() noexcept;
/// Not 0 in an original, 0 in a copy of one; null where there is no memory for it. For loops that look often.
std::atomic<std::uint32_t>* original_mark() noexcept;
/// False where nobody has called `know_copies`.
bool is_copy() noexcept;
/// Ends a copy at once and quietly: what it was about to do is its parent's to do.
void leave_if_copy() noexcept;

}  // namespace steward::process
