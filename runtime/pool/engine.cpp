#include "pool/engine.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace steward::pooling {

namespace {

// What may be sent ahead to a busy worker: no more than this much expected work, so that a long task holds few others
// up.
constexpr double prefetch_us = 1'000.0;
constexpr std::size_t prefetch_tasks = 64;

unsigned worker_count(const pool_spec& spec) {
  return spec.workers > 0 ? spec.workers : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

engine::engine(pool_spec spec, std::string path, std::uint64_t seed)
    : spec_(std::move(spec)), path_(std::move(path)), budget_(spec_.worker_restarts) {
  spec_.attempts = std::max(1U, spec_.attempts);
  const auto count = worker_count(spec_);
  workers_.reserve(count);
  for (unsigned i = 0; i < count; ++i)
    workers_.emplace_back(policy::backoff(spec_.backoff, seed ^ (0x9e3779b97f4a7c15ULL * (i + 1))));
}

void engine::start(time_point now) {
  if (phase_ != phase::fresh) return;
  phase_ = phase::starting;
  auto e = make_event(event_kind::start, event_level::info);
  e.text = std::to_string(workers_.size()) + (workers_.size() == 1 ? " worker" : " workers");
  note(std::move(e));
  for (auto& w : workers_) begin(w, now);
}

void engine::submit(job_ptr task) {
  const auto id = ++last_id_;
  ++totals_.submitted;
  ledger_.emplace(id, record{std::move(task), 1, {}});
  if (gave_up_) {
    settle_error(id, outcome_kind::pool_gone, work_state::not_started, *gave_up_);
  } else if (phase_ == phase::stopping || phase_ == phase::stopped) {
    settle_error(id, outcome_kind::cancelled, work_state::not_started,
                 make_cause(cause_class::killed, "the pool was stopped"));
  } else if (ledger_.size() > spec_.queue_limit) {
    settle_error(id, outcome_kind::rejected, work_state::not_started,
                 make_cause(cause_class::none, "queue_limit of " + std::to_string(spec_.queue_limit) + " is reached"));
  } else {
    queue_.push_back(id);
  }
}

void engine::stop(bool drain, time_point now) {
  if (phase_ == phase::stopped) return;
  // Without workers, and none to come, there is nobody to drain the queue.
  if (gave_up_ || phase_ == phase::fresh) drain = false;
  if (phase_ != phase::stopping) {
    phase_ = phase::stopping;
    drain_ = true;
    stop_since_ = now;
  }
  if (!drain && drain_) {
    drain_ = false;
    begin_stop();
  }
}

/// From here on nothing new is started: what waits is cancelled, and each worker is asked to end.
void engine::begin_stop() {
  drain_ = false;
  if (asked_) return;
  asked_ = true;
  const auto why = make_cause(cause_class::killed, "the pool was stopped");
  while (!queue_.empty()) {
    const auto id = queue_.front();
    queue_.pop_front();
    settle_error(id, outcome_kind::cancelled, work_state::not_started, why);
  }
  for (auto& w : workers_) {
    if (w.at == state::waiting) w.at = state::down;
    if (w.at == state::down || w.at == state::killing) continue;
    const bool idle = w.sent.empty() && w.at != state::starting;
    w.at = state::retiring;
    out_.emplace_back(act::stop{ref_of(w)});
    if (!idle) out_.emplace_back(act::terminate{ref_of(w)});
  }
}

void engine::worker_exists(worker_ref ref, int pid) {
  if (auto* w = find(ref)) w->pid = pid;
}

void engine::worker_ready(worker_ref ref, time_point now) {
  auto* w = find(ref);
  if (!w || w->at != state::starting) return;
  w->at = state::ready;
  w->was_ready = true;
  w->delays.ready(now);
  failed_starts_ = 0;
  if (w->died_at) {
    auto e = worker_event(event_kind::recover, event_level::info, *w);
    e.recovery_ms = ms_between(*w->died_at, now);
    note(std::move(e));
    w->died_at.reset();
  } else {
    note(worker_event(event_kind::ready, event_level::debug, *w));
  }
  const auto is_ready = [](const worker& x) { return x.at == state::ready; };
  if (phase_ == phase::starting && std::all_of(workers_.begin(), workers_.end(), is_ready)) {
    phase_ = phase::running;
    note(make_event(event_kind::ready, event_level::info));
  }
  if (!announced_ && phase_ == phase::running) {
    announced_ = true;
    out_.emplace_back(act::all_ready{});
  }
}

void engine::worker_start_failed(worker_ref ref, const cause& why, time_point now) {
  worker_died(ref, death{why, 0, false}, now);
}

void engine::worker_running(worker_ref ref, task_id current, time_point since, time_point now) {
  auto* w = find(ref);
  if (!w || w->sent.empty() || w->sent.front() != current || w->head_started) return;
  // The page is written by the worker, so its time is held between what we know.
  w->head_since = std::clamp(since, w->head_since, std::max(now, w->head_since));
  w->head_started = true;
  w->check_at = w->head_since + spec_.deadline;
}

void engine::new_head(worker& w, time_point since) {
  w.head_since = since;
  w.head_started = false;
  w.check_at = since + spec_.deadline;
}

bool engine::worker_answered(worker_ref ref, task_id id, answer reply, time_point now) {
  auto* w = find(ref);
  if (!w) return true;
  if (w->sent.empty()) return w->at == state::killing;  // its tasks may have been settled without it
  if (w->sent.front() != id) return false;
  const auto* entry = ledger_.at(id).task->entry;
  drop_sent(*w, id);
  new_head(*w, now);
  ++w->answered;
  learn(entry, reply.ran_ms * 1'000.0);
  if (reply.failed) {
    answered_with_exception(*w, id, std::move(reply));
  } else {
    settle_value(id, std::move(reply));
  }
  return true;
}

void engine::answered_with_exception(worker& w, task_id id, answer reply) {
  auto& r = ledger_.at(id);
  r.history.push_back({r.attempt, name_of(w), w.pid, reply.why, reply.ran_ms});
  const bool again = spec_.on_exception == exception_policy::retry && r.attempt < spec_.attempts && (!asked_ || drain_);
  auto e = worker_event(again ? event_kind::task_retry : event_kind::task_fail, event_level::warn, w);
  e.why = reply.why;
  e.task = task_view(id, r);
  e.task->ran_ms = reply.ran_ms;
  e.task_fate = again ? "requeued" : "failed";
  note(std::move(e));
  if (again) {
    ++r.attempt;
    ++totals_.retried;
    requeue_front(id);
  } else {
    settle_error(id, outcome_kind::exception, work_state::failed, std::move(reply.why));
  }
}

void engine::settle_value(task_id id, answer reply) {
  const auto at = ledger_.find(id);
  out_.emplace_back(act::settle{std::move(at->second.task), outcome<bytes>(std::move(reply.result), reply.ran_ms)});
  ledger_.erase(at);
  ++totals_.settled;
}

void engine::settle_error(task_id id, outcome_kind kind, work_state work, cause why) {
  const auto at = ledger_.find(id);
  auto& r = at->second;
  task_error error{
      kind, work, id, r.task->entry ? r.task->entry->name : "callable", std::move(why), std::move(r.history)};
  // A task that is given up between two attempts did run.
  if (work == work_state::not_started && !error.attempts.empty()) error.work = work_state::unknown;
  out_.emplace_back(act::settle{std::move(r.task), outcome<bytes>(std::move(error))});
  ledger_.erase(at);
  ++totals_.settled;
  ++totals_.failed;
}

void engine::settle_all(outcome_kind kind, const cause& why) {
  for (auto& w : workers_) {
    // Whether it began what it was sent first is not known; of what came behind we know that it will not count.
    for (std::size_t i = 0; i < w.sent.size(); ++i)
      settle_error(w.sent[i], kind, i == 0 ? work_state::unknown : work_state::not_started, why);
    w.sent.clear();
    w.load_us = 0.0;
  }
  for (const auto id : queue_) settle_error(id, kind, work_state::not_started, why);
  queue_.clear();
}

void engine::drop_sent(worker& w, task_id id) {
  w.load_us = std::max(0.0, w.load_us - estimate(ledger_.at(id).task->entry));
  w.sent.pop_front();
  if (w.sent.empty()) w.load_us = 0.0;
}

std::vector<action> engine::step(time_point now) {
  check_workers(now);
  dispatch(now);
  if (phase_ == phase::stopping) check_stop(now);
  return std::exchange(out_, {});
}

/// Prefers idle workers, then the one with the least to do, and sends ahead only what is known to be short.
engine::worker* engine::choose(const record& next, double estimated) {
  worker* best = nullptr;
  const std::size_t share = 1 + queue_.size() / (2 * workers_.size());
  for (auto& w : workers_) {
    if (w.at != state::ready) continue;
    if (spec_.recycle_after > 0 && w.answered + w.sent.size() >= spec_.recycle_after) continue;
    if (!w.sent.empty()) {
      const bool alone = next.attempt > 1 || ledger_.at(w.sent.back()).attempt > 1;
      const bool full = w.sent.size() >= std::min(prefetch_tasks, share) || w.load_us + estimated > prefetch_us;
      if (alone || full) continue;
    }
    if (!best || w.sent.size() < best->sent.size()) best = &w;
    if (best->sent.empty()) break;
  }
  return best;
}

void engine::dispatch(time_point now) {
  if (gave_up_ || (phase_ == phase::stopping && !drain_) || phase_ == phase::fresh) return;
  while (!queue_.empty()) {
    const auto id = queue_.front();
    const auto& r = ledger_.at(id);
    const double expected = estimate(r.task->entry);
    auto* w = choose(r, expected);
    if (!w) return;
    queue_.pop_front();
    if (w->sent.empty()) new_head(*w, now);
    w->sent.push_back(id);
    w->load_us += expected;
    out_.emplace_back(act::assign{ref_of(*w), id, r.attempt, r.task});
  }
}

double engine::estimate(const task_entry* entry) const {
  const auto at = run_us_.find(entry);
  return at == run_us_.end() ? 2 * prefetch_us : at->second;
}

/// Follows longer runs at once and shorter ones slowly: to wait behind a long task is worse than to be sent late.
void engine::learn(const task_entry* entry, double ran_us) {
  // Each task costs a worker something, or the budget of run time would not bound the count.
  ran_us = std::max(ran_us, 1.0);
  const auto [at, fresh] = run_us_.try_emplace(entry, ran_us);
  if (!fresh) at->second = ran_us > at->second ? ran_us : at->second + (ran_us - at->second) / 8.0;
}

std::optional<time_point> engine::next_due() const {
  std::optional<time_point> due;
  const auto add = [&due](time_point t) { due = due ? std::min(*due, t) : t; };
  for (const auto& w : workers_) {
    if (w.at == state::waiting || w.at == state::starting) add(w.due);
    if (w.at == state::retiring && !asked_) add(w.due);
    if (w.at == state::ready && !w.sent.empty() && spec_.deadline.count() > 0) add(w.check_at);
  }
  if (phase_ == phase::stopping && !forced_)
    add(stop_since_ + spec_.shutdown -
        (terminated_ ? milliseconds{0} : std::min(spec_.shutdown / 5, milliseconds{500})));
  return due;
}

worker_view engine::view(unsigned index) const {
  const auto& w = workers_.at(index);
  return {w.incarnation, w.pid, w.at == state::ready, w.sent.size()};
}

engine::worker* engine::find(worker_ref ref) {
  if (ref.index >= workers_.size()) return nullptr;
  auto& w = workers_[ref.index];
  return w.incarnation == ref.incarnation && w.at != state::down && w.at != state::waiting ? &w : nullptr;
}

worker_ref engine::ref_of(const worker& w) const {
  return {static_cast<unsigned>(&w - workers_.data()), w.incarnation};
}

std::string engine::name_of(const worker& w) const { return "w" + std::to_string(ref_of(w).index + 1); }

bool engine::any_ready() const {
  return std::any_of(workers_.begin(), workers_.end(), [](const worker& w) { return w.at == state::ready; });
}

}  // namespace steward::pooling
