#pragma once

#include <cstdint>
#include <string>

// How a raw return address of a worker gets a name in the parent. Internal to process/.
namespace steward::process {

/// An address that tells where this program lies in memory. A worker leaves its own in the flight page.
std::uint64_t program_anchor() noexcept;

/// "square_of+0x1c (steward+0x41f2c)", or as much of it as is known; the numbers are what addr2line takes. `anchor` is
/// the worker's: workers that were started again lie elsewhere in memory, so only addresses within the program are
/// named then.
std::string frame_name(std::uint64_t address, std::uint64_t anchor);

}  // namespace steward::process
