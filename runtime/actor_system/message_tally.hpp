#pragma once

#include "steward/admin.hpp"
#include "steward/spec.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace steward::port {

/// Counts the messages of one actor, exactly, and says whether its mailbox has room for one more.
///
/// Senders, on any thread, accept messages, and drop some when the mailbox is full; the actor's own thread counts what
/// has become of the rest. A sender compares the number of messages before its own with the *mark*: the number of
/// finished messages plus the limit, as it was when last looked at. So for each message senders touch one cache line,
/// and the actor's thread another.
class message_tally {
public:
  // For senders:
  /// Counts a message as accepted; returns how many were before it.
  std::uint64_t accept() noexcept { return accepted_.fetch_add(1, relaxed); }
  /// It went nowhere: the actor is over, or goes on without it.
  void take_back() noexcept { accepted_.fetch_sub(1, relaxed); }
  /// It was refused, for want of room.
  void reject() noexcept {
    take_back();
    rejected_.fetch_add(1, relaxed);
  }
  /// By the mark; when that says no there may be room all the same.
  bool has_room(std::uint64_t before) const noexcept { return before < mark_.load(relaxed); }
  /// Sets the mark anew, and asks again. `more` than the limit may be unfinished.
  bool looks_for_room(std::uint64_t before, std::uint64_t more = 0) noexcept { return before < renew_mark(more); }
  /// Until the mark is set anew, no message finds room by it.
  void forget_mark() noexcept { mark_.store(0, relaxed); }
  std::uint64_t renew_mark(std::uint64_t more) noexcept {
    const auto mark = finished() + more + limit();
    mark_.store(mark, relaxed);
    return mark;
  }
  /// The full mailbox has given up a message that was accepted.
  void count_dropped(bool request) noexcept {
    (request ? dropped_requests_ : dropped_tells_).fetch_add(1, std::memory_order_release);
  }
  /// How many tells more were dropped than anybody was told; 0 when it is too soon to tell of them. Whoever gets
  /// another number tells it: the first drop, and each time that there are ten times as many, for a flood must not
  /// outrun the log. With `all` it is never too soon.
  std::uint64_t drops_to_tell(bool all) noexcept;

  // For any thread, while the actor's own one handles nothing itself: it handled a message elsewhere.
  void count_handled_elsewhere() noexcept { handled_.fetch_add(1, std::memory_order_release); }

  // For the actor's own thread:
  void count_handled() noexcept { bump(handled_); }
  /// A request was answered with an error, or no handler has finished a tell. On any thread.
  void count_unhandled(bool request) noexcept { (request ? failed_ : dead_).fetch_add(1, std::memory_order_release); }
  std::uint64_t unhandled_tells() const noexcept { return dead_.load(relaxed); }
  void set_bound(const mailbox_spec& x) noexcept {
    limit_.store(x.limit, relaxed);
    overflow_.store(x.overflow, relaxed);
    forget_mark();
  }
  /// The mailbox is closed, and all that was in it counted: a sender that still counts comes too late.
  void seal() noexcept { sealed_.store(true, std::memory_order_release); }

  // For all:
  unsigned limit() const noexcept { return limit_.load(relaxed); }
  overflow_policy overflow() const noexcept { return overflow_.load(relaxed); }
  mailbox_spec bound() const noexcept { return {limit(), overflow()}; }
  /// Handled, failed, dead or dropped.
  std::uint64_t finished() const noexcept {
    return handled_.load(acquire) + failed_.load(acquire) + dead_.load(acquire) + dropped_requests_.load(acquire) +
           dropped_tells_.load(acquire);
  }
  /// Accepted and not finished; while others count as well, perhaps too many, but never too few.
  std::uint64_t unfinished() const noexcept {
    const auto before = finished();  // first: it never overtakes what was accepted
    return accepted_.load(acquire) - before;
  }
  message_counts counts() const noexcept;

private:
  using counter = std::atomic<std::uint64_t>;
  static constexpr auto relaxed = std::memory_order_relaxed;
  static constexpr auto acquire = std::memory_order_acquire;
  /// Of a counter that one thread alone writes.
  static void bump(counter& x) noexcept { x.store(x.load(relaxed) + 1, std::memory_order_release); }

  // What the actor's thread touches for each message.
  counter handled_{0};

  // Touched seldom: with these, the former and the latter are 64 bytes apart, and so never in one cache line.
  counter failed_{0};
  counter dead_{0};
  counter rejected_{0};
  counter dropped_requests_{0};
  counter dropped_tells_{0};
  counter told_drops_{0};
  std::atomic<unsigned> limit_{0};
  std::atomic<overflow_policy> overflow_{overflow_policy::reject};
  std::atomic<bool> sealed_{false};

  // What senders touch for each message.
  counter accepted_{0};
  counter mark_{0};
};

inline std::uint64_t message_tally::drops_to_tell(bool all) noexcept {
  const auto total = dropped_tells_.load(relaxed);
  auto told = told_drops_.load(relaxed);
  do {
    if (total <= told || (!all && told != 0 && total / 10 < told)) return 0;
  } while (!told_drops_.compare_exchange_weak(told, total, relaxed));
  return total - told;
}

inline message_counts message_tally::counts() const noexcept {
  message_counts out;
  const bool over = sealed_.load(acquire);
  out.handled = handled_.load(acquire);
  out.failed = failed_.load(acquire) + dropped_requests_.load(acquire);
  out.dead = dead_.load(acquire) + dropped_tells_.load(acquire);
  out.rejected = rejected_.load(relaxed);
  const auto settled = out.handled + out.failed + out.dead;
  // A sender counts before it knows whether the mailbox is still open: once it is closed, what was finished is exact.
  out.accepted = over ? settled : std::max(accepted_.load(acquire), settled);
  out.waiting = out.accepted - settled;
  return out;
}

}  // namespace steward::port
