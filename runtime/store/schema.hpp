#pragma once

#include "store/database.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace steward::store {

/// The version of what this program writes, as `PRAGMA user_version` has it.
inline constexpr std::int64_t schema_version = 4;

/// Events have one number in the whole file: that of their run, and in the lower bits their own.
inline constexpr unsigned seq_bits = 44;
inline constexpr std::uint64_t max_seq = (std::uint64_t{1} << seq_bits) - 1;

constexpr std::int64_t row_of(std::uint64_t run, std::uint64_t seq) noexcept {
  return static_cast<std::int64_t>((run << seq_bits) | (seq < max_seq ? seq : max_seq));
}
constexpr std::uint64_t seq_of_row(std::int64_t row) noexcept { return static_cast<std::uint64_t>(row) & max_seq; }

/// Times in the file are microseconds since 1970, in UTC.
inline std::int64_t micros_of(std::chrono::system_clock::time_point at) {
  return std::chrono::floor<std::chrono::microseconds>(at.time_since_epoch()).count();
}
inline std::chrono::system_clock::time_point time_of(std::int64_t micros) {
  return std::chrono::system_clock::time_point{std::chrono::microseconds{micros}};
}

/// Makes a new file one of this version, and leads an older one up to it, step by step; nothing is changed where that
/// fails. Throws std::runtime_error for a newer one, and for a database of somebody else.
void bring_up_to_date(database& in, std::int64_t to = schema_version);

/// The version of a file that is only read, which may be an older one. Throws as `bring_up_to_date` does, and for a
/// file that nothing was written to. Writes nothing.
std::int64_t readable_version(database& in);

}  // namespace steward::store
