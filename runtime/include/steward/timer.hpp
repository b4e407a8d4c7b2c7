#pragma once

#include "steward/port.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace steward {

namespace port {

/// A message that is to come later.
struct timer_order {
  caf::actor to;
  caf::message content;
  std::chrono::milliseconds delay{0};
  std::optional<std::chrono::milliseconds> period = {};  ///< without one: once
  std::string name = {};                                 ///< empty: it replaces none
};

/// The actor's number and the timer's. The second is 0 for what cannot be cancelled.
struct timer_key {
  std::uint64_t actor = 0;
  std::uint64_t number = 0;
};
timer_key start_timer(caf::event_based_actor* self, timer_order order);
bool cancel_timer(timer_key key);
bool waits(timer_key key);

}  // namespace port

/// Names a message that an actor has set to come later. A value: copy it, keep it in the state, or ignore it.
///
/// A timer belongs to the incarnation that has set it. It goes off when the actor comes to it, behind what waits in the
/// mailbox at that time, and from its end on nothing of it reaches anybody: not when its incarnation has ended, however
/// late the actor is, nor after `cancel`. What is told after 1 s, to oneself or to others, dies with a crash at 0.5 s;
/// who wants it to arrive all the same sends it by `caf::delayed_anon_send`. The message in hand when the timer's
/// handler throws is lost, as any: it is not handled again, also where `redeliver` is set.
///
/// Its functions are for handlers, constructor and `make_behavior` of the actor that has set it; elsewhere they do
/// nothing and return false.
class timer {
public:
  timer() = default;
  explicit timer(port::timer_key key) : key_(key) {}

  /// True when the message was still to come; now it will not.
  bool cancel() { return port::cancel_timer(key_); }
  /// Whether its message, or the next one, is still to come.
  [[nodiscard]] bool waits() const { return port::waits(key_); }

private:
  port::timer_key key_;
};

/// Sends `message` to `dst` after `delay`, in milliseconds. No delay, or a negative one: as soon as what waits in the
/// mailbox is handled. In an actor that is not supervised it cannot be cancelled, and outlives the actor.
template <class... Ts>
timer tell_after(self_ptr self, std::chrono::milliseconds delay, const caf::actor& dst, Ts&&... message) {
  return timer{port::start_timer(self, {dst, caf::make_message(std::forward<Ts>(message)...), delay})};
}

/// The same under a name: the incarnation's timer of that name that is still to come, also one of `every`, is
/// cancelled. For supervised actors only: others get a std::logic_error.
///
///     tell_after(self_, "idle", 5s, handle_of(self_), idle_atom::value);  // begins anew with each call
template <class... Ts>
timer tell_after(self_ptr self, std::string name, std::chrono::milliseconds delay, const caf::actor& dst,
                 Ts&&... message) {
  return timer{port::start_timer(
      self, {dst, caf::make_message(std::forward<Ts>(message)...), delay, std::nullopt, std::move(name)})};
}

/// Sends `message` to the actor itself once in each `period`, for the first time after one period. An actor that is
/// late gets one message for all the periods that it has missed. Throws std::invalid_argument for a period below 1 ms,
/// and std::logic_error in an actor that is not supervised.
template <class... Ts>
timer every(self_ptr self, std::chrono::milliseconds period, Ts&&... message) {
  return timer{port::start_timer(
      self, {caf::actor_cast<caf::actor>(self), caf::make_message(std::forward<Ts>(message)...), period, period})};
}
/// The same under a name; see `tell_after`.
template <class... Ts>
timer every(self_ptr self, std::string name, std::chrono::milliseconds period, Ts&&... message) {
  return timer{
      port::start_timer(self, {caf::actor_cast<caf::actor>(self), caf::make_message(std::forward<Ts>(message)...),
                               period, period, std::move(name)})};
}

}  // namespace steward
