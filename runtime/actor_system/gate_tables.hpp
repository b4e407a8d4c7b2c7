#pragma once

#include "steward/port.hpp"

#include <caf/actor_control_block.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace steward::port {

class gate_proxy;

/// Keeps actors in the registry of their system, in which CAF looks up what a handle from the peer shows, as long as a
/// gate has shown them: the registry holds them, and a system does not end before they do. Thread-safe.
class gate_pins {
public:
  explicit gate_pins(caf::actor_system& system) : system_(system) {}
  void pin(caf::actor_id number, const caf::strong_actor_ptr& who);
  void unpin(caf::actor_id number);

private:
  caf::actor_system& system_;
  std::mutex mutex_;
  std::unordered_map<caf::actor_id, std::size_t> gates_;
};

/// Who may be reached through a gate, and who is known beyond it. Thread-safe; no actor is released and none is called
/// while it is locked.
class gate_tables {
public:
  /// Handles in either direction that one gate keeps.
  static constexpr std::size_t max_handles = std::size_t{128} * 1024;

  // -- actors of this side: what the peer was given --

  /// Notes that the peer is shown this actor once more. It may be gone already: then the peer may still name it.
  void give(caf::actor_id number, caf::strong_actor_ptr who);
  /// True the first time, until it is forgotten: then it is to be pinned.
  bool pin(caf::actor_id number);
  /// How many the peer holds.
  std::size_t gave() const noexcept { return gave_.load(); }
  bool given(caf::actor_id number) const;
  /// The actor that the peer may reach by this number, null when it is gone; nothing when it was never given.
  std::optional<caf::strong_actor_ptr> find(caf::actor_id number) const;
  enum class taking : std::uint8_t { impossible, done, forgotten };
  /// The peer does not hold it any more, as far as it has come `times` times; it never came more often. An actor that
  /// is over is forgotten.
  taking take_back(caf::actor_id number, std::uint64_t times);
  /// The same as `find`, the first time; null when it is watched already.
  std::optional<caf::strong_actor_ptr> find_unwatched(caf::actor_id number);

  // -- actors of the peer's --

  /// Notes that the peer has shown an actor of its own, and finds who stands for it. Null when there is nobody (any
  /// more): then `add` makes it.
  caf::strong_actor_ptr meet(caf::actor_id number);
  /// False when there are too many.
  bool add(caf::actor_id number, const caf::strong_actor_ptr& proxy, const gate_proxy* raw);
  /// Somebody waits for the end of what this stands for, so it stays until then.
  void keep(caf::actor_id number, const caf::strong_actor_ptr& proxy);
  void let_go(caf::actor_id number);
  /// Who stands for an actor of the peer's, without that it was shown.
  caf::strong_actor_ptr known(caf::actor_id number) const;
  /// The proxy is going. How often the actor came, if nobody else stands for it; else 0.
  std::uint64_t forget(caf::actor_id number, const gate_proxy* raw);

  // -- requests of this side that wait for the peer's answer --

  struct asker {
    caf::weak_actor_ptr who;
    caf::message_id id;
    std::uint64_t number = 0;  ///< by which the peer answers
  };
  std::uint64_t note_request(const caf::strong_actor_ptr& who, caf::message_id id);
  std::optional<asker> take_request(std::uint64_t number);

  /// All of it, once; nothing is taken in from then on.
  struct rest {
    std::vector<std::pair<caf::actor_id, caf::strong_actor_ptr>> watched;
    std::vector<caf::strong_actor_ptr> given;
    std::vector<caf::actor_id> pinned;
    std::vector<caf::strong_actor_ptr> proxies;
    std::vector<asker> askers;
  };
  rest close();

private:
  struct given_actor {
    caf::strong_actor_ptr who;
    std::uint64_t times = 0;
    bool watched = false;
  };
  struct met_actor {
    caf::weak_actor_ptr proxy;
    caf::strong_actor_ptr kept{};
    const gate_proxy* raw = nullptr;
    std::uint64_t times = 0;
  };

  mutable std::mutex mutex_;
  std::atomic<std::size_t> gave_{0};
  bool closed_ = false;
  std::unordered_map<caf::actor_id, given_actor> given_;
  std::unordered_set<caf::actor_id> pinned_;
  std::unordered_map<caf::actor_id, met_actor> met_;
  std::unordered_map<std::uint64_t, asker> requests_;
  std::uint64_t last_request_ = 0;
};

}  // namespace steward::port
