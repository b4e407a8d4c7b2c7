#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "actor_system/gate_codec.hpp"
#include "process/link_frames.hpp"
#include "steward/messages.hpp"
#include "tests/fuzz/targets.hpp"

namespace steward::test {
namespace {

using process::link_kind;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz_link: %s\n", what);
  std::abort();
}

/// One actor system for all runs; it starts no actor for them.
caf::actor_system& system() {
  static auto* made = [] {
    auto* config = new caf::actor_system_config;
    port::configure(*config, port::scheduling::sharing, 1);
    port::announce_block<caf::id_block::steward>(*config);
    auto* out = new caf::actor_system{*config};
    port::name_node(*out);
    return out;
  }();
  return *made;
}

/// A peer that was given every actor whose number is even, and may show as many as it likes.
class even_ones final : public port::gate_codec::handles {
public:
  bool given(caf::actor_id ours) override { return ours % 2 == 0; }
  caf::strong_actor_ptr theirs(caf::actor_id) override {
    ++shown;
    return stand_in_;
  }
  std::size_t shown = 0;

private:
  // Any actor will do, for nothing is sent.
  caf::scoped_actor self_{system()};
  caf::strong_actor_ptr stand_in_ = caf::actor_cast<caf::strong_actor_ptr>(self_);
};

constexpr char peer_byte = 'n';

std::uint64_t decode(const process::link_frame& one) {
  static const port::gate_codec codec{system()};
  static const caf::node_id peer =
      port::to_node(std::vector<std::byte>(process::link_node_bytes, std::byte{peer_byte}));
  static even_ones by;
  const bool request = one.kind == link_kind::tell || one.kind == link_kind::ask;
  const auto use = request ? port::message_use::request : port::message_use::answer;
  caf::message content;
  by.shown = 0;
  if (codec.decode(one.content, use, peer, by, content)) return 1;
  require(!request || !content.match_elements<caf::exit_msg>(), "an end that is no end of a link");
  require(!request || !content.match_elements<caf::error>(), "an error that nobody asked for");
  require(by.shown <= one.content.size(), "more handles than bytes");
  // What could be read can be written and read again.
  std::vector<char> again;
  std::vector<caf::actor_id> shown;
  if (codec.encode(content.content(), use, again, shown)) return 2;
  caf::message same;
  const auto problem = codec.decode(std::as_bytes(std::span{again}), use, peer, by, same);
  require(!problem || !shown.empty() || by.shown > 0, "what was written cannot be read");
  require(problem || same.size() == content.size(), "a value is lost on the way");
  return 3;
}

struct reading {
  std::vector<std::uint64_t> frames;
  std::string problem;
  bool operator==(const reading&) const = default;
};

template <class NextCut>
reading read(std::span<const std::byte> bytes, NextCut next_cut) {
  process::link_reader reader;
  reading all;
  for (std::size_t at = 0; at < bytes.size() && reader.problem().empty();) {
    const auto room = reader.room();
    const auto count = std::min({static_cast<std::size_t>(next_cut()), bytes.size() - at, room.size()});
    std::memcpy(room.data(), bytes.data() + at, count);
    reader.took(count);
    at += count;
    while (const auto one = reader.next()) {
      std::uint64_t sum = one->target * 31 + one->sender * 7 + one->number * 3 + static_cast<std::uint64_t>(one->kind);
      for (const std::byte byte : one->content) sum = sum * 131 + std::to_integer<std::uint64_t>(byte);
      if (!one->content.empty() && one->kind != link_kind::hello) sum = sum * 131 + decode(*one);
      all.frames.push_back(sum);
    }
    require(reader.reserved_bytes() <= 4 * bytes.size() + (std::size_t{17} << 20),
            "memory that follows an announced length");
  }
  require(!reader.next(), "a frame after the last");
  all.problem = reader.problem();
  return all;
}

}  // namespace

void fuzz_link(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  const auto bytes = std::as_bytes(std::span{data, size}).subspan(1);
  std::uint32_t state = data[0] + 1U;
  const auto whole = read(bytes, [&] { return bytes.size(); });
  const auto cut = read(bytes, [&state] {
    state = state * 1664525 + 1013904223;
    return 1 + (state >> 16) % 40;
  });
  require(whole == cut, "the cuts make a difference");
}

}  // namespace steward::test
