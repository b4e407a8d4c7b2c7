#pragma once

// Knows CAF's version, as steward/port.hpp does: how actors get to their scheduler.

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/execution_unit.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message_id.hpp>
#include <caf/resumable.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace steward::port {

/// Wakes actors together: many that get a message at about the same time are handed to the scheduler as one job.
///
/// To hand over a single one costs a lock and often a system call, which is more than it takes to start an actor. The
/// job is a list that as many workers as there are take from, one actor after the other, so that one that is slow holds
/// up nobody but its worker, as ever; a scheduler with one worker gets them singly. What is handed over together is
/// begun in the order in which it was woken. Whoever owns the batch calls `hand_over` before it waits for anything. Not
/// thread-safe; the system outlives it.
class wake_batch final : public caf::execution_unit {
public:
  /// Handed over by themselves when there are this many: so the workers begin while the others are still being told.
  static constexpr std::size_t most = 16;

  explicit wake_batch(caf::actor_system& system) : caf::execution_unit(&system) {}
  ~wake_batch() override { hand_over(); }
  wake_batch(const wake_batch&) = delete;
  wake_batch& operator=(const wake_batch&) = delete;

  /// Sends a message that overtakes what is queued; the actor wakes with the batch.
  template <class T>
  void send_urgently(const caf::actor& to, T x) {
    to->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(caf::message_priority::high), {}, std::move(x)),
                this);
  }

  /// For CAF: an actor is ready to run.
  void exec_later(caf::resumable* job) override;
  /// Idempotent.
  void hand_over();

private:
  std::vector<caf::resumable*> jobs_;  // with the reference that the scheduler is to own
};

}  // namespace steward::port
