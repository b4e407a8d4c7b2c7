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

namespace detail {
/// What tells an original at a glance, by not being 0; where it is, `is_copy` knows better.
extern std::atomic<const std::atomic<std::uint32_t>*> sign_of_original;
void leave_if_copy_indeed() noexcept;
}  // namespace detail

/// Ends a copy at once and quietly: what it was about to do is its parent's to do. Two loads in an original.
inline void leave_if_copy() noexcept {
  if (detail::sign_of_original.load(std::memory_order_relaxed)->load(std::memory_order_relaxed) == 0)
    detail::leave_if_copy_indeed();
}

}  // namespace steward::process
