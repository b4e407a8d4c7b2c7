#include "policy/desk.hpp"

#include <algorithm>
#include <iterator>

namespace steward::policy {

void supervisor_desk::install(std::unique_ptr<supervisor_machine> machine) {
  decltype(prepared_) old;
  std::lock_guard guard{mutex_};
  prepared_.swap(old);  // what it holds goes after the lock
  machine_.swap(machine);
  queued_.clear();
  waiting_ = 0;
  gathering_ = false;
  poked_ = false;  // the owner may have dropped a poke that was about the old one
}

actions supervisor_desk::take() {
  std::vector<actions> batches;
  take(batches);
  actions out;
  for (auto& x : batches) std::move(x.begin(), x.end(), std::back_inserter(out));
  return out;
}

bool supervisor_desk::take(std::vector<actions>& into) {
  std::vector<actions> done;  // freed after the lock
  std::lock_guard guard{mutex_};
  const bool begins = std::exchange(poked_, false) && !gathering_ && gather_.count() > 0;
  gathering_ = gathering_ || begins;
  while (gathering_ && !into.empty() && spares_.size() < max_spares) {
    if (into.back().capacity() <= max_spare_room) spares_.push_back(std::move(into.back()));
    into.pop_back();
  }
  if (!into.empty()) done.swap(into);
  into.swap(queued_);
  waiting_ = 0;
  return begins;
}

bool supervisor_desk::look_again() {
  std::vector<actions> unused;
  std::lock_guard guard{mutex_};
  gathering_ = !queued_.empty();
  if (!gathering_) unused.swap(spares_);
  return gathering_;
}

std::optional<std::uint64_t> supervisor_desk::exited(child_number child, std::uint64_t incarnation, exit_info how,
                                                     time_point now) {
  std::optional<std::uint64_t> mine;
  bool poke = false;
  {
    std::lock_guard guard{mutex_};
    if (!machine_ || !machine_->knows(child)) return mine;
    lend_room();
    auto out = machine_->child_exited(child, incarnation, std::move(how), now, waiting_ < max_backlog);
    for (const auto& next : out) {
      const auto* start = std::get_if<action::start_child>(&next);
      if (start != nullptr && start->in_place) mine = start->incarnation;
    }
    poke = bring(std::move(out), now);
  }
  if (poke) poke_();
  return mine;
}

void supervisor_desk::ready(child_number child, std::uint64_t incarnation, time_point now, const std::string& extra) {
  bool poke = false;
  {
    std::lock_guard guard{mutex_};
    if (!machine_ || !machine_->knows(child)) return;
    lend_room();
    auto out = machine_->child_ready(child, incarnation, now, extra);
    begin_prepared(out);
    poke = bring(std::move(out), now);
  }
  if (poke) poke_();
}

void supervisor_desk::prepare(child_number child, std::function<void(std::uint64_t)> begin) {
  std::lock_guard guard{mutex_};
  prepared_.insert_or_assign(child, std::move(begin));
}

void supervisor_desk::forget_prepared(child_number child) {
  std::lock_guard guard{mutex_};
  prepared_.erase(child);
}

void supervisor_desk::begin_prepared(actions& news) {
  if (prepared_.empty() || waiting_ >= max_backlog) return;
  for (auto& next : news) {
    auto* start = std::get_if<action::start_child>(&next);
    if (start == nullptr || start->in_place) continue;
    const auto begin = prepared_.extract(start->child);
    if (begin.empty()) continue;
    start->in_place = true;
    begin.mapped()(start->incarnation);
  }
}

void supervisor_desk::lend_room() {
  if (spares_.empty()) return;
  spares_.back().clear();
  machine_->reuse(std::move(spares_.back()));
  spares_.pop_back();
}

void supervisor_desk::append(actions more) {
  if (more.empty()) return;
  waiting_ += more.size();
  queued_.push_back(std::move(more));
}

bool supervisor_desk::bring(actions more, time_point now) {
  if (more.empty()) return false;
  const bool waits = gathering_ && waiting_ + more.size() < long_queue &&
                     std::none_of(more.begin(), more.end(), [&](const auto& x) { return urgent(x, now); });
  append(std::move(more));
  return !waits && !std::exchange(poked_, true);
}

/// Whether this must not wait until the owner looks again.
bool supervisor_desk::urgent(const any_action& x, time_point now) const {
  if (std::holds_alternative<action::note>(x) || std::holds_alternative<action::disarm_timer>(x)) return false;
  if (const auto* start = std::get_if<action::start_child>(&x)) return !start->in_place;
  if (const auto* answer = std::get_if<action::reply>(&x)) return !answer->more;
  if (const auto* timer = std::get_if<action::arm_timer>(&x)) return timer->at < now + 4 * gather_;
  return true;
}

}  // namespace steward::policy
