// What is cancelled, and what is taken back from workers.
#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

bool engine::cancel(const job_ptr& task, time_point now) {
  const auto e = ledger_.find(task);
  if (e) cancel(*e, "it was cancelled", now);
  return e.has_value();
}

void engine::cancel_all(const detail::item_sink* sink, const char* reason, time_point now) {
  for (const auto e : ledger_.find_all(sink)) cancel(e, reason, now);
}

void engine::cancel(slip e, const char* reason, time_point now) {
  if (at(e).sent) {
    const auto has = std::find_if(workers_.begin(), workers_.end(),
                                  [e](const worker& w) { return !w.sent.empty() && w.sent.front().place == e.place; });
    if (has != workers_.end()) {
      cancel_head(*has, now);
    } else {
      cancelled_behind_ = true;
    }
  }
  ledger_.cancel(e, make_cause(cause_class::killed, reason));
}

/// What was cancelled while it waits behind another one is not to run any more.
void engine::take_back_cancelled() {
  cancelled_behind_ = false;
  for (auto& w : workers_) {
    if (!works(w) || w.head.is_held() || !w.withdrawn.empty() || w.sent.size() < 2) continue;
    if (std::any_of(w.sent.begin() + 1, w.sent.end(), [this](slip e) { return at(e).cancelled; })) take_back(w);
  }
}

/// All that the worker has not begun.
void engine::take_back(worker& w) {
  w.head.hold();
  withdraw(w, w.sent.size());
}

void engine::withdraw(worker& w, std::size_t sent) {
  const auto head = w.sent.front();
  orders_.emplace_back(act::withdraw{ref_of(w), head.id, sent, at(head).task->sink != nullptr});
}

/// What the worker runs has its outcome already: it is asked to end it, and made to after the grace.
void engine::cancel_head(worker& w, time_point now) {
  orders_.emplace_back(act::ask_task{ref_of(w), w.sent.front().id, true});
  if (processes() && works(w)) w.head.end_by(now + spec_.limits.grace);
}

/// What the worker has not begun waits again, first in the queue; what is left of a chunk is shared among those who
/// have nothing to do and the one that had it.
void engine::worker_withdrew(worker_ref ref, const withdrawal& what) {
  auto* w = find(ref);
  if (!w || w->sent.empty()) return;
  w->head.withdrew(what);
  while (w->sent.size() > std::max<std::size_t>(1, what.begun)) {
    const auto e = w->sent.back();
    w->sent.pop_back(at(e).items, estimate(e));
    if (what.will_answer) w->withdrawn.push_front(e.id);
    if (at(e).cancelled) {
      ledger_.drop(e);
      continue;
    }
    ledger_.take_back(e);
  }
  const auto e = w->sent.front();
  // A process counts as begun what it receives, and looks only then whether it may: of those behind the first, which
  // seem to be begun, it may have answered any number with nothing before that was read.
  if (w->sent.size() == 1) ledger_.cut(e);
  for (std::size_t i = 1; i < w->sent.size(); ++i) ledger_.cut(w->sent[i]);
  if (!what.item) {
    const bool chunk = at(e).task->sink && !at(e).cancelled && at(e).items - at(e).received > 1;
    if (chunk && what.begun <= 1) w->head.hold_later(last_step_);
    return;
  }
  ledger_.cut(e);
  if (at(e).cancelled) return;
  // What the worker shows is not believed beyond what can be.
  const auto items = std::uint64_t{at(e).items};
  const auto keep = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(*what.item + 1, at(e).received, items));
  const auto left = at(e).items - keep;
  if (left == 0) return;
  const auto before_us = estimate(e);
  ledger_.take_back(e, keep, static_cast<std::uint32_t>(std::min<std::size_t>(left, idle() + 1)));
  w->sent.less(left, before_us - estimate(e));
}

void engine::settle_all(outcome_kind kind, const cause& why) {
  for (auto& w : workers_) {
    // Whether it began what it was sent first is not known; of what came behind we know that it will not count.
    bool first = true;
    for (const auto e : w.sent.take_all()) {
      ledger_.settle_rest(e, kind, std::exchange(first, false) ? work_state::unknown : work_state::not_started, why);
    }
    if (!first) --busy_;
  }
  settle_keys(kind, why);
  ledger_.settle_queue(kind, why);
}

}  // namespace steward::pooling
