#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "pool/wire.hpp"
#include "process/channel.hpp"
#include "steward/codec.hpp"
#include "tests/fuzz/targets.hpp"

namespace steward::test {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz_frames: %s\n", what);
  std::abort();
}

// What became of a stream, for comparing one way of cutting it with another.
struct reading {
  std::vector<std::uint64_t> frames;  // of each its id, kind, flags, size and sum of bytes, folded
  bool broken = false;
  bool partial = false;
  bool operator==(const reading&) const = default;
};

std::uint64_t fold(const process::frame& one) {
  std::uint64_t sum = one.id * 31 + static_cast<std::uint64_t>(one.kind) * 7 + one.flags;
  for (std::byte byte : one.payload) sum = sum * 131 + std::to_integer<std::uint64_t>(byte);
  return sum * 131 + one.payload.size();
}

void decode(const process::frame& one) {
  try {
    switch (one.kind) {
      case process::frame_kind::task: {
        auto [header, arguments] = pooling::decode_task(one.payload);
        require(arguments.size() + header.name.size() <= one.payload.size(), "more arguments than bytes");
        pooling::holds_items(arguments, header.attempt % 16, header.count);
        pooling::holds_items(arguments, 0, header.count);
        break;
      }
      case process::frame_kind::result: {
        auto part = pooling::decode_result(one.payload);
        require(part.results.size() <= one.payload.size(), "more results than bytes");
        pooling::holds_items(part.results, part.item % 16, part.count);
        break;
      }
      case process::frame_kind::failure: {
        auto failed = pooling::decode_failure(one.payload);
        require(failed.why.message.size() <= one.payload.size(), "a longer message than there are bytes");
        break;
      }
      default:
        break;
    }
  } catch (const decode_error&) {
    // What cannot be decoded is the worker's fault and is told so.
  }
}

template <class NextCut>
reading read(std::span<const std::byte> bytes, NextCut next_cut) {
  process::frame_reader reader;
  reading all;
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::size_t count = std::min<std::size_t>(next_cut(), bytes.size() - at);
    auto how = reader.feed(bytes.subspan(at, count));
    at += count;
    while (auto one = reader.next()) {
      all.frames.push_back(fold(*one));
      decode(*one);
    }
    require((how == process::read_status::protocol_error) <= reader.broken(), "an error that is forgotten");
    require(reader.reserved_bytes() <= 4 * bytes.size() + 64 * 1024, "memory that follows an announced length");
    if (reader.broken()) break;
  }
  all.broken = reader.broken();
  require(all.broken == !reader.problem().empty(), "a fault without a text, or the other way round");
  require(!reader.next().has_value(), "a frame after the last");
  all.partial = !all.broken && reader.has_partial();
  return all;
}

}  // namespace

void fuzz_frames(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  auto bytes = std::as_bytes(std::span{data, size}).subspan(1);
  std::uint32_t state = data[0] + 1U;
  auto pieces = [&state] {
    state = state * 1664525 + 1013904223;
    return 1 + (state >> 16) % 40;
  };
  auto whole = read(bytes, [&] { return bytes.size(); });
  auto cut = read(bytes, pieces);
  // All that came before a fault is yielded however it came, unless the pieces held it back: then there is less.
  require(whole == cut, "the cuts make a difference");
}

}  // namespace steward::test
