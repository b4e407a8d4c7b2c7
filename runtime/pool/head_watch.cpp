#include "pool/head_watch.hpp"

#include "steward/event.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

namespace {

// A worker that is still at the same item is asked again after this part of the time that it has been at it.
constexpr int harvest_share = 8;

}  // namespace

void head_watch::shows(std::uint64_t item, time_point since, time_point now) {
  if (started_ && item_ == item) return;
  if (item_ != item) asked_ = false;
  since_ = std::clamp(since, since_, std::max(now, since_));
  item_ = item;
  started_ = true;
  set_check();
}

void head_watch::goes_on(std::uint64_t item, time_point since) {
  item_ = item;
  since_ = since;
  started_ = false;
  asked_ = false;
  set_check();
}

void head_watch::next_item(std::uint64_t item, time_point now) {
  const auto end = end_by_;
  *this = head_watch(*limits_, now, deadline_);
  item_ = item;
  end_by_ = end;
}

bool head_watch::hold_to_end() noexcept {
  if (std::exchange(held_to_end_, true)) return false;
  held_ = true;
  return true;
}

void head_watch::withdrew(const withdrawal& what) noexcept {
  went_on_ = held_to_end_ && (what.begun > 1 || (what.item && *what.item > item_));
}

bool head_watch::went_on(time_point now) {
  if (!std::exchange(went_on_, false)) return false;
  const auto later = now + std::max(late_look, deadline_);
  if (end_by_) end_by_ = later;
  if (check_at_ != time_point::max()) check_at_ = later;
  return true;
}

head_watch::lateness head_watch::check(time_point now) {
  const auto deadline = deadline_;
  if (!started_) {
    // It has not taken its task up, so no run of a task is late.
    check_at_ = now + (deadline.count() > 0 ? deadline : limits_->soft_deadline);
    return lateness::none;
  }
  if (deadline.count() == 0 || now < since_ + deadline) {
    asked_ = true;
    set_check();
    return lateness::soft;
  }
  // We come late ourselves: its answer may wait to be read.
  if (limits_->killable && now - check_at_ > late_look && !std::exchange(looked_again_, true)) {
    check_at_ = now + late_look;
    return lateness::none;
  }
  return lateness::hard;
}

void head_watch::looked_at(bool regular, int stopped_by) noexcept {
  if (regular || stopped_by != 0) seen_stopped_ = stopped_by != 0 ? seen_stopped_ + 1 : 0;
  stopped_by_ = stopped_by;
}

std::optional<cause> head_watch::frozen(time_point now) {
  const auto heartbeat = limits_->heartbeat;
  if (!limits_->killable || !wants_look(now)) return std::nullopt;
  look_at_ = now + heartbeat / 2;
  if (seen_stopped_ >= 2) {
    return make_cause(cause_class::heartbeat, "frozen: it was stopped by " + signal_name(stopped_by_) +
                                                  " for longer than " + render_duration(heartbeat / 2));
  }
  if (!started_ && now - since_ >= heartbeat) {
    return make_cause(cause_class::heartbeat,
                      "frozen: it did not take up the task it was sent within " + render_duration(heartbeat));
  }
  return std::nullopt;
}

void head_watch::harvested(time_point now) {
  harvest_at_ = now + std::max<time_point::duration>(held_up_after, (now - since_) / harvest_share);
}

time_point head_watch::due() const noexcept {
  auto due = std::min(check_at_, end_by_.value_or(time_point::max()));
  if (limits_->killable && limits_->heartbeat.count() > 0) due = std::min(due, look_at_);
  return due;
}

void head_watch::catch_up(time_point now) {
  seen_stopped_ = 0;
  look_at_ = now + limits_->heartbeat / 2;
  if (!started_) since_ = now;
  if (end_by_) end_by_ = now + limits_->grace;
  if (check_at_ != time_point::max()) check_at_ = std::max(check_at_, now + away_look);
}

}  // namespace steward::pooling
