#pragma once

// Makes threads pass a memory barrier that others want, so that they need none of their own: see
// steward/detail/item_protocol.hpp. Any thread; nothing blocks for longer than a system call.
namespace steward::pooling {

/// Whether threads of this program can be made to pass one. Where they cannot they are to be fenced.
bool can_fence_threads() noexcept;
/// All threads of this program have passed one when this returns. False where they cannot be made to.
bool fence_threads() noexcept;

/// Lets other programs make this process pass one. False where they cannot.
bool allow_fences() noexcept;
/// The same for all processes that allow it.
bool fence_processes() noexcept;

}  // namespace steward::pooling
