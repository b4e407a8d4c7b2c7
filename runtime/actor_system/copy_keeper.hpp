#pragma once

#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>

#include <mutex>
#include <utility>

namespace steward::port {

/// Copies of messages, for those who redeliver and those who watch: of what is in hand, and of what is to be handled
/// again. For the actor's own thread, but for `shown`.
class copy_keeper {
public:
  /// Thread-safe: a copy of what is in hand; empty when nothing is.
  caf::message shown() const {
    std::lock_guard guard{mutex_};
    return copy_;
  }

  /// This is in hand now.
  void begin(caf::message copy) {
    std::lock_guard guard{mutex_};
    copy_.swap(copy);
  }
  /// Nothing is in hand any more: `x` is finished, or it was skipped.
  void end(const caf::mailbox_element& x, bool skipped);
  const caf::message& in_hand() const noexcept { return copy_; }

  /// Keeps `x`, which is in hand, to be handled again. False when that was done `limit` times.
  bool keep(caf::mailbox_element& x, unsigned limit);
  /// The same for one that was in hand elsewhere, which now was handled `times` times.
  void keep(caf::mailbox_element_ptr x, unsigned times) noexcept {
    repeats_ = times;
    kept_ = std::move(x);
  }
  /// How often what is repeated was handled before.
  unsigned repeated() const noexcept { return repeats_; }
  /// What is repeated has left the mailbox.
  void forget_repeat() noexcept { again_ = nullptr; }
  /// What is to be handled again; null when nothing is.
  caf::mailbox_element_ptr take_kept() noexcept { return std::move(kept_); }
  /// What was kept is about to be handled.
  void repeat(const caf::mailbox_element& x) noexcept { again_ = &x; }
  bool repeats(const caf::mailbox_element& x) const noexcept { return again_ == &x; }

private:
  mutable std::mutex mutex_;
  caf::message copy_;  // written under the mutex, by the actor's thread alone
  caf::mailbox_element_ptr kept_;
  const caf::mailbox_element* again_ = nullptr;
  unsigned repeats_ = 0;  // of `kept_`, or of `again_`
};

inline void copy_keeper::end(const caf::mailbox_element& x, bool skipped) {
  begin({});
  if (repeats(x) && !skipped) again_ = nullptr;
}

inline bool copy_keeper::keep(caf::mailbox_element& x, unsigned limit) {
  const auto before = repeats(x) ? repeats_ : 0;
  if (before >= limit) return false;
  repeats_ = before + 1;
  kept_ = caf::make_mailbox_element(std::move(x.sender), x.mid, std::move(x.stages), copy_);
  return true;
}

}  // namespace steward::port
