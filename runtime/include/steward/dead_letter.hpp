#pragma once

#include "steward/port.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace steward {

/// Why nobody handles a message that was told to a supervised actor.
enum class dead_letter_reason : std::uint8_t {
  mailbox_full,  ///< its mailbox was full and refused it
  dropped,       ///< its mailbox was full and dropped it, to make room or since it came last
  ended,         ///< its actor has ended, or is about to
  gave_up,       ///< its actor has crashed for good; one that is parked keeps its messages until then
  crashed,       ///< its handler threw, and it is not handled again
  quarantined,   ///< its handler threw as often as it may be handled
  unhandled,     ///< its actor has no handler for it
};

const char* to_string(dead_letter_reason x) noexcept;

/// A message that nobody handles. Only tells become dead letters: a request is answered with an error.
struct dead_letter {
  std::string to;        ///< path of the actor
  std::string from;      ///< path of the sender, if that is a supervised actor
  caf::actor sender;     ///< null for what was sent from outside of actors
  caf::message message;  ///< as its handler left it; empty for one that came in the very moment of its actor's end
  dead_letter_reason why = dead_letter_reason::ended;
  std::uint64_t skipped = 0;  ///< letters before this one that the listener was too slow for, since the last it got
};

struct dead_letter_options {
  std::size_t queue = 1'000;  ///< letters that may wait for the listener; further ones are skipped, and counted
};

namespace detail {
class letter_listener;
}

/// Lets a listener hear of dead letters as long as it lives; see `runtime::on_dead_letter`. Movable. Belongs to one
/// thread at a time, and may outlive the runtime.
class dead_letter_subscription {
public:
  dead_letter_subscription() = default;
  explicit dead_letter_subscription(std::shared_ptr<detail::letter_listener> of) : listener_(std::move(of)) {}
  ~dead_letter_subscription() { cancel(); }
  dead_letter_subscription(dead_letter_subscription&&) noexcept = default;
  dead_letter_subscription& operator=(dead_letter_subscription&& other) noexcept {
    cancel();
    listener_ = std::move(other.listener_);
    return *this;
  }

  /// From now on the listener is not called; waits for a call that is under way, unless that is the caller. Idempotent.
  void cancel() noexcept;
  /// Letters that the listener did not get since it was too slow, or is over.
  [[nodiscard]] std::uint64_t skipped() const noexcept;

private:
  std::shared_ptr<detail::letter_listener> listener_;
};

}  // namespace steward

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::dead_letter)
