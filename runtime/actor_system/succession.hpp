#pragma once

#include <caf/abstract_actor.hpp>
#include <caf/actor.hpp>
#include <caf/error.hpp>

#include <atomic>
#include <cstdint>

namespace steward::port {

/// Who gets what is sent to an actor from now on: the actor itself, its heir, or nobody.
///
/// An actor that drains or has ended refuses what is sent, with an error that is the same from then on. Where an heir
/// is named at the end, senders wait while the actor hands over what it has, so that this comes first. An heir that is
/// there, or a refusal, stays for good.
class succession {
public:
  // Thread-safe:
  /// Whether the actor itself gets it, as it is but at the end.
  bool is_own() const noexcept { return to_.load(acquire) == successor::none; }
  /// Whether nobody gets it.
  bool is_refused() const noexcept { return to_.load(acquire) == successor::undecided && has_refused(); }
  /// Whether anything may have been refused; `refusal` is final then.
  bool has_refused() const noexcept { return refuses_.load(acquire); }
  const caf::error& refusal() const noexcept { return refusal_; }
  /// For what is neither the actor's own nor refused. Waits while the actor hands over, but for what it sends itself.
  caf::abstract_actor& heir_for(bool sent_by_itself) const;
  /// For an actor that hangs: from now on `x` gets what is sent. False when there is an heir already.
  bool bequeath(const caf::actor& x);

  // For the actor's own thread:
  bool has_heir() const noexcept { return heir_ != nullptr; }
  caf::abstract_actor& heir() const noexcept { return *heir_->get(); }
  /// Names the heir, if there is none yet. Senders wait until `settle`.
  void name_heir(const caf::actor& x);
  /// What a refusal is to say; what has been said stays.
  void set_refusal(caf::error x);
  void refuse();
  /// All that waited was handed over: the heir, if there is one, gets the rest.
  void settle();

private:
  enum class successor : std::uint8_t {
    none,
    undecided,  // nobody if `refuses_`, else the heir, in a moment
    heir,
  };
  static constexpr auto acquire = std::memory_order_acquire;
  static constexpr auto release = std::memory_order_release;

  std::atomic<successor> to_{successor::none};  // senders look at it for each message
  std::atomic<bool> refuses_{false};
  caf::strong_actor_ptr heir_;  // stays until the end: senders may be using it
  caf::error refusal_;
};

}  // namespace steward::port
