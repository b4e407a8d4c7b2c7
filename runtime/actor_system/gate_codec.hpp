#pragma once

#include "process/link_frames.hpp"
#include "steward/port.hpp"

#include <caf/actor_proxy.hpp>
#include <caf/node_id.hpp>
#include <caf/type_erased_tuple.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace steward::port {

/// Gives a system a name of its own, at random, by which handles of its actors are told from others: CAF does so with
/// its network module only. Call it before the first actor is made.
void name_node(caf::actor_system& system);

/// What a node is on the wire.
using node_bytes = std::array<char, process::link_node_bytes>;
node_bytes to_bytes(const caf::node_id& node);
caf::node_id to_node(std::span<const std::byte> bytes);

/// What a message is for: answers may be errors, and what is no answer must not be, for an actor ends by them.
enum class message_use : std::uint8_t { request, answer };

/// Turns messages into bytes and back, for a peer that is not trusted.
///
/// Wire format: {u8 count, count times {u8 length, name of a type}, values as CAF's binary serializer writes them}.
/// Thread-safe.
class gate_codec {
public:
  explicit gate_codec(caf::actor_system& system);

  /// Appends a message. `shown` are the numbers of the actors of this system that handles in it show, each once; they
  /// are in CAF's registry. An error tells why it cannot cross.
  caf::error encode(const caf::type_erased_tuple& content, message_use use, std::vector<char>& out,
                    std::vector<caf::actor_id>& shown) const;

  /// Who decides on the handles of a message that is read.
  class handles {
  public:
    virtual ~handles() = default;
    /// Whether the peer may show this actor of ours.
    virtual bool given(caf::actor_id ours) = 0;
    /// The actor of the peer's that a handle shows; null when there is no room for more. Called once for each.
    virtual caf::strong_actor_ptr theirs(caf::actor_id theirs) = 0;
  };
  /// Reads a message. Says what is wrong with it, if something is.
  std::optional<std::string> decode(std::span<const std::byte> bytes, message_use use, const caf::node_id& peer,
                                    handles& by, caf::message& out) const;

  /// Lets every handle of `ours` in an encoded message show the peer's own actor that it stands for.
  void give_back(std::vector<char>& bytes, caf::actor_id ours, caf::actor_id theirs, const node_bytes& peer) const;

  /// The same the other way round: every handle of the peer's actor `theirs` shows `ours`. False, and nothing is
  /// changed or copied, when there is none; else `renamed` has the bytes.
  bool take_home(std::span<const std::byte> bytes, caf::actor_id theirs, const node_bytes& peer, caf::actor_id ours,
                 std::vector<char>& renamed) const;

  const node_bytes& own_node() const noexcept { return own_; }

private:
  /// `plain` becomes true when no value can hold a handle.
  caf::error append_names(const caf::type_erased_tuple& content, message_use use, std::vector<char>& out,
                          bool& plain) const;
  void find_handles(const std::vector<char>& bytes, std::size_t at, std::vector<caf::actor_id>& out) const;
  bool shows_only_given(std::span<const std::byte> bytes, handles& by) const;

  caf::actor_system& system_;
  node_bytes own_;
};

}  // namespace steward::port
