#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace steward {

/// What the crash of this number is called, such as "c-0007".
inline std::string crash_id(std::uint64_t number) { return fmt::format("c-{:04}", number); }

}  // namespace steward
