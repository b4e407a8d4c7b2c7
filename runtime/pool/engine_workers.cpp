// The life of the workers: starts, deaths, restarts, deadlines, and the stop of them all.
#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

namespace {

// How often, on average, each worker may fail to start before the pool is found hopeless.
constexpr unsigned failed_starts_each = 5;

// SplitMix64 by Steele, Lea and Flood (2014): one step from a seed.
double share_of(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1.0p-53;
}

// More than this is not decoded for the few bytes that are shown of it.
constexpr std::size_t shown_args_bytes = std::size_t{64} * 1024;

std::string args_text(const job& task, const task_entry& entry, std::uint64_t item) {
  bytes_view args = task.args;
  if (task.sink) {
    detail::item_reader items(task.args, entry.args_size);
    items.next(static_cast<std::size_t>(item));
    args = items.next();
  }
  if (args.size() > shown_args_bytes) return "<" + std::to_string(args.size()) + " bytes>";
  try {
    return entry.render_args(args).substr(0, event_log::max_args_bytes);
  } catch (...) {
    // The decoder may be the user's, and what it throws the very reason for the event.
    return "<" + std::to_string(args.size()) + " bytes that cannot be shown>";
  }
}

}  // namespace

engine::worker& engine::add_worker() {
  const auto index = static_cast<unsigned>(workers_.size());
  return workers_.emplace_back(
      index, policy::backoff(spec_.restarts.worker_backoff, seed_ ^ (0x9e3779b97f4a7c15ULL * (index + 1))), limits_);
}

void engine::begin(worker& w, time_point now) {
  static_cast<life&>(w) = {};
  w.head = head_watch(limits_, now);
  ++w.incarnation;
  w.at = state::starting;
  if (spec_.restarts.recycle_after > 0) {
    const auto fewer =
        spec_.restarts.recycle_jitter * spec_.restarts.recycle_after * share_of(seed_ + w.index * 7919 + w.incarnation);
    w.most_tasks = std::max(1U, spec_.restarts.recycle_after - static_cast<unsigned>(fewer));
  }
  w.due = now + spec_.limits.start_within;
  if (w.incarnation > 1 && w.died_at) note(worker_event(event_kind::restart, event_level::info, w));
  orders_.emplace_back(act::start{ref_of(w)});
}

/// Ends a worker, for a reason. A process is asked first, unless it is past asking.
void engine::end(worker& w, cause why, bool at_once, time_point now) {
  w.killed_for = std::move(why);
  if (at_once || !processes() || spec_.limits.grace.count() == 0) {
    w.at = state::killing;
    orders_.emplace_back(act::kill{ref_of(w)});
  } else {
    w.at = state::terminating;
    w.due = now + spec_.limits.grace;
    orders_.emplace_back(act::terminate{ref_of(w)});
  }
}

/// A planned end: it finishes what it was sent.
void engine::retire(worker& w) {
  w.at = state::retiring;
  w.due = time_point::max();
  orders_.emplace_back(act::stop{ref_of(w)});
}

void engine::count(const cause& why) {
  switch (why.cls) {
    case cause_class::memory:
      ++totals_.memory;
      break;
    case cause_class::deadline:
      ++totals_.deadlines;
      break;
    case cause_class::heartbeat:
      ++totals_.frozen;
      break;
    default:
      ++totals_.crashes;
  }
}

/// Charges one run to an item that did not end with an answer, and sends it back or gives it its outcome.
void engine::charge(worker& w, slip e, const cause& why, bool answer_lost, inquest& on) {
  const auto item = at(e).received;
  attempt_record run{at(e).attempt, name_of(w), w.pid, why, answer_lost ? 0.0 : ms_between(w.head.since(), on.now)};
  if (answer_lost) run.why.message = "its worker died before it could send the answer";
  count(why);
  const auto next = ledger_.split(e, item, 1);
  ledger_.pass(e, 1);
  const bool again = at(next).attempt < at(next).task->attempts_in(spec_);
  auto told = worker_event(again ? event_kind::task_retry : event_kind::task_quarantine,
                           again ? event_level::warn : event_level::error, w);
  told.why = why;
  told.task = task_view(next, 0);
  told.task->ran_ms = run.ran_ms;
  told.task_fate = again ? "requeued" : "quarantined";
  note(std::move(told));
  ledger_.note_run(next, std::move(run));
  if (again) {
    ledger_.try_again(next);
    ledger_.suspect(next, on.suspects++);
  } else {
    ledger_.settle_rest(next, outcome_kind::quarantined, work_state::unknown, why);
  }
}

/// The item ran past its deadline, and its worker was ended for it.
void engine::fail_late(worker& w, slip e, std::uint32_t item, const cause& why, time_point now) {
  const auto ran_ms = ms_between(w.head.since(), now);
  ledger_.pass(e, 1);
  ++totals_.deadlines;
  auto error = ledger_.error_of(e, outcome_kind::deadline, work_state::failed, why, item);
  error.attempts.push_back({at(e).attempt, name_of(w), w.pid, why, ran_ms});
  auto told = worker_event(event_kind::task_fail, event_level::warn, w);
  told.why = why;
  told.task = task_view(e, item);
  told.task->ran_ms = ran_ms;
  told.task_fate = "failed";
  note(std::move(told));
  ledger_.settle_failed(e, item, std::move(error));
}

/// A worker that was asked to end for the task in hand may die of that as it likes: by a handler of its own, say.
bool engine::ended_for(const worker& w, const death& how) const {
  if (how.by_us) return true;
  if (w.at != state::terminating && w.at != state::killing) return false;
  if (w.ended_for_cancel) return w.sent.empty() || (w.sent.front().id == how.in_hand && at(w.sent.front()).cancelled);
  return w.killed_task != 0 && how.in_hand + how.item == w.killed_task;
}

/// What its recorder says of the item, held between what we know.
std::uint32_t engine::item_in_hand(slip e, const death& how) const {
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(how.item, at(e).received, at(e).items));
}

/// After one item of its chunk and before the next.
bool engine::died_between(slip e, const death& how) const { return how.item + 1 == at(e).received && at(e).items > 1; }

/// What `reclaim` will decide on the one in hand.
const char* engine::fate_in_hand(const worker& w, const death& how) const {
  const auto hand = std::find_if(w.sent.begin(), w.sent.end(), [&](slip e) { return e.id == how.in_hand; });
  if (hand == w.sent.end()) return "none";
  const auto& r = at(*hand);
  if (r.cancelled) return "cancelled";
  const auto item = item_in_hand(*hand, how);
  if (item == r.items || died_between(*hand, how)) return "none";
  if (w.killed_task == r.id + item) return "failed";
  return r.attempt < r.task->attempts_in(spec_) ? "requeued" : "quarantined";
}

/// Decides on what a dead worker had begun: what it had in hand, or finished without being heard.
void engine::reclaim_started(worker& w, slip e, bool in_hand, inquest& on) {
  const auto first = at(e).received;
  const auto items = at(e).items;
  if (at(e).cancelled) return ledger_.drop(e);
  const auto hand = in_hand ? item_in_hand(e, on.how) : items;
  const bool between = in_hand && died_between(e, on.how);
  for (auto item = first; item < hand; ++item) charge(w, e, on.why, true, on);
  if (hand == items) return ledger_.drop(e);
  if (!between) {
    if (w.killed_task == at(e).id + hand) {
      fail_late(w, e, hand, on.why, on.now);
    } else {
      // What was begun may not be begun for nothing, but it is told that it was not at fault.
      const bool bystander =
          on.how.by_us && w.killed_for && (w.ended_for_cancel || on.why.cls == cause_class::deadline);
      const auto other = make_cause(cause_class::killed, "its worker was ended for another task");
      charge(w, e, bystander ? other : on.why, false, on);
    }
  }
  ledger_.requeue(e);
}

/// Decides on each task that a dead worker had been sent.
void engine::reclaim(worker& w, const death& how, const cause& why, time_point now) {
  const auto sent = w.sent.take_all();
  if (!sent.empty()) --busy_;
  w.withdrawn.clear();
  const auto hand = std::find_if(sent.begin(), sent.end(), [&](slip e) { return e.id == how.in_hand; });
  const bool over = phase_ == phase::stopping && !drain_;
  const auto started_end = hand == sent.end() ? sent.begin() : hand + 1;
  // Unstarted ones from the back, so that what is pushed to the front keeps its order; then those that were started.
  for (auto at_ = sent.end(); at_ != started_end;) {
    const auto e = *--at_;
    if (over || at(e).cancelled) {
      ledger_.settle_rest(e, outcome_kind::cancelled, work_state::not_started,
                          make_cause(cause_class::killed, "the pool was stopped"));
    } else {
      ledger_.requeue(e);
    }
  }
  inquest on{how, why, now};
  for (auto at_ = sent.begin(); at_ != started_end; ++at_) {
    if (over) {
      ledger_.settle_rest(*at_, outcome_kind::pool_gone, work_state::unknown,
                          make_cause(cause_class::killed, "the pool was stopped"));
    } else {
      reclaim_started(w, *at_, at_ == hand, on);
    }
  }
}

/// The end was planned, so nobody is to blame for it and no budget pays for it.
void engine::after_planned_end(worker& w, std::string text, time_point now) {
  w.at = state::down;
  auto e = worker_event(event_kind::stop, event_level::debug, w);
  e.text = std::move(text);
  note(std::move(e));
  use_room(now);
  keep_size(now);
}

/// The worker may have spoilt the way of its answer, and say that nothing is in hand any more.
death engine::known_of(const worker& w, death how) const {
  const bool shown = std::any_of(w.sent.begin(), w.sent.end(), [&how](slip e) { return e.id == how.in_hand; });
  if (!shown && how.begun > 0 && !w.sent.empty()) how.in_hand = w.sent[std::min(how.begun, w.sent.size()) - 1].id;
  return how;
}

/// Ours, where we ended it for a reason.
cause engine::cause_of_death(const worker& w, const death& how, bool ours) const {
  if (!ours || !w.killed_for) return how.why;
  cause why = *w.killed_for;
  if (!how.by_us) why.message += "; when it was asked to end: " + describe(how.why);
  why.stderr_tail = how.why.stderr_tail;
  why.rss_peak_kib = how.why.rss_peak_kib;
  return why;
}

void engine::worker_died(worker_ref ref, const death& told, time_point now) {
  auto* found = find(ref);
  if (!found) return;
  auto& w = *found;
  const auto how = known_of(w, told);
  worker_waits(ref, std::nullopt);
  const bool ours = ended_for(w, how);
  const auto why = cause_of_death(w, how, ours);
  if (how.since) w.head.began(std::min(*how.since, now));
  if (gave_up_ || (phase_ == phase::stopping && !drain_)) {
    reclaim(w, how, why, now);
    w.at = state::down;
    return;
  }
  const bool with_its_task = w.ended_for_cancel && ours;
  const bool done = w.at == state::retiring && (w.ended_for_cancel || w.sent.empty());
  if (!with_its_task && !done) return crashed(w, how, why, ours, now);
  reclaim(w, how, why, now);
  w.at = state::down;
  ++totals_.recycled;
  after_planned_end(
      w,
      w.ended_for_cancel ? "ended with its cancelled task" : "recycled after " + std::to_string(w.answered) + " tasks",
      now);
}

/// An end that nobody planned: what it was sent is taken up, and its place filled as far as the budget allows.
void engine::crashed(worker& w, const death& how, const cause& why, bool ours, time_point now) {
  auto crash = worker_event(event_kind::crash, event_level::warn, w);
  crash.why = why;
  for (const auto e : w.sent) {
    if (e.id != how.in_hand) continue;
    crash.task = task_view(e, std::min<std::uint64_t>(how.item, at(e).items - 1));
    crash.task->ran_ms = ms_between(w.head.since(), now);
  }
  crash.task_fate = fate_in_hand(w, how);
  if (w.killed_task != 0 && crash.task_fate == "none")
    crash.text = "task " + std::to_string(w.killed_task) + " answered before the end";
  if (!w.died_at) w.died_at = now;
  // A deadline of a process is a decision of ours that costs one fork; an abandoned thread is a leak, and counts.
  const bool meant = ours && why.cls == cause_class::deadline && processes();
  const bool worked = w.was_ready && (w.answered > 0 || crash.task);
  const bool surplus = w.leaving || w.at == state::retiring;
  w.at = state::down;
  // The crash is told before what follows from it.
  const auto tell = [&](event_decision what) {
    crash.decision = std::move(what);
    note(std::move(crash));
    reclaim(w, how, why, now);
  };
  // A pool that works is not to be lost because the system has no more to give for now.
  const bool spared = !w.existed && phase_ != phase::starting && any_there();
  const bool counts = !meant && !spared;
  if (spared) scarce_ = true;
  if (!spared) failed_starts_ = w.was_ready ? 0 : failed_starts_ + 1;
  const unsigned patience =
      std::min(spec_.restarts.worker_restarts.restarts, failed_starts_each * std::max(1U, wanted_workers()));
  const bool hopeless = failed_starts_ > patience && (!any_ready() || phase_ == phase::starting);
  if (hopeless || (counts && !budget_.allow(now))) {
    auto end = decision("give_up", now);
    if (hopeless) {  // however long they took
      end.restarts = failed_starts_;
      end.limit = patience;
      end.period_ms = 0;
    }
    tell(end);
    give_up(why, std::move(end), now);
    return;
  }
  if (living() >= wanted_workers()) {
    // There is a replacement already.
    tell(decision(surplus ? "replaced" : "stop", now));
    w.died_at.reset();
    if (w.existed) use_room(now);
    return;
  }
  if (spared && any_coming()) {
    tell(decision("wait", now));
    w.died_at.reset();
    return;
  }
  const auto delay = worked ? milliseconds{0} : w.delays.next(now);
  tell(decision("restart", now, delay));
  ++totals_.restarts;
  if (delay.count() == 0) {
    begin(w, now);
    return;
  }
  w.at = state::waiting;
  w.due = now + delay;
  auto wait = worker_event(event_kind::backoff, event_level::info, w);
  wait.decision = decision("restart", now, delay);
  note(std::move(wait));
}

void engine::give_up(const cause& why, event_decision decision, time_point now) {
  auto limit = make_event(event_kind::limit, event_level::error);
  limit.why = why;
  limit.text = decision.period_ms == 0 ? "no worker can be started" : "one worker restart too many";
  limit.decision = std::move(decision);
  auto e = make_event(event_kind::give_up, event_level::error);
  e.why = why;
  e.lost = ledger_.open();
  note(std::move(limit));
  note(std::move(e));
  // Before the tasks are settled: whoever waits for them may end the run, and the supervisor must know by then.
  notices_.emplace_back(news::gave_up{why});
  gave_up_ = why;
  settle_all(outcome_kind::pool_gone, why);
  for (auto& w : workers_) {
    if (w.at == state::waiting) w.at = state::down;
    if (w.at != state::down && w.at != state::killing)
      end(w, make_cause(cause_class::killed, "the pool gave up"), true, now);
  }
}

void engine::check_stop(time_point now) {
  if (drain_ && ledger_.open() == 0) begin_stop();
  // What a worker gave back after that waits for nobody.
  if (asked_ && ledger_.queued() > 0) cancel_queue();
  if (!terminated_ &&
      now >= stop_since_ + spec_.limits.shutdown - std::min(spec_.limits.shutdown / 5, milliseconds{500})) {
    terminated_ = true;
    begin_stop();
    for (auto& w : workers_) {
      if (w.at == state::retiring) orders_.emplace_back(act::terminate{ref_of(w)});
    }
  }
  if (!forced_ && now >= stop_since_ + spec_.limits.shutdown) {
    forced_ = true;
    for (auto& w : workers_) {
      if (w.at != state::retiring) continue;
      auto e = worker_event(event_kind::warn, event_level::warn, w);
      e.text = "did not stop within " + render_duration(spec_.limits.shutdown);
      note(std::move(e));
      end(w, make_cause(cause_class::killed, "it did not stop in time"), true, now);
    }
  }
  if (std::any_of(workers_.begin(), workers_.end(), [](const worker& w) { return w.at != state::down; })) return;
  if (!asked_) begin_stop();
  phase_ = phase::stopped;
  note(make_event(event_kind::stop, event_level::info));
  notices_.emplace_back(news::stopped{});
}

std::string engine::name_of(const worker& w) const { return "w" + std::to_string(w.index + 1); }

void engine::worker_wrote(worker_ref ref, task_id id, std::uint64_t item, std::string line) {
  const auto* w = find(ref);
  if (!w) return;
  auto e = worker_event(event_kind::output, event_level::info, *w);
  e.text = std::move(line);
  // Whose it is the worker says itself: a task that it does not have is not believed.
  for (const auto one : w->sent) {
    const auto& r = at(one);
    if (one.id != id || item >= r.items) continue;
    e.task = task_view(one, item);
  }
  note(std::move(e));
}

event engine::make_event(event_kind kind, event_level how) const {
  event e;
  e.kind = kind;
  e.level = how;
  e.actor = path_;
  e.runs_in = to_string(spec_.runs_in);
  return e;
}

event engine::worker_event(event_kind kind, event_level how, const worker& w) const {
  auto e = make_event(kind, how);
  e.actor += "/" + name_of(w);
  e.incarnation = w.incarnation;
  if (w.pid != 0) e.pid = w.pid;
  return e;
}

event_task engine::task_view(slip e, std::uint64_t item) const {
  const auto& r = at(e);
  event_task view;
  view.id = r.id + item;
  view.name = r.task->entry ? r.task->entry->name : "callable";
  if (r.task->entry) view.args = args_text(*r.task, *r.task->entry, item);
  view.attempt = r.attempt;
  view.attempts = r.task->attempts_in(spec_);
  return view;
}

event_decision engine::decision(const char* what, time_point now, milliseconds delay) const {
  event_decision out;
  out.action = what;
  out.restarts = budget_.count(now);
  out.limit = spec_.restarts.worker_restarts.restarts;
  out.period_ms = spec_.restarts.worker_restarts.within.count();
  out.delay_ms = delay.count();
  return out;
}

}  // namespace steward::pooling
