// What becomes of what a dead worker had, and the end of all workers.
#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

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
  attempt_record run{at(e).attempt, w.life.name(), w.life.pid(), why,
                     answer_lost ? 0.0 : ms_between(w.head.since(), on.now)};
  if (answer_lost) run.why.message = "its worker died before it could send the answer";
  count(why);
  const auto next = ledger_.split(e, item, 1);
  ledger_.pass(e, 1);
  const bool again = at(next).attempt < at(next).task->attempts_in(spec_);
  auto told = events_.of_worker(again ? event_kind::task_retry : event_kind::task_quarantine,
                                again ? event_level::warn : event_level::error, w.life);
  told.why = why;
  told.task = events_.task(at(next), 0);
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
  error.attempts.push_back({at(e).attempt, w.life.name(), w.life.pid(), why, ran_ms});
  auto told = events_.of_worker(event_kind::task_fail, event_level::warn, w.life);
  told.why = why;
  told.task = events_.task(at(e), item);
  told.task->ran_ms = ran_ms;
  told.task_fate = "failed";
  note(std::move(told));
  ledger_.settle_failed(e, item, std::move(error));
}

/// A worker that was asked to end for the task in hand may die of that as it likes: by a handler of its own, say.
bool engine::ended_for(const worker& w, const death& how) const {
  if (how.by_us) return true;
  if (!w.life.is_ended()) return false;
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
          on.how.by_us && w.life.killed_for() && (w.ended_for_cancel || on.why.cls == cause_class::deadline);
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
  const bool over = is_asked();
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
  static_cast<given_work&>(w) = given_work(limits_, now);
}

/// The worker may have spoilt the way of its answer, and say that nothing is in hand any more.
death engine::known_of(const worker& w, death how) const {
  const bool shown = std::any_of(w.sent.begin(), w.sent.end(), [&how](slip e) { return e.id == how.in_hand; });
  if (!shown && how.begun > 0 && !w.sent.empty()) how.in_hand = w.sent[std::min(how.begun, w.sent.size()) - 1].id;
  return how;
}

/// Ours, where we ended it for a reason.
cause engine::cause_of_death(const worker& w, const death& how, bool ours) const {
  if (!ours || !w.life.killed_for()) return how.why;
  cause why = *w.life.killed_for();
  if (!how.by_us) why.message += "; when it was asked to end: " + describe(how.why);
  why.stderr_tail = how.why.stderr_tail;
  why.rss_peak_kib = how.why.rss_peak_kib;
  why.cpu_ms = how.why.cpu_ms;
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
  if (gave_up_ || is_asked()) {
    reclaim(w, how, why, now);
    lives_.ended(w.life);
    return;
  }
  const bool with_its_task = w.ended_for_cancel && ours;
  const bool done = w.life.is_retiring() && (w.ended_for_cancel || w.sent.empty());
  if (!with_its_task && !done) return crashed(w, how, why, ours, now);
  // The end was planned, so nobody is to blame for it and no budget pays for it.
  ++totals_.recycled;
  auto text = w.ended_for_cancel ? "ended with its cancelled task"
                                 : "recycled after " + std::to_string(w.life.answered()) + " tasks";
  reclaim(w, how, why, now);
  lives_.ended_as_planned(w.life, std::move(text), now);
  keep_size(now);
}

/// An end that nobody planned: what it was sent is taken up, and its place filled as far as the budget allows.
void engine::crashed(worker& w, const death& how, const cause& why, bool ours, time_point now) {
  auto crash = events_.of_worker(event_kind::crash, event_level::warn, w.life);
  crash.why = why;
  for (const auto e : w.sent) {
    if (e.id != how.in_hand) continue;
    crash.task = events_.task(at(e), std::min<std::uint64_t>(how.item, at(e).items - 1));
    crash.task->ran_ms = ms_between(w.head.since(), now);
  }
  crash.task_fate = fate_in_hand(w, how);
  if (w.killed_task != 0 && crash.task_fate == "none")
    crash.text = "task " + std::to_string(w.killed_task) + " answered before the end";
  // A deadline of a process is a decision of ours that costs one fork; an abandoned thread is a leak, and counts.
  const bool meant = ours && why.cls == cause_class::deadline && processes();
  const worker_lives::loss loss{sizing_.wanted(), phase_ == phase::starting, crash.task.has_value(), meant};
  const auto then = lives_.lost(w.life, loss, now);
  // The crash is told before what follows from it.
  crash.decision = then.told;
  note(std::move(crash));
  reclaim(w, how, why, now);
  using next = worker_lives::sequel::next;
  if (then.what == next::give_up) return give_up(why, then.told, now);
  if (then.what == next::restart) ++totals_.restarts;
  lives_.carry_out(w.life, then, now);
}

void engine::give_up(const cause& why, event_decision decision, time_point now) {
  auto limit = events_.of_pool(event_kind::limit, event_level::error);
  limit.why = why;
  limit.text = decision.period_ms == 0 ? "no worker can be started" : "one worker restart too many";
  limit.decision = std::move(decision);
  auto e = events_.of_pool(event_kind::give_up, event_level::error);
  e.why = why;
  e.lost = ledger_.open();
  note(std::move(limit));
  note(std::move(e));
  end_for_good(why, make_cause(cause_class::killed, "the pool gave up"), now);
}

void engine::end_for_good(const cause& why, const cause& why_of_workers, time_point now) {
  // Before the tasks are settled: whoever waits for them may end the run, and the supervisor must know by then.
  notices_.emplace_back(news::gave_up{why});
  gave_up_ = why;
  settle_all(outcome_kind::pool_gone, why);
  lives_.end_all(why_of_workers, now);
}

void engine::kill(const cause& why, time_point now) {
  if (!gave_up_ && phase_ != phase::stopped && !is_asked()) end_for_good(why, why, now);
}

bool engine::kill_worker(const std::string& name, cause why, time_point now) {
  if (!processes()) return false;
  const auto found =
      std::find_if(workers_.begin(), workers_.end(), [&](const worker& w) { return w.life.name() == name; });
  if (found == workers_.end() || !found->life.exists()) return false;
  if (!found->life.is_killed()) lives_.end(found->life, std::move(why), true, now);
  return true;
}

void engine::check_stop(time_point now) {
  using stage = stop_ladder::stage;
  if (end_.is_draining() && ledger_.open() == 0) begin_stop();
  // What a worker gave back after that waits for nobody.
  if (is_asked() && ledger_.queued() > 0) cancel_queue();
  if (end_.is_due(stage::terminated, now)) {
    begin_stop();
    end_.reach(stage::terminated);
    lives_.terminate_asked();
  }
  if (end_.is_due(stage::killed, now)) {
    end_.reach(stage::killed);
    lives_.kill_asked(now);
  }
  if (!lives_.all_down()) return;
  begin_stop();
  phase_ = phase::stopped;
  auto e = events_.of_pool(event_kind::stop, event_level::info);
  const auto counted = totals();
  auto& tasks = e.child.emplace();
  tasks.submitted = counted.submitted;
  tasks.succeeded = counted.settled - counted.failed;
  tasks.failed = counted.failed;
  note(std::move(e));
  notices_.emplace_back(news::stopped{});
}

void engine::worker_wrote(worker_ref ref, task_id id, std::uint64_t item, std::string line) {
  const auto* w = find(ref);
  if (!w) return;
  auto e = events_.of_worker(event_kind::output, event_level::info, w->life);
  e.text = std::move(line);
  // Whose it is the worker says itself: a task that it does not have is not believed.
  for (const auto one : w->sent) {
    const auto& r = at(one);
    if (one.id != id || item >= r.items) continue;
    e.task = events_.task(at(one), item);
  }
  note(std::move(e));
}

}  // namespace steward::pooling
