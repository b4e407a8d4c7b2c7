#pragma once

#include "pool/actions.hpp"
#include "steward/cause.hpp"
#include "steward/spec.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace steward::pooling {

/// The limits on what the workers of a pool run, as its spec has them.
struct run_limits {
  explicit run_limits(const pool_spec& spec)
      : deadline(spec.limits.deadline),
        soft_deadline(spec.limits.soft_deadline),
        heartbeat(spec.limits.heartbeat),
        grace(spec.limits.grace),
        killable(spec.runs_in == rung::process) {}

  milliseconds deadline;       ///< 0: none
  milliseconds soft_deadline;  ///< 0: none
  milliseconds heartbeat;      ///< 0: nobody looks whether a worker is frozen
  milliseconds grace;
  bool killable;  ///< workers are processes
};

/// What is known of the task that a worker was sent first, or of the item of a chunk that it is at: since when, and
/// when something is to be decided on it. A new one is made for each. Pure; reads no clock. Not thread-safe.
///
/// What a worker shows of itself may be wrong: who calls this holds it between what is possible.
class head_watch {
public:
  /// What waits behind one that has run for this long goes to an idle worker, if there is one.
  static constexpr milliseconds held_up_after{10};
  /// Where we come later than this to a deadline, answers are read once more before it is enforced.
  static constexpr milliseconds late_look{10};
  /// The same after the whole program was away.
  static constexpr milliseconds away_look{100};

  /// How late the item in hand is.
  enum class lateness : std::uint8_t { none, soft, hard };

  /// `limits` must outlive this.
  head_watch(const run_limits& limits, time_point since) : head_watch(limits, since, limits.deadline) {}
  /// The task has a deadline of its own; 0: none.
  head_watch(const run_limits& limits, time_point since, milliseconds deadline)
      : limits_(&limits),
        deadline_(deadline),
        since_(since),
        harvest_at_(since + held_up_after),
        look_at_(since + limits.heartbeat / 2) {
    set_check();
  }

  // What it runs.

  /// When the item in hand is taken to have started, at the earliest.
  time_point since() const noexcept { return since_; }
  std::uint64_t item() const noexcept { return item_; }
  /// The flight recorder shows this item, which was started then.
  void shows(std::uint64_t item, time_point since, time_point now);
  /// The items before this one are over, and nothing is known of it but that it began then at the earliest.
  void goes_on(std::uint64_t item, time_point since);
  /// The same with an answer: how often it was looked at, and what was taken back, is of the one before it.
  void next_item(std::uint64_t item, time_point now);
  /// Its own record of the time, found after its death.
  void began(time_point since) noexcept { since_ = since; }

  // What waits behind it.

  bool is_held() const noexcept { return held_; }
  /// All that it has not begun was taken back.
  void hold() noexcept { held_ = true; }
  /// The same, since it is to end for what it has in hand. False when that was done before.
  bool hold_to_end() noexcept;
  /// It has not begun its chunk, so none of it could be taken back: that is tried again, a little later.
  void hold_later(time_point now) noexcept {
    if (held_to_end_) return;
    held_ = false;
    hold_at_ = now + held_up_after;
  }
  /// Not before this time.
  bool may_be_held(time_point now) const noexcept { return now >= hold_at_; }
  /// When what is behind the item in hand has waited long enough.
  time_point held_up_at() const noexcept { return std::max(since_ + held_up_after, hold_at_); }
  void withdrew(const withdrawal& what) noexcept;
  /// After `hold_to_end`: true when it had begun something else by then. Its answer is on the way, so it has time
  /// again.
  bool went_on(time_point now);

  // Its end.

  /// What it runs was cancelled.
  void end_by(time_point at) { end_by_ = at; }
  bool is_to_end() const noexcept { return end_by_.has_value(); }
  bool is_over(time_point now) const noexcept { return end_by_ && now >= *end_by_; }

  // Deadlines.

  bool is_check_due(time_point now) const noexcept { return check_at_ != time_point::max() && now >= check_at_; }
  /// Tells each lateness once; `hard` only after answers that wait were read.
  lateness check(time_point now);
  void stop_checking() noexcept { check_at_ = time_point::max(); }

  // Whether it is frozen.

  bool wants_look(time_point now) const noexcept { return limits_->heartbeat.count() > 0 && now >= look_at_; }
  /// `stopped_by`: the signal that has stopped it, or 0. `regular`: the look was wanted.
  void looked_at(bool regular, int stopped_by) noexcept;
  /// Why it is to be ended; none where it is not frozen, or no look is due.
  std::optional<cause> frozen(time_point now);

  // When it is worth a look what it has finished of its chunk.

  time_point harvest_at() const noexcept { return harvest_at_; }
  /// Nothing was found: later each time.
  void harvested(time_point now);
  void harvest_again(time_point now) noexcept { harvest_at_ = now + held_up_after; }

  /// When something is to be decided, though nothing is heard of the worker.
  time_point due() const noexcept;
  /// The program was stopped for a while: what was to show a sign of life within a time has that time again.
  void catch_up(time_point now);

private:
  void set_check() noexcept {
    check_at_ = time_point::max();
    if (deadline_.count() > 0) check_at_ = since_ + deadline_;
    if (limits_->soft_deadline.count() > 0 && !asked_) check_at_ = std::min(check_at_, since_ + limits_->soft_deadline);
  }

  const run_limits* limits_;
  milliseconds deadline_;
  time_point since_;
  std::uint64_t item_ = 0;
  bool started_ = false;       // the flight recorder has shown it
  bool asked_ = false;         // its stop token was set for the soft deadline
  bool looked_again_ = false;  // because we came late to its deadline
  time_point check_at_ = time_point::max();
  std::optional<time_point> end_by_;

  bool held_ = false;
  time_point hold_at_ = time_point::min();
  bool held_to_end_ = false;
  bool went_on_ = false;

  time_point harvest_at_;
  time_point look_at_;
  unsigned seen_stopped_ = 0;  // looks in a row, by this signal:
  int stopped_by_ = 0;
};

}  // namespace steward::pooling
