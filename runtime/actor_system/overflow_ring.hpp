#pragma once

#include "actor_system/message_tally.hpp"

#include <caf/mailbox_element.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

namespace steward::port {

/// Where messages go while a mailbox that drops its oldest is full. Memory stays bounded while a handler hangs.
///
/// The sender that finds the mailbox full puts a marker into it. From then on all messages go into the ring, behind the
/// marker so to speak, and each costs the oldest one: that of the ring when it has more than the limit, else one of
/// those before the marker, which is *doomed*: the actor drops as many as it comes to them. When the actor comes to the
/// marker it appends the ring to what it has, and the mailbox is as it was before.
///
/// Senders on any thread `put`; all else is for the actor's own thread.
class overflow_ring {
public:
  enum class outcome : std::uint8_t {
    room,    ///< not taken: the mailbox is not full, or does not drop its oldest any more
    taken,   ///< for what fell out of the ring, if anything did
    closed,  ///< not taken: the actor is over
  };

  /// For a message that was accepted when there were `before` others. Takes it, and leaves in its place what fell out;
  /// or leaves it alone. `push_marker` is called at most once, and returns false when the actor is over.
  template <class PushMarker>
  outcome put(caf::mailbox_element_ptr& x, std::uint64_t before, message_tally& tally, PushMarker push_marker);

  /// Whether some message before the marker is to be dropped.
  bool dooms() const noexcept { return doomed_.load(std::memory_order_relaxed) != 0; }
  /// Whether the message in hand, which stands before the marker, is one of them; then it counts as dropped.
  bool take_doomed();
  /// Nothing of what is left before the marker is to be dropped any more.
  void spare();

  /// The actor has come to the marker, but holds its mailbox: the ring goes on until `release`.
  void park();
  bool is_parked() const noexcept { return parked_; }
  /// Gives what it has to `append`, in order; from then on messages go into the mailbox again. `count_older` is called
  /// first, while no sender can put anything, and returns how many messages the mailbox still has.
  template <class CountOlder, class Append>
  void release(message_tally& tally, CountOlder count_older, Append append);
  /// The actor is over: returns what it has, and takes nothing more.
  std::deque<caf::mailbox_element_ptr> close();

private:
  /// Takes the message in; what falls out comes in its place.
  void exchange(caf::mailbox_element_ptr& x, const message_tally& tally);

  std::mutex mutex_;
  std::deque<caf::mailbox_element_ptr> content_;
  bool engaged_ = false;  // a marker is under way, or parked
  bool parked_ = false;   // written by the actor's thread alone
  bool closed_ = false;
  std::atomic<std::uint64_t> doomed_{0};  // written under the mutex
};

template <class PushMarker>
overflow_ring::outcome overflow_ring::put(caf::mailbox_element_ptr& x, std::uint64_t before, message_tally& tally,
                                          PushMarker push_marker) {
  std::lock_guard guard{mutex_};
  if (closed_) return outcome::closed;
  if (!engaged_) {
    if (tally.looks_for_room(before, doomed_.load(std::memory_order_relaxed))) return outcome::room;
    if (tally.overflow() != overflow_policy::drop_oldest) return outcome::room;
    // The marker stands behind all that was sent before; what is sent later goes to the ring until it is consumed.
    engaged_ = push_marker();
    if (!engaged_) return outcome::closed;
    tally.forget_mark();
  }
  exchange(x, tally);
  return outcome::taken;
}

template <class CountOlder, class Append>
void overflow_ring::release(message_tally& tally, CountOlder count_older, Append append) {
  std::lock_guard guard{mutex_};
  const std::uint64_t older = count_older();
  if (doomed_.load(std::memory_order_relaxed) > older) doomed_.store(older, std::memory_order_relaxed);
  for (auto& x : content_) append(std::move(x));
  content_.clear();
  engaged_ = false;
  parked_ = false;
  tally.renew_mark(doomed_.load(std::memory_order_relaxed));
}

}  // namespace steward::port
