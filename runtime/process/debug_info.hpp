#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

// Reads this program's own debug information, by libbacktrace where the compiler brought it along. Internal to
// process/.
namespace steward::process {

struct source_frame {
  std::string text;  ///< "square_of at square.cpp:41", or "square_of+0x1c" where there are only symbols
};

/// For each address within this program's code what is known of it, innermost inlined function first; nothing where
/// nothing is known. Waits until it is read. Thread-safe.
std::vector<std::vector<source_frame>> look_up(const std::vector<std::uint64_t>& addresses);

/// Has them read in the background. True when all are known already; else `then` is called once they are.
bool prepare(std::vector<std::uint64_t> addresses, std::function<void()> then);

/// A symbol's name for people: demangled, without parameters and anonymous namespaces, cut to its limit.
std::string short_function_name(const char* symbol);

}  // namespace steward::process
