#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

// How raw return addresses of a worker get names in the parent. Internal to process/.
namespace steward::process {

/// Longest name of a function; what is longer is cut.
inline constexpr std::size_t max_function_name_bytes = 256;

/// An address that tells where this program lies in memory. A worker leaves its own in the flight page.
std::uint64_t program_anchor() noexcept;

/// A text for each frame, innermost first: "square_of at square.cpp:41 (steward+0x41f2c)", with more than one text for
/// an address whose function was inlined; "square_of+0x1c (steward+0x41f2c)" where there is no debug information; else
/// as much as is known. The numbers are what addr2line takes. `anchor` is the worker's: workers that were started again
/// lie elsewhere in memory, so only addresses within the program are named then. The addresses may be anything.
/// Waits until the program's debug information has been read, which costs about 1 ms in a release and up to 0.1 s in a
/// debug build of 50 MB, once, and more on a busy machine; a known address costs nothing. Thread-safe.
std::vector<std::string> frame_names(std::span<const std::uint64_t> addresses, std::uint64_t anchor);

/// For those who must not wait: true when all is known already; else it is read, and then `then` is called, once, on a
/// thread that must not be held up.
bool find_frame_names(std::span<const std::uint64_t> addresses, std::uint64_t anchor, std::function<void()> then);

}  // namespace steward::process
