#pragma once

#include <cstdint>

// What /proc tells of a process of ours that has not been reaped. Any thread.
namespace steward::process {

/// Memory that it has in hand; 0 when it is gone or nobody may know.
std::uint64_t resident_bytes(int pid);
/// The kernel has begun to end it, or has done so.
bool is_ending(int pid);

}  // namespace steward::process
