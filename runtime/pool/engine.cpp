#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

namespace {

// What may be sent ahead to a busy worker: no more than this much expected work, so that a long task holds few others
// up. Of chunks, which are cut to about a millisecond, one is sent ahead.
constexpr double prefetch_us = 1'000.0;
constexpr std::size_t prefetch_tasks = 64;
// A thread runs through this many of the shortest before others have been sent after them.
constexpr std::size_t prefetch_tasks_of_threads = 256;
constexpr double prefetch_chunk_us = 4'000.0;

}  // namespace

engine::engine(pool_spec spec, std::string path, std::uint64_t seed)
    : spec_(std::move(spec)), events_(spec_, std::move(path), notices_), lives_(spec_, seed, events_, orders_) {
  spec_.limits.attempts = std::max(1U, spec_.limits.attempts);
  while (lives_.size() < sizing_.wanted()) lives_.add();
  add_workers();
}

void engine::start(time_point now) {
  if (phase_ != phase::fresh) return;
  phase_ = phase::starting;
  auto e = events_.of_pool(event_kind::start, event_level::info);
  e.text = std::to_string(sizing_.size()) + (sizing_.size() == 1 ? " worker" : " workers");
  if (spec_.size.spares > 0)
    e.text += " and " + std::to_string(spec_.size.spares) + (spec_.size.spares == 1 ? " spare" : " spares");
  if (!processes()) e.text += "; on threads a segfault in a task ends the program";
  e.child = events_.described(sizing_);
  note(std::move(e));
  keep_size(now);
}

task_id engine::submit(job_ptr task, time_point now) {
  task->submitted = now;
  const auto e = ledger_.add(std::move(task));
  const auto id = e.id;
  if (gave_up_) {
    ledger_.settle_rest(e, outcome_kind::pool_gone, work_state::not_started, *gave_up_);
  } else if (phase_ == phase::stopping || phase_ == phase::stopped) {
    ledger_.settle_rest(e, outcome_kind::cancelled, work_state::not_started,
                        make_cause(cause_class::killed, "the pool was stopped"));
  } else if (ledger_.open() > spec_.limits.queue_limit) {
    ledger_.settle_rest(
        e, outcome_kind::rejected, work_state::not_started,
        make_cause(cause_class::none, "queue_limit of " + std::to_string(spec_.limits.queue_limit) + " is reached"));
  } else if (at(e).task->key) {
    enqueue_of_key(e);
  } else {
    ledger_.enqueue(e);
  }
  return id;
}

void engine::stop(bool drain, time_point now) {
  if (phase_ == phase::stopped) return;
  // Without workers, and none to come, there is nobody to drain the queue.
  if (gave_up_ || phase_ == phase::fresh) drain = false;
  if (phase_ != phase::stopping) {
    phase_ = phase::stopping;
    end_.begin(now);
  }
  if (!drain) begin_stop();
}

void engine::cancel_queue() {
  const auto why = make_cause(cause_class::killed, "the pool was stopped");
  settle_keys(outcome_kind::cancelled, why);
  ledger_.settle_queue(outcome_kind::cancelled, why);
}

/// From here on nothing new is started: what waits is cancelled, and each worker is asked to end.
void engine::begin_stop() {
  if (is_asked()) return;
  end_.reach(stop_ladder::stage::asked);
  cancel_queue();
  for (auto& w : workers_) {
    lives_.ask_to_end(w.life, !w.sent.empty());
  }
}

void engine::worker_exists(worker_ref ref, int pid) {
  auto* w = find(ref);
  if (w) lives_.exists(w->life, pid);
}

void engine::worker_ready(worker_ref ref, time_point now) {
  auto* w = find(ref);
  if (!w || !w->life.is_starting()) return;
  lives_.ready(w->life, sizing_.wanted(), now);
  if (lives_.is_scarce()) keep_size(now);
  check_started();
}

/// The pool runs when all that it means to have are ready; those that a resize made superfluous may still be ending.
void engine::check_started() {
  if (phase_ == phase::starting && !gave_up_ && lives_.all_came()) {
    phase_ = phase::running;
    note(events_.of_pool(event_kind::ready, event_level::info));
    notices_.emplace_back(news::all_ready{});
  }
}

void engine::worker_start_failed(worker_ref ref, const cause& why, time_point now) {
  worker_died(ref, death{why, 0, false}, now);
}

void engine::new_head(worker& w, time_point since) {
  w.head = head_watch(limits_, since, deadline_of(w));
  if (w.sent.empty()) {
    w.life.idles(since);
  } else if (at(w.sent.front()).cancelled) {
    cancel_head(w, since);
  }
}

std::pair<const job*, std::uint64_t> engine::sent(worker_ref ref, task_id id) const {
  if (const auto* w = find(ref)) {
    for (const auto e : w->sent) {
      if (e.id == id) return {at(e).task.get(), at(e).received};
    }
  }
  return {nullptr, 0};
}

namespace {

/// Without the first ones of these results.
void drop_front(bytes& results, const job& task, std::uint64_t count) {
  if (!task.entry) return;
  detail::item_reader items(results, task.entry->result_size);
  const auto dropped = items.next(static_cast<std::size_t>(count)).size();
  results.erase(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(dropped));
}

}  // namespace

void engine::worker_finished(worker_ref ref, task_id id, std::uint64_t item, std::uint64_t count, bytes results,
                             time_point since, time_point now) {
  auto* w = find(ref);
  if (!w || w->sent.empty() || w->sent.front().id != id) return;
  const auto e = w->sent.front();
  const auto& r = at(e);
  // An answer that is not read yet comes first. What the worker shows is not believed beyond what can be.
  if (r.cancelled || !r.task->sink || item > r.received || item > r.items || count > r.items - item) return;
  const auto had = r.received - item;
  if (count <= had) return;
  if (had > 0) drop_front(results, *r.task, had);
  const auto began = w->head.since();
  since = std::clamp(since, began, std::max(now, began));
  count -= had;
  w->life.answers(count);
  ledger_.settle_values(e, item + had, count, std::move(results), ms_between(began, since));
  count_times(e, count, ms_between(began, since), began);
  if (r.task->batch) {
    w->heard += static_cast<std::uint32_t>(count);
    w->sent.less(count, estimate(e, count));
  }
  w->head.harvest_again(now);
  if (w->head.item() < r.received) w->head.goes_on(std::min(r.received, r.items - 1), since);
}

bool engine::worker_items(worker_ref ref, task_id id, std::uint64_t item, std::uint64_t count, bytes results,
                          double ran_ms, bool done, time_point now) {
  auto* w = find(ref);
  if (!w) return true;
  if (w->sent.empty() && !w->withdrawn.empty() && id == w->withdrawn.front()) {
    w->withdrawn.pop_front();
    return count == 0 && done;
  }
  if (w->sent.empty()) return w->life.is_ended();
  const auto e = w->sent.front();
  const auto& r = at(e);
  // It answers each item once and in order, also those that were harvested, and none that is not its own any more.
  if (e.id != id || item != r.answered || count > r.items - item || item + count < r.received) return false;
  // An answer of nothing at all, or one that ends before it was told to, says nothing that may count.
  const bool early = done && item + count < r.items;
  if ((count == 0 && !done) || (early && !r.cut && !r.cancelled)) return false;
  ledger_.answered(e, count);
  const auto had = r.received - item;
  if (had > 0 && had < count) {
    drop_front(results, *r.task, had);
    ran_ms *= static_cast<double>(count - had) / static_cast<double>(count);
  }
  count -= had;
  ledger_.settle_values(e, item + had, count, std::move(results), ran_ms);
  head_answered(*w, count, ran_ms, done, now);
  return true;
}

bool engine::worker_item_failed(worker_ref ref, task_id id, std::uint64_t item, cause why, double ran_ms, bool done,
                                time_point now) {
  auto* w = find(ref);
  if (!w) return true;
  if (w->sent.empty()) return w->life.is_ended();
  const auto e = w->sent.front();
  if (e.id != id || item != at(e).received || item != at(e).answered || item >= at(e).items) return false;
  ledger_.pass(e, 1);
  ledger_.answered(e, 1);
  if (!at(e).cancelled) item_threw(*w, e, static_cast<std::uint32_t>(item), std::move(why), ran_ms);
  head_answered(*w, 1, ran_ms, done, now);
  return true;
}

bool engine::worker_did_not_take(worker_ref ref, task_id id, cause why, time_point now) {
  auto* w = find(ref);
  if (!w) return true;
  if (w->sent.empty()) return w->life.is_ended();
  const auto e = w->sent.front();
  if (e.id != id || at(e).received != 0) return false;
  const auto items = at(e).items;
  if (at(e).cancelled) {
    // Nobody waits for it.
  } else if (at(e).task->items == 1) {
    if (why.cls == cause_class::memory) ++totals_.memory;
    auto told = events_.of_worker(event_kind::task_fail, event_level::warn, w->life);
    told.why = why;
    told.task = events_.task(at(e), 0);
    told.task_fate = "failed";
    note(std::move(told));
    ledger_.settle_failed(e, 0, ledger_.error_of(e, outcome_kind::rejected, work_state::not_started, why, 0));
  } else {
    ledger_.put_first(ledger_.split(e, items / 2, items - items / 2));
    if (items > 1) ledger_.put_first(ledger_.split(e, 0, items / 2));
  }
  ledger_.pass(e, items);
  head_answered(*w, 0, 0.0, true, now);
  return true;
}

void engine::item_threw(worker& w, slip e, std::uint32_t item, cause why, double ran_ms) {
  const bool again =
      spec_.on_exception == exception_policy::retry && at(e).attempt < at(e).task->attempts_in(spec_) && !is_asked();
  ++totals_.exceptions;
  if (why.cls == cause_class::memory) ++totals_.memory;
  auto told = events_.of_worker(again ? event_kind::task_retry : event_kind::task_fail, event_level::warn, w.life);
  told.why = why;
  told.why->original = nullptr;  // it is the caller's, and not the log's to keep
  told.task = events_.task(at(e), item);
  told.task->ran_ms = ran_ms;
  told.task_fate = again ? "requeued" : "failed";
  note(std::move(told));
  attempt_record attempt{at(e).attempt, w.life.name(), w.life.pid(), why, ran_ms};
  if (again) {
    const auto next = ledger_.split(e, item, 1);
    ledger_.note_run(next, std::move(attempt));
    ledger_.try_again(next);
    return ledger_.put_first(next);
  }
  auto error = ledger_.error_of(e, outcome_kind::exception, work_state::failed, std::move(why), item);
  error.attempts.push_back(std::move(attempt));
  ledger_.settle_failed(e, item, std::move(error));
}

/// Notes that the worker has gone on. What is left of a chunk that ended early goes back to the queue.
void engine::head_answered(worker& w, std::uint64_t items, double ran_ms, bool done, time_point now) {
  const auto e = w.sent.front();
  w.life.answers(items);
  if (items > 0) {
    const auto each_us = ran_ms * 1'000.0 / static_cast<double>(items);
    times_.learn(at(e).task->entry, each_us);
    count_times(
        e, items, ran_ms,
        now - std::chrono::duration_cast<time_point::duration>(std::chrono::duration<double, std::milli>(ran_ms)));
  }
  if (!done) {
    w.head.next_item(at(e).received, now);
    return;
  }
  take_head(w);
  if (at(e).cancelled || at(e).received == at(e).items) {
    ledger_.drop(e);
  } else {
    ledger_.requeue(e);
  }
  new_head(w, now);
  if (!w.life.is_terminating() || !w.sent.empty()) return;
  // What it was to end for is over: it has nothing to wait for.
  lives_.kill(w.life);
}

void engine::count_times(slip e, std::uint64_t items, double ran_ms, time_point began) {
  constexpr double us_of_ms = 1'000.0;
  taken_.add(ran_ms * us_of_ms / static_cast<double>(items), items);
  waited_.add(std::max(0.0, ms_between(at(e).task->submitted, began) * us_of_ms), items);
}

void engine::take_head(worker& w) {
  const auto e = w.sent.front();
  const auto left = at(e).items - std::exchange(w.heard, 0);
  w.sent.pop_front(left, estimate(e, left));
  if (w.sent.empty()) --busy_;
}

decisions engine::step(time_point now) {
  if (now - last_step_ > away_after()) catch_up(now);
  last_step_ = now;
  if (phase_ == phase::starting) check_started();
  check_workers(now);
  if (cancelled_behind_) take_back_cancelled();
  dispatch(now);
  if (busy_ > 0) harvest(now);
  if (waits_ > 0) check_waits(now);
  if (spec_.restarts.recycle_after > 0 || spec_.restarts.recycle_memory > 0) check_shares(now);
  if (phase_ == phase::stopping) check_stop(now);
  if (is_asked() || gave_up_) ledger_.take_ended();
  if (told_size_ != sizing_.size()) tell_size();
  return {std::exchange(orders_, {}), std::exchange(notices_, {})};
}

bool engine::may_take(const worker& w) const {
  if (!w.life.is_ready() || w.head.is_to_end() || w.head.is_held() || !w.withdrawn.empty()) return false;
  if (w.sent.empty() && sizing_.is_full(busy_)) return false;  // it is a spare
  return w.life.left_of_share(w.sent.items()) > 0;
}

/// How many like it one worker may be sent at a time. Those of a batch count one by one.
std::size_t engine::most_ahead(slip next) const {
  if (at(next).items > 1 && !at(next).task->batch) return 2;
  return processes() ? prefetch_tasks : prefetch_tasks_of_threads;
}

namespace {

/// What may be sent ahead to a busy worker: what is known to be short, and nothing beside what is to run alone.
struct candidate {
  std::size_t most;
  double most_us;
  double us;
  bool alone;

  bool fits(const sent_work& sent, std::size_t size, unsigned last_attempt) const {
    return !alone && last_attempt == 1 && size < most && sent.load_us() + us <= most_us;
  }
};

double most_us_ahead(const ledger::record& r) {
  return r.items > 1 && !r.task->batch ? prefetch_chunk_us : prefetch_us;
}

}  // namespace

/// What waits, and so one worker is not sent more than its share of it.
std::size_t engine::share_of(std::size_t waiting) const {
  return 1 + waiting / (2 * std::size_t{std::max(1U, sizing_.size())});
}

/// How many of a batch the worker is sent now, as if they were sent one by one: half of what it has room for, so that
/// others come to theirs.
std::uint64_t engine::most_of_batch(const worker& w, slip next) {
  const auto most = std::min(most_ahead(next), share_of(ledger_.queued()));
  const auto room = static_cast<double>(most) - static_cast<double>(w.sent.items());
  const auto time = (prefetch_us - w.sent.load_us()) / estimate(next, 1);
  return static_cast<std::uint64_t>(std::max(1.0, std::min(room, time) / 2.0));
}

bool engine::has_room(const worker& w, slip next, std::size_t most) {
  if (w.sent.empty()) return true;
  const auto& r = at(next);
  const candidate one{most, most_us_ahead(r), estimate(next), r.attempt > 1 || ledger_.suspects() > 0};
  return one.fits(w.sent, w.sent.size(), at(w.sent.back()).attempt);
}

/// Prefers idle workers, then the one with the least to do; for a new key, of several idle ones the one with the
/// fewest.
engine::worker* engine::choose(slip next, std::size_t waiting) {
  worker* best = nullptr;
  std::size_t fewest = 0;  // that `best` has
  const auto& r = at(next);
  const bool keyed = r.task->key != nullptr;
  const bool batch = r.task->batch;
  const auto share = share_of(batch ? ledger_.queued() : waiting);
  const candidate one{std::min(most_ahead(next), share), most_us_ahead(r), estimate(next, batch ? 1 : r.items),
                      r.attempt > 1 || ledger_.suspects() > 0};
  for (auto& w : workers_) {
    if (!may_take(w)) continue;
    const auto size = batch ? w.sent.items() : w.sent.size();
    if (size > 0 && !one.fits(w.sent, size, at(w.sent.back()).attempt)) continue;
    const bool has_fewer_keys =
        keyed && best && size == fewest && keys_.keys_of(ref_of(w)) < keys_.keys_of(ref_of(*best));
    if (best && size >= fewest && !has_fewer_keys) continue;
    best = &w;
    fewest = size;
    if (!keyed && size == 0) break;
  }
  return best;
}

void engine::hand_over(worker& w, slip e, time_point now) {
  const auto& r = at(e);
  const bool first = w.sent.empty();
  w.sent.push_back(e, r.items, estimate(e));
  ledger_.sent(e);
  if (r.task->key) keys_.give(*r.task->key, ref_of(w));
  if (first) {
    ++busy_;
    new_head(w, now);
  }
  orders_.emplace_back(act::assign{ref_of(w), r.id, r.attempt, r.task});
}

/// Tasks under which a worker died run alone, and for the last time in a worker that has run nothing before.
void engine::dispatch_suspects(time_point now) {
  ledger_.offer_suspects([&](slip e) {
    const auto& r = at(e);
    const bool last = processes() && r.attempt == r.task->attempts_in(spec_) && r.attempt > 1;
    worker* best = nullptr;
    worker* used = nullptr;
    bool coming = false;
    for (auto& w : workers_) {
      coming = coming || w.life.is_coming() || w.life.is_leaving();
      if (!may_take(w) || !w.sent.empty()) continue;
      (last && w.life.answered() > 0 ? used : best) = &w;
      if (best) break;
    }
    if (best) {
      hand_over(*best, e, now);
      return true;
    }
    // Nobody is fresh, and nobody new is on the way: an idle worker makes room for one.
    if (used && !coming) lives_.retire(used->life);
    return false;
  });
}

void engine::dispatch(time_point now) {
  if (ledger_.any_ended()) advance_keys();
  if (gave_up_ || is_asked() || phase_ == phase::fresh) return;
  if (ledger_.suspects() > 0) dispatch_suspects(now);
  if (keys_.any_due()) dispatch_keys(false, now);
  auto waiting = dispatch_queue(now);
  // Spares take what waits as soon as the pool means to have more workers.
  if (ledger_.queued() > 0 && sizing_.can_grow() && grow(waiting + ledger_.suspects(), now)) dispatch_queue(now);
  if (keys_.any_due()) dispatch_keys(true, now);
  if (busy_ > 0) relieve(now);
}

/// Returns how many still wait.
std::size_t engine::dispatch_queue(time_point now) {
  auto waiting = ledger_.waiting();
  while (const auto e = ledger_.front()) {
    if (at(*e).task->key && returned_to_holder(*e)) {
      --waiting;
      continue;
    }
    auto* w = choose(*e, waiting);
    if (!w) break;
    auto most = w->life.left_of_share(w->sent.items());
    if (at(*e).task->batch) most = std::min<std::uint64_t>(most, most_of_batch(*w, *e));
    if (at(*e).items <= most) --waiting;
    hand_over(*w, ledger_.take_front(most), now);
  }
  return waiting;
}

/// Workers that wait for something to do, though there is nothing.
std::size_t engine::idle() const {
  return static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(),
                                                [this](const worker& w) { return w.sent.empty() && may_take(w); }));
}

/// When what a worker was sent behind the one in hand has waited long enough.
time_point engine::held_up_at(const worker& w) const {
  if (!works(w) || w.head.is_held() || w.head.is_to_end() || w.sent.empty() || !w.withdrawn.empty())
    return time_point::max();
  const auto& r = at(w.sent.front());
  const bool more = w.sent.size() > 1 || (!r.cancelled && r.items - r.received > 1);
  return more ? w.head.held_up_at() : time_point::max();
}

/// Nothing waits behind a long run while somebody is idle, and nothing of higher priority behind much of a lower one.
void engine::relieve(time_point now) {
  const bool helps = ledger_.suspects() == 0 && idle() > 0;
  const auto next = ledger_.queued() > 0 ? ledger_.front() : std::nullopt;
  for (auto& w : workers_) {
    const auto due = held_up_at(w);
    if (due == time_point::max() || !w.head.may_be_held(now)) continue;
    // One that waits for others may wait for what is behind it, which more workers could run.
    const bool calls_for_more = w.waits && sizing_.can_grow();
    if (calls_for_more || (helps && due <= now) || (next && is_ahead(w, at(*next).task->priority))) take_back(w);
  }
}

/// Whether more than may be sent ahead by what is known by now waits in the worker before one of this priority.
bool engine::is_ahead(const worker& w, int priority) {
  const auto& first = at(w.sent.front());
  const bool batch = first.task->batch && first.items - first.received > 1;
  if ((w.sent.size() < 2 && !batch) || at(w.sent.back()).task->priority >= priority) return false;
  double us = batch ? estimate(w.sent.front(), first.items - first.received - 1) : 0.0;
  for (auto e = w.sent.begin() + 1; e != w.sent.end(); ++e) us += estimate(*e);
  return us > prefetch_us;
}

/// When it is worth a look what a worker has finished of its chunk: soon, and later each time that it is found still to
/// be at the same item.
time_point engine::harvest_at(const worker& w) const {
  if (!works(w) || w.sent.empty()) return time_point::max();
  const auto& r = at(w.sent.front());
  return !r.cancelled && r.task->sink && r.items - r.received > 1 ? w.head.harvest_at() : time_point::max();
}

/// What is finished does not wait for what is not.
void engine::harvest(time_point now) {
  for (auto& w : workers_) {
    if (harvest_at(w) > now) continue;
    const auto& r = at(w.sent.front());
    orders_.emplace_back(act::harvest{ref_of(w), r.id, r.task, r.received});
    w.head.harvested(now);
  }
}

std::optional<time_point> engine::next_due() const {
  std::optional<time_point> due;
  const auto add = [&due](time_point t) { due = due ? std::min(*due, t) : t; };
  const bool helps = busy_ > 0 && ledger_.suspects() == 0 && idle() > 0;
  for (const auto& w : workers_) {
    if (const auto t = helps ? held_up_at(w) : time_point::max(); t != time_point::max()) add(t);
    if (const auto t = watched_at(w); t != time_point::max()) add(t);
    if (const auto t = harvest_at(w); t != time_point::max()) add(t);
    if (works(w) && wanted(w.life.index(), last_step_).memory) add(last_step_);
    if (const auto t = idle_exit_at(w); t != time_point::max()) add(t);
  }
  if (phase_ == phase::stopping && !end_.has_reached(stop_ladder::stage::killed)) add(end_.due());
  return due;
}

worker_view engine::view(unsigned index) const {
  const auto& w = workers_.at(index);
  // One that is only due to be started has no process: its last one is gone, and the number may be somebody else's.
  const int pid = w.life.exists() ? w.life.pid() : 0;
  worker_view out;
  out.incarnation = w.life.incarnation();
  out.pid = pid;
  out.ready = w.life.is_ready();
  out.exists = !w.life.is_down();
  out.sent = w.sent.items();
  if (w.sent.empty()) return out;
  const auto& head = at(w.sent.front());
  out.entry = head.task->entry;
  out.in_hand = head.id + std::min<std::uint64_t>(w.head.item(), head.items - 1);
  out.since = w.head.since();
  return out;
}

const engine::worker* engine::find(worker_ref ref) const {
  if (ref.index >= workers_.size()) return nullptr;
  const auto& w = workers_[ref.index];
  return w.life.incarnation() == ref.incarnation && w.life.exists() ? &w : nullptr;
}

engine::worker* engine::find(worker_ref ref) {
  return const_cast<worker*>(static_cast<const engine*>(this)->find(ref));
}

}  // namespace steward::pooling
