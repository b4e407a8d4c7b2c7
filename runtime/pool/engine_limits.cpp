// What workers show of themselves, and the limits on what they run.
#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

void engine::worker_running(worker_ref ref, task_id current, time_point since, time_point now, std::uint64_t item) {
  auto* w = find(ref);
  if (!w || w->sent.empty() || w->sent.front().id != current) return;
  const auto& r = at(w->sent.front());
  // The page is written by the worker: what cannot be is not believed.
  if (item >= r.received && item < r.items) w->head.shows(item, since, now);
}

void engine::worker_looked_at(worker_ref ref, int stopped_by, std::uint64_t resident_bytes, time_point now) {
  auto* w = find(ref);
  if (!w || !works(*w)) return;
  const auto asked = wanted(ref.index, now);
  w->head.looked_at(asked.state, stopped_by);
  if (!asked.memory) return;
  w->memory_answered = w->life.answered();
  if (resident_bytes > spec_.restarts.recycle_memory) {
    // It takes nothing more: how much the next task would add is not known.
    w->life.end_share();
    if (held_up_at(*w) != time_point::max()) take_back(*w);
    auto e = events_.of_worker(event_kind::warn, event_level::info, w->life);
    e.text = "its " + std::to_string(resident_bytes / 1024) + " KiB are more than recycle_memory: it is replaced";
    note(std::move(e));
  }
}

look engine::wanted(unsigned index, time_point now) const {
  const auto& w = workers_.at(index);
  if (!works(w) || !processes()) return {};
  const bool stopped = !w.sent.empty() && w.head.wants_look(now);
  const bool memory = w.life.is_ready() && spec_.restarts.recycle_memory > 0 && !w.life.is_leaving() &&
                      w.life.answered() != w.memory_answered;
  return {stopped, memory};
}

void engine::worker_waits(worker_ref ref, std::optional<awaited> what) {
  auto* w = find(ref);
  if (!w) return;
  waits_ += what.has_value() ? 1U : 0U;
  waits_ -= w->waits.has_value() ? 1U : 0U;
  w->waits = std::move(what);
}

/// Where all that may run at a time wait for others of their own pool, and no worker is to come for these, one wait is
/// ended: what it is for is cancelled, or it gets no room. The worker then goes on, and may end what others wait for.
void engine::check_waits(time_point now) {
  if (waits_ < busy_) return;
  const bool held = only_lines_wait();
  if (!held && (!sizing_.is_full(busy_) || sizing_.can_grow())) return;
  if (std::any_of(workers_.begin(), workers_.end(), [this](const auto& w) { return w.waits && has_come(*w.waits); }))
    return;
  const auto is_lined_up = [this](const awaited& what) {
    const auto e = what.task ? ledger_.find(what.task) : std::nullopt;
    return e && at(*e).in_line;
  };
  const auto* reason = held ? "a task that its key holds it up behind waits for it, or for one that does"
                            : "a task waits for it, as all workers of the pool do for others, so nobody could run it";
  for (const bool lined_up : {true, false}) {
    for (auto& w : workers_) {
      if (!w.waits || (lined_up && !is_lined_up(*w.waits))) continue;
      if (refuse(*w.waits, reason, now)) return worker_waits(ref_of(w), std::nullopt);
    }
  }
}

bool engine::has_come(const awaited& what) const {
  if (what.has_come) return what.has_come();
  return !what.task || !ledger_.find(what.task);
}

bool engine::refuse(const awaited& what, const char* reason, time_point now) {
  const auto before = ledger_.open();
  if (what.refuse_room) {
    what.refuse_room();
    return true;
  }
  if (what.map) {
    cancel_all(what.map.get(), reason, now);
  } else if (what.task) {
    if (const auto e = ledger_.find(what.task)) cancel(*e, reason, now);
  }
  return ledger_.open() != before;
}

/// Of what the worker has in hand; 0 for none.
milliseconds engine::deadline_of(const worker& w) const {
  return w.sent.empty() ? milliseconds{0} : at(w.sent.front()).task->deadline_in(spec_);
}

/// When something is to be decided on a worker, though nothing is heard of it.
time_point engine::watched_at(const worker& w) const {
  if (!works(w)) return w.life.due();
  return w.sent.empty() ? w.life.idle_end_at() : w.head.due();
}

/// We were away for longer than anything takes, because the program was stopped or its machine was: what was to show a
/// sign of life within a time has that time again, and answers that wait are read before a task is taken for late.
void engine::catch_up(time_point now) {
  const bool away = std::any_of(workers_.begin(), workers_.end(),
                                [&](const worker& w) { return watched_at(w) < now - away_after(); });
  if (!away) return;
  for (auto& w : workers_) {
    lives_.catch_up(w.life, !w.sent.empty(), now);
    if (works(w)) w.head.catch_up(now);
  }
}

void engine::check_workers(time_point now) {
  if (gave_up_) return;
  for (auto& w : workers_) {
    if (now >= w.life.due()) lives_.on_time(w.life, now);
    if (works(w) && !w.sent.empty()) check_busy(w, now);
    if (w.life.is_retiring() && !is_asked() && w.sent.empty()) lives_.hurry(w.life, now);
    if (w.life.is_ready() && w.sent.empty() && sizing_.can_shrink()) check_idle(w, now);
  }
}

void engine::check_busy(worker& w, time_point now) {
  if (w.head.is_over(now)) {
    if (!cut_off(w, now)) return;
    w.ended_for_cancel = true;
    lives_.end(w.life, make_cause(cause_class::killed, "its task was cancelled and went on"), false, now);
    return;
  }
  if (auto why = w.head.frozen(now)) {
    lives_.end(w.life, *std::move(why), true, now);
    return;
  }
  if (w.head.is_check_due(now)) check_deadline(w, now);
}

/// Before a worker is ended for what it has in hand, all else that it was sent is taken back, so that it begins nothing
/// more, and nobody else's task dies with it. True once that is done, unless it has gone on meanwhile.
bool engine::cut_off(worker& w, time_point now) {
  const auto& r = at(w.sent.front());
  const bool more = w.sent.size() > 1 || (!r.cancelled && w.head.item() + 1 < r.items);
  if (more && w.head.hold_to_end()) {
    // What comes of it is known at the next step, which follows at once.
    withdraw(w, w.sent.size() + w.withdrawn.size());
    return false;
  }
  return !w.head.went_on(now);
}

void engine::check_deadline(worker& w, time_point now) {
  const auto e = w.sent.front();
  if (at(e).cancelled) return w.head.stop_checking();
  const auto late = w.head.check(now);
  if (late == head_watch::lateness::none) return;
  const bool soft = late == head_watch::lateness::soft;
  if (!soft && processes() && !cut_off(w, now)) return;
  const auto id = e.id + w.head.item();
  auto told = events_.of_worker(event_kind::hang, event_level::warn, w.life);
  told.task = events_.task(at(e), w.head.item());
  told.task->ran_ms = ms_between(w.head.since(), now);
  if (soft) {
    told.why = make_cause(cause_class::deadline,
                          "longer than the soft deadline of " + render_duration(spec_.limits.soft_deadline));
    told.level = event_level::info;
    told.task_fate = "asked to stop";
    told.text = "its stop token is set";
    note(std::move(told));
    orders_.emplace_back(act::ask_task{ref_of(w), id, false});
    return;
  }
  const auto why = make_cause(cause_class::deadline, "longer than " + render_duration(deadline_of(w)));
  told.why = why;
  // A process may still answer before it is ended, and then that counts.
  told.task_fate = processes() ? "none" : "failed";
  told.text = processes() ? "it is killed" : "the thread is abandoned: it cannot be killed";
  note(std::move(told));
  w.killed_task = id;
  lives_.end(w.life, why, false, now);
}

}  // namespace steward::pooling
