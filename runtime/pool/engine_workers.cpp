// The life of the workers: starts, deaths, restarts, deadlines, and the stop of them all.
#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

namespace {

// How often, on average, each worker may fail to start before the pool is found hopeless.
constexpr unsigned failed_starts_each = 5;

}  // namespace

void engine::begin(worker& w, time_point now) {
  ++w.incarnation;
  w.at = state::starting;
  w.pid = 0;
  w.was_ready = false;
  w.answered = 0;
  w.killed_for.reset();
  w.killed_task = 0;
  w.due = now + spec_.start_within;
  if (w.incarnation > 1 && w.died_at) note(worker_event(event_kind::restart, event_level::info, w));
  out_.emplace_back(act::start{ref_of(w)});
}

void engine::kill(worker& w, cause why) {
  w.at = state::killing;
  w.killed_for = std::move(why);
  out_.emplace_back(act::kill{ref_of(w)});
}

/// Charges one run to a task that did not end with an answer, and sends it back or gives it its outcome.
void engine::charge(worker& w, task_id id, const cause& why, bool answer_lost, time_point now, std::string& fate) {
  auto& r = ledger_.at(id);
  attempt_record attempt{r.attempt, name_of(w), w.pid, why, answer_lost ? 0.0 : ms_between(w.head_since, now)};
  if (answer_lost) attempt.why.message = "its worker died before it could send the answer";
  const double ran_ms = attempt.ran_ms;
  r.history.push_back(std::move(attempt));
  const bool again = r.attempt < spec_.attempts;
  auto e = worker_event(again ? event_kind::task_retry : event_kind::task_quarantine,
                        again ? event_level::warn : event_level::error, w);
  e.why = why;
  e.task = task_view(id, r);
  e.task->ran_ms = ran_ms;
  e.task_fate = fate = again ? "requeued" : "quarantined";
  note(std::move(e));
  if (again) {
    ++r.attempt;
    ++totals_.retried;
    requeue_front(id);
  } else {
    settle_error(id, outcome_kind::quarantined, work_state::unknown, why);
  }
}

/// Decides on each task that a dead worker had been sent. Returns the fate of the one in hand.
std::string engine::reclaim(worker& w, const death& how, const cause& why, time_point now) {
  auto sent = std::exchange(w.sent, {});
  w.load_us = 0.0;
  const auto hand = std::find(sent.begin(), sent.end(), how.in_hand);
  const bool over = phase_ == phase::stopping && !drain_;
  const bool late = how.by_us && w.killed_for && w.killed_task == how.in_hand;
  const auto started_end = hand == sent.end() ? sent.begin() : hand + 1;
  // From the back, so that what is pushed to the front keeps its order.
  std::string fate = "none";
  for (auto at = sent.end(); at != sent.begin();) {
    --at;
    const auto id = *at;
    const bool started = at < started_end;
    if (over) {
      settle_error(id, started ? outcome_kind::pool_gone : outcome_kind::cancelled,
                   started ? work_state::unknown : work_state::not_started,
                   make_cause(cause_class::killed, "the pool was stopped"));
    } else if (!started) {
      requeue_front(id);
    } else if (late && at == hand) {
      auto& r = ledger_.at(id);
      r.history.push_back({r.attempt, name_of(w), w.pid, why, ms_between(w.head_since, now)});
      auto e = worker_event(event_kind::task_fail, event_level::warn, w);
      e.why = why;
      e.task = task_view(id, r);
      e.task->ran_ms = r.history.back().ran_ms;
      e.task_fate = fate = "failed";
      note(std::move(e));
      settle_error(id, outcome_kind::deadline, work_state::failed, why);
    } else {
      std::string charged;
      charge(w, id, why, at != hand, now, charged);
      if (at == hand) fate = charged;
    }
  }
  return fate;
}

void engine::worker_died(worker_ref ref, const death& how, time_point now) {
  auto* w = find(ref);
  if (!w) return;
  cause why = how.by_us && w->killed_for ? *w->killed_for : how.why;
  if (w->at == state::retiring || gave_up_ || (phase_ == phase::stopping && !drain_)) {
    const bool recycled = w->at == state::retiring && !gave_up_ && (phase_ != phase::stopping || drain_);
    reclaim(*w, how, why, now);
    w->at = state::down;
    if (recycled) {
      auto e = worker_event(event_kind::stop, event_level::debug, *w);
      e.text = "recycled after " + std::to_string(w->answered) + " tasks";
      note(std::move(e));
      begin(*w, now);
    }
    return;
  }
  auto crash = worker_event(event_kind::crash, event_level::warn, *w);
  crash.why = why;
  if (const auto at = ledger_.find(how.in_hand);
      at != ledger_.end() && std::find(w->sent.begin(), w->sent.end(), how.in_hand) != w->sent.end()) {
    crash.task = task_view(how.in_hand, at->second);
    crash.task->ran_ms = ms_between(w->head_since, now);
  }
  // The crash is told before what follows from it, so its place is kept while the tasks are decided on.
  const auto place = out_.size();
  out_.emplace_back(event{});
  crash.task_fate = reclaim(*w, how, why, now);
  if (!w->died_at) w->died_at = now;
  // A deadline of a process is a decision of ours that costs one fork; an abandoned thread is a leak, and counts.
  const bool counts = !(how.by_us && why.cls == cause_class::deadline && processes());
  const bool worked = w->was_ready && (w->answered > 0 || crash.task);
  w->at = state::down;
  failed_starts_ = w->was_ready ? 0 : failed_starts_ + 1;
  const unsigned patience = std::min(spec_.worker_restarts.restarts, failed_starts_each * size());
  const bool hopeless = failed_starts_ > patience && (!any_ready() || phase_ == phase::starting);
  if (hopeless || (counts && !budget_.allow(now))) {
    crash.decision = decision("give_up", now);
    out_[place] = std::move(crash);
    give_up(why, now);
    return;
  }
  const auto delay = worked ? milliseconds{0} : w->delays.next(now);
  crash.decision = decision("restart", now, delay);
  out_[place] = std::move(crash);
  ++totals_.restarts;
  if (delay.count() == 0) {
    begin(*w, now);
    return;
  }
  w->at = state::waiting;
  w->due = now + delay;
  auto wait = worker_event(event_kind::backoff, event_level::info, *w);
  wait.decision = decision("restart", now, delay);
  note(std::move(wait));
}

void engine::give_up(const cause& why, time_point now) {
  auto limit = make_event(event_kind::limit, event_level::error);
  limit.why = why;
  limit.decision = decision("give_up", now);
  limit.text = failed_starts_ > 0 ? "no worker can be started" : "one worker restart too many";
  auto e = make_event(event_kind::give_up, event_level::error);
  e.why = why;
  e.lost = ledger_.size();
  note(std::move(limit));
  note(std::move(e));
  // Before the tasks are settled: whoever waits for them may end the run, and the supervisor must know by then.
  out_.emplace_back(act::gave_up{why});
  gave_up_ = why;
  settle_all(outcome_kind::pool_gone, why);
  for (auto& w : workers_) {
    if (w.at == state::waiting) w.at = state::down;
    if (w.at != state::down && w.at != state::killing) kill(w, make_cause(cause_class::killed, "the pool gave up"));
  }
}

void engine::check_workers(time_point now) {
  if (gave_up_) return;
  for (auto& w : workers_) {
    if (w.at == state::waiting && now >= w.due) begin(w, now);
    if (w.at == state::starting && now >= w.due)
      kill(w, make_cause(cause_class::start, "not ready within " + render_duration(spec_.start_within)));
    if (w.at == state::ready && !w.sent.empty()) check_deadline(w, now);
    if (w.at == state::ready && w.sent.empty() && spec_.recycle_after > 0 && w.answered >= spec_.recycle_after) {
      w.at = state::retiring;
      w.due = now + spec_.shutdown;
      out_.emplace_back(act::stop{ref_of(w)});
    }
    if (w.at == state::retiring && !asked_ && now >= w.due)
      kill(w, make_cause(cause_class::killed, "it did not stop in time"));
  }
}

void engine::check_deadline(worker& w, time_point now) {
  if (spec_.deadline.count() == 0 || now < w.check_at) return;
  if (!w.head_started) {
    // It has not taken its task up, so no run of a task is late; but a worker that never does is frozen.
    const auto patience = w.head_since + 2 * spec_.deadline + std::chrono::seconds{1};
    w.check_at = std::min(patience, now + spec_.deadline);
    if (now >= patience) kill(w, make_cause(cause_class::heartbeat, "it did not take up the task it was sent"));
    return;
  }
  const auto why = make_cause(cause_class::deadline, "longer than " + render_duration(spec_.deadline));
  const auto id = w.sent.front();
  auto e = worker_event(event_kind::hang, event_level::warn, w);
  e.why = why;
  e.task = task_view(id, ledger_.at(id));
  e.task->ran_ms = ms_between(w.head_since, now);
  e.task_fate = "failed";
  e.text = processes() ? "it is killed" : "the thread is abandoned: it cannot be killed";
  note(std::move(e));
  w.killed_task = id;
  kill(w, why);
}

void engine::check_stop(time_point now) {
  if (drain_ && ledger_.empty()) begin_stop();
  if (!terminated_ && now >= stop_since_ + spec_.shutdown - std::min(spec_.shutdown / 5, milliseconds{500})) {
    terminated_ = true;
    begin_stop();
    for (auto& w : workers_) {
      if (w.at == state::retiring) out_.emplace_back(act::terminate{ref_of(w)});
    }
  }
  if (!forced_ && now >= stop_since_ + spec_.shutdown) {
    forced_ = true;
    for (auto& w : workers_) {
      if (w.at != state::retiring) continue;
      auto e = worker_event(event_kind::warn, event_level::warn, w);
      e.text = "did not stop within " + render_duration(spec_.shutdown);
      note(std::move(e));
      kill(w, make_cause(cause_class::killed, "it did not stop in time"));
    }
  }
  if (std::any_of(workers_.begin(), workers_.end(), [](const worker& w) { return w.at != state::down; })) return;
  if (!asked_) begin_stop();
  phase_ = phase::stopped;
  note(make_event(event_kind::stop, event_level::info));
  out_.emplace_back(act::stopped{});
}

event engine::make_event(event_kind kind, event_level level) const {
  event e;
  e.kind = kind;
  e.level = level;
  e.actor = path_;
  e.runs_in = to_string(spec_.runs_in);
  return e;
}

event engine::worker_event(event_kind kind, event_level level, const worker& w) const {
  auto e = make_event(kind, level);
  e.actor += "/" + name_of(w);
  e.incarnation = w.incarnation;
  if (w.pid != 0) e.pid = w.pid;
  return e;
}

event_task engine::task_view(task_id id, const record& r) const {
  event_task view;
  view.id = id;
  view.name = r.task->entry ? r.task->entry->name : "callable";
  if (r.task->entry) view.args = r.task->entry->render_args(r.task->args).substr(0, event_log::max_args_bytes);
  view.attempt = r.attempt;
  view.attempts = spec_.attempts;
  return view;
}

event_decision engine::decision(const char* what, time_point now, milliseconds delay) const {
  event_decision out;
  out.action = what;
  out.restarts = budget_.count(now);
  out.limit = spec_.worker_restarts.restarts;
  out.period_ms = spec_.worker_restarts.within.count();
  out.delay_ms = delay.count();
  return out;
}

}  // namespace steward::pooling
