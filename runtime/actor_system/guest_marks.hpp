#pragma once

#include "actor_system/gate_party.hpp"
#include "process/work_page.hpp"
#include "steward/dead_letter.hpp"

#include <functional>
#include <utility>

namespace steward::port {

/// What an actor whose mailbox is in another process says of the messages that it gets from there. For its own thread.
class guest_marks {
public:
  /// So many that were finished are told without waiting until the actor has nothing more to do.
  static constexpr std::uint32_t told_at_once = 128;

  /// `tell` lets the parent know that there is news.
  guest_marks(process::work_page& page, std::function<void()> tell) : marks_(page), tell_(std::move(tell)) {}

  void begin(const caf::mailbox_element& x) {
    if (closed_) return;
    const auto* slotted = dynamic_cast<const slotted_element*>(&x);
    marks_.begin(slotted == nullptr ? process::work_marks::no_slot : slotted->slot);
    failed_ = process::work_state::lost;
  }
  /// Why that which is in hand does not count as handled.
  void fail(bool request, dead_letter_reason why) noexcept {
    failed_ = request                                ? process::work_state::failed
              : why == dead_letter_reason::unhandled ? process::work_state::unhandled
                                                     : process::work_state::lost;
  }
  void end(bool skipped, bool handled) {
    if (closed_) return;
    marks_.end(skipped ? process::work_state::skipped : handled ? process::work_state::handled : failed_);
    if (marks_.untold() >= told_at_once) tell();
  }
  /// From now on nothing more is said: the parent knows.
  void close() noexcept { closed_ = true; }
  void tell() {
    if (marks_.untold() == 0 || closed_) return;
    marks_.have_told();
    tell_();
  }

private:
  process::work_marks marks_;
  process::work_state failed_ = process::work_state::lost;
  std::function<void()> tell_;
  bool closed_ = false;
};

}  // namespace steward::port
