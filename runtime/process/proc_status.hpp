#pragma once

#include <cstdint>
#include <optional>

// What /proc tells of a process of ours that has not been reaped. Any thread.
namespace steward::process {

/// Memory that it has in hand; 0 when it is gone or nobody may know.
std::uint64_t resident_bytes(int pid);
struct process_usage {
  std::uint64_t cpu_ms = 0;   ///< of all its threads, in steps of the kernel's clock
  std::uint64_t started = 0;  ///< tells it from another one with the same pid
  std::uint64_t rss_kib = 0;
  std::uint64_t threads = 0;
};
/// Nothing when it is gone or nobody may know.
std::optional<process_usage> usage_of(int pid);
/// Descriptors that this program has open; nothing where /proc is not there.
std::optional<std::uint64_t> open_descriptors();
/// The kernel has begun to end it, or has done so.
bool is_ending(int pid);

}  // namespace steward::process
