#pragma once

#include <cstddef>
#include <cstdint>

// What the fuzzers call, and what replays their corpus. Each takes any bytes and ends the program when it finds a
// fault.
namespace steward::test {

/// Bytes of a channel, cut in pieces in a way that the first byte decides; the frames go on to the decoders of the
/// pool.
void fuzz_frames(const std::uint8_t* data, std::size_t size);

/// A flight page as a dead worker may have left it; what is missing is zero.
void fuzz_flight_page(const std::uint8_t* data, std::size_t size);

/// Bytes of an actor link, cut in pieces in a way that the first byte decides; the messages go through the codec of the
/// gate and back.
void fuzz_link(const std::uint8_t* data, std::size_t size);

}  // namespace steward::test
