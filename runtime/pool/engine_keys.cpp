// Tasks that have a key: one after the other, on the worker that has it.
#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

/// A new task of a key waits: for a worker, or for those of its key that were submitted before it.
void engine::enqueue_of_key(slip e) {
  if (!keys_.join(*at(e).task->key, e)) return ledger_.line_up(e);
  call_up(e);
}

/// It is the first of its key.
void engine::call_up(slip e) {
  auto* w = holder(e);
  if (!w) return ledger_.enqueue(e);
  ledger_.set_aside(e);
  keys_.wait_for(w->life.index(), {e, at(e).task->priority});
}

/// Those behind what has ended come next.
void engine::advance_keys() {
  for (const auto& task : ledger_.take_ended()) {
    const auto next = keys_.ended(*task->key, task->id, [this](slip e) { return ledger_.is_live(e); });
    if (!next) continue;
    ledger_.leave_line(*next);
    call_up(*next);
  }
}

/// Its keys are not taken from it: it takes more, and its turn comes. One whose task waits for others of the pool might
/// wait for what waits for it.
bool engine::keeps_keys(const worker& w) const {
  const bool stands_by = w.sent.empty() && sizing_.is_full(busy_);
  return w.life.is_ready() && !w.waits && !stands_by && w.life.left_of_share(w.sent.items()) > 0;
}

/// The worker that is to run it; null where any may.
engine::worker* engine::holder(slip e) {
  auto* w = find(keys_.holder(*at(e).task->key));
  return w && keeps_keys(*w) ? w : nullptr;
}

/// What waits for one worker goes there, unless it is to leave its turn to what has a higher priority.
void engine::dispatch_keys(bool all, time_point now) {
  const auto next = all ? std::nullopt : ledger_.front();
  for (auto& w : workers_) {
    if (!keys_.next_due(w.life.index())) continue;
    if (!keeps_keys(w)) {
      give_keys_away(w);
      continue;
    }
    while (const auto* due = keys_.next_due(w.life.index())) {
      const auto e = due->task;
      if (ledger_.is_live(e)) {
        if (next && at(*next).task->priority > due->priority) break;
        if (!may_take(w) || !has_room(w, e, most_ahead(e))) break;
        ledger_.take_aside(e);
        hand_over(w, e, now);
      }
      keys_.pop_due(w.life.index());
    }
  }
}

/// What waits for it goes to whoever has room, and the keys with it.
void engine::give_keys_away(const worker& w) {
  const auto all = keys_.take_due(w.life.index());
  for (auto one = all.rbegin(); one != all.rend(); ++one) {
    if (!ledger_.is_live(one->task)) continue;
    ledger_.take_aside(one->task);
    ledger_.put_first(one->task);
  }
}

/// What is first in the queue, and has a key, may have come back from the worker that has its key, and waits for it
/// again.
bool engine::returned_to_holder(slip e) {
  auto* w = holder(e);
  if (!w) return false;
  ledger_.take_front(1);
  ledger_.set_aside(e);
  keys_.wait_first(w->life.index(), {e, at(e).task->priority});
  return true;
}

/// All that waits stands in line behind tasks that wait for others, so that none of them can ever be begun.
bool engine::only_lines_wait() const {
  if (ledger_.lined_up() == 0 || ledger_.queued() != ledger_.lined_up()) return false;
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const worker& w) { return w.sent.size() <= 1 && w.withdrawn.empty(); });
}

void engine::settle_keys(outcome_kind kind, const cause& why) {
  for (const auto e : keys_.take_all()) {
    if (ledger_.is_live(e)) ledger_.settle_rest(e, kind, work_state::not_started, why);
  }
}

}  // namespace steward::pooling
