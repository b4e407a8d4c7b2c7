#pragma once

#include <csignal>

// Threads that run a user's code may start programs, which inherit what the thread holds back. Internal.
namespace steward::process {

/// What the calling thread holds back.
sigset_t held_back_here() noexcept;

/// The calling thread holds back no more than this, and of this nothing that the program handles, for a handler may run
/// anywhere. What the program holds back to take it in another way (sigwait) stays so.
void hold_back_only(sigset_t mask) noexcept;

}  // namespace steward::process
