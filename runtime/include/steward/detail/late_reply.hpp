#pragma once

#include "steward/port.hpp"

#include <functional>
#include <memory>

namespace steward::port {

/// What a `late_reply` brings.
struct reply_box {
  std::shared_ptr<void> content;
};

/// An answer that an actor waits for and that no actor gives: that of a pool, or of its tree. Like any answer it passes
/// the mailbox's bound, and never reaches another incarnation than the one that waits for it.
///
/// For handlers, constructors and `make_behavior` of `self`.
class late_reply {
public:
  /// Where it is to be sent, once, from any thread.
  struct address {
    caf::strong_actor_ptr to;
    caf::message_id number;
    void deliver(std::shared_ptr<void> content) const;
  };

  explicit late_reply(caf::event_based_actor* self);
  address where() const;
  /// Calls `f` with the content, on the actor. Without a call of this before the handler returns, nobody gets it.
  void handle(std::function<void(void*)> f) const;

private:
  caf::event_based_actor* self_;
  caf::message_id number_;
};

}  // namespace steward::port

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::port::reply_box)
