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
  if (item < r.received || item >= r.items || (w->head_started && w->head_item == item)) return;
  if (w->head_item != item) w->head_asked = false;
  w->head_since = std::clamp(since, w->head_since, std::max(now, w->head_since));
  w->head_item = item;
  w->head_started = true;
  set_check(*w);
}

void engine::worker_looked_at(worker_ref ref, int stopped_by, std::uint64_t resident_bytes, time_point now) {
  auto* w = find(ref);
  if (!w || !works(*w)) return;
  const auto asked = wanted(ref.index, now);
  if (asked.state || stopped_by != 0) w->seen_stopped = stopped_by != 0 ? w->seen_stopped + 1 : 0;
  w->stopped_by = stopped_by;
  if (!asked.memory) return;
  w->memory_answered = w->answered;
  if (resident_bytes > spec_.restarts.recycle_memory) {
    // It takes nothing more: how much the next task would add is not known.
    w->leaving = true;
    w->most_tasks = w->answered;
    if (held_up_at(*w) != time_point::max()) take_back(*w);
    auto e = worker_event(event_kind::warn, event_level::info, *w);
    e.text = "its " + std::to_string(resident_bytes / 1024) + " KiB are more than recycle_memory: it is replaced";
    note(std::move(e));
  }
}

look engine::wanted(unsigned index, time_point now) const {
  const auto& w = workers_.at(index);
  if (!works(w) || !processes()) return {};
  const bool stopped = spec_.limits.heartbeat.count() > 0 && !w.sent.empty() && now >= w.look_at;
  const bool memory =
      w.at == state::ready && spec_.restarts.recycle_memory > 0 && !w.leaving && w.answered != w.memory_answered;
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
  if (waits_ < busy_ || busy_ < size_ || size_ < max_) return;
  if (std::any_of(workers_.begin(), workers_.end(), [this](const auto& w) { return w.waits && has_come(*w.waits); }))
    return;
  for (auto& w : workers_) {
    if (w.waits && refuse(*w.waits, now)) return worker_waits(ref_of(w), std::nullopt);
  }
}

bool engine::has_come(const awaited& what) const {
  if (what.has_come) return what.has_come();
  return !what.task || !ledger_.find(what.task);
}

bool engine::refuse(const awaited& what, time_point now) {
  constexpr auto reason = "a task waits for it, as all workers of the pool do for others, so nobody could run it";
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

/// When the item in hand is looked at for its deadlines.
void engine::set_check(worker& w) {
  auto due = time_point::max();
  if (const auto limit = deadline_of(w); limit.count() > 0) due = w.head_since + limit;
  if (spec_.limits.soft_deadline.count() > 0 && !w.head_asked) due = std::min(due, w.head_since + spec_.limits.soft_deadline);
  w.check_at = due;
}

/// When something is to be decided on a worker, though nothing is heard of it.
time_point engine::watched_at(const worker& w) const {
  if (w.at == state::waiting || w.at == state::starting || w.at == state::terminating) return w.due;
  if (!works(w)) return time_point::max();
  if (w.sent.empty()) return w.at == state::retiring ? w.due : time_point::max();
  auto due = std::min(w.check_at, w.end_by.value_or(time_point::max()));
  if (processes() && spec_.limits.heartbeat.count() > 0) due = std::min(due, w.look_at);
  return due;
}

/// We were away for longer than anything takes, because the program was stopped or its machine was: what was to show a
/// sign of life within a time has that time again, and answers that wait are read before a task is taken for late.
void engine::catch_up(time_point now) {
  const bool away = std::any_of(workers_.begin(), workers_.end(),
                                [&](const worker& w) { return watched_at(w) < now - away_after(); });
  if (!away) return;
  for (auto& w : workers_) {
    if (w.at == state::starting) w.due = now + spec_.limits.start_within;
    if (w.at == state::terminating) w.due = now + spec_.limits.grace;
    if (!works(w)) continue;
    if (w.at == state::retiring && w.sent.empty() && w.due != time_point::max()) w.due = now + spec_.limits.shutdown;
    w.seen_stopped = 0;
    w.look_at = now + spec_.limits.heartbeat / 2;
    if (!w.head_started) w.head_since = now;
    if (w.end_by) w.end_by = now + spec_.limits.grace;
    if (w.check_at != time_point::max()) w.check_at = std::max(w.check_at, now + away_look);
  }
}

void engine::check_workers(time_point now) {
  if (gave_up_) return;
  for (auto& w : workers_) {
    if (w.at == state::waiting && now >= w.due) begin(w, now);
    if (w.at == state::starting && now >= w.due) {
      const auto slow =
          spec_.initializer.empty() ? std::string{} : ", with its initializer '" + spec_.initializer + "'";
      end(w, make_cause(cause_class::start, "not ready within " + render_duration(spec_.limits.start_within) + slow),
          true, now);
    }
    if (works(w) && !w.sent.empty()) check_busy(w, now);
    if (w.at == state::retiring && !asked_ && w.sent.empty()) check_retiring(w, now);
    if (w.at == state::ready && w.sent.empty()) check_idle(w, now);
    if (w.at == state::terminating && now >= w.due) {
      w.at = state::killing;
      orders_.emplace_back(act::kill{ref_of(w)});
    }
  }
}

/// What has nothing left to do ends soon, or is made to.
void engine::check_retiring(worker& w, time_point now) {
  if (w.due == time_point::max()) {
    w.due = now + spec_.limits.shutdown;
  } else if (now >= w.due) {
    end(w, make_cause(cause_class::killed, "it did not stop in time"), true, now);
  }
}

void engine::check_busy(worker& w, time_point now) {
  if (w.end_by && now >= *w.end_by) {
    if (!cut_off(w, now)) return;
    w.ended_for_cancel = true;
    end(w, make_cause(cause_class::killed, "its task was cancelled and went on"), false, now);
    return;
  }
  if (processes() && spec_.limits.heartbeat.count() > 0 && now >= w.look_at) {
    w.look_at = now + spec_.limits.heartbeat / 2;
    const auto text = render_duration(spec_.limits.heartbeat);
    if (w.seen_stopped >= 2) {
      end(w,
          make_cause(cause_class::heartbeat, "frozen: it was stopped by " + signal_name(w.stopped_by) +
                                                 " for longer than " + render_duration(spec_.limits.heartbeat / 2)),
          true, now);
      return;
    }
    if (!w.head_started && now - w.head_since >= spec_.limits.heartbeat) {
      end(w, make_cause(cause_class::heartbeat, "frozen: it did not take up the task it was sent within " + text), true,
          now);
      return;
    }
  }
  if (w.check_at != time_point::max() && now >= w.check_at) check_deadline(w, now);
}

/// Before a worker is ended for what it has in hand, all else that it was sent is taken back, so that it begins nothing
/// more, and nobody else's task dies with it. True once that is done, unless it has gone on meanwhile.
bool engine::cut_off(worker& w, time_point now) {
  const auto& r = at(w.sent.front());
  const bool more = w.sent.size() > 1 || (!r.cancelled && w.head_item + 1 < r.items);
  if (more && !std::exchange(w.was_cut, true)) {
    // What comes of it is known at the next step, which follows at once.
    w.held = true;
    withdraw(w, w.sent.size() + w.withdrawn.size());
    return false;
  }
  if (!std::exchange(w.went_on, false)) return true;
  // Its answer is on the way.
  const auto later = now + std::max(late_look, deadline_of(w));
  if (w.end_by) w.end_by = later;
  if (w.check_at != time_point::max()) w.check_at = later;
  return false;
}

void engine::check_deadline(worker& w, time_point now) {
  const auto deadline = deadline_of(w);
  if (!w.head_started) {
    // It has not taken its task up, so no run of a task is late.
    const auto shortest = deadline.count() > 0 ? deadline : spec_.limits.soft_deadline;
    w.check_at = now + shortest;
    return;
  }
  const auto e = w.sent.front();
  const auto id = e.id + w.head_item;
  if (at(e).cancelled) {
    w.check_at = time_point::max();
    return;
  }
  const bool soft = deadline.count() == 0 || now < w.head_since + deadline;
  if (!soft && processes()) {
    // We come late ourselves: its answer may wait to be read.
    if (now - w.check_at > late_look && !std::exchange(w.looked_again, true)) {
      w.check_at = now + late_look;
      return;
    }
    if (!cut_off(w, now)) return;
  }
  auto told = worker_event(event_kind::hang, event_level::warn, w);
  told.task = task_view(e, w.head_item);
  told.task->ran_ms = ms_between(w.head_since, now);
  if (soft) {
    w.head_asked = true;
    set_check(w);
    told.why = make_cause(cause_class::deadline,
                          "longer than the soft deadline of " + render_duration(spec_.limits.soft_deadline));
    told.level = event_level::info;
    told.task_fate = "asked to stop";
    told.text = "its stop token is set";
    note(std::move(told));
    orders_.emplace_back(act::ask_task{ref_of(w), id, false});
    return;
  }
  const auto why = make_cause(cause_class::deadline, "longer than " + render_duration(deadline));
  told.why = why;
  // A process may still answer before it is ended, and then that counts.
  told.task_fate = processes() ? "none" : "failed";
  told.text = processes() ? "it is killed" : "the thread is abandoned: it cannot be killed";
  note(std::move(told));
  w.killed_task = id;
  end(w, why, false, now);
}

}  // namespace steward::pooling
