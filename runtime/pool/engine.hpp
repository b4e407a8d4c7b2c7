#pragma once

#include "policy/backoff.hpp"
#include "policy/budget.hpp"
#include "steward/codec.hpp"
#include "steward/detail/pool_work.hpp"
#include "steward/event.hpp"
#include "steward/outcome.hpp"
#include "steward/spec.hpp"
#include "steward/task.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace steward::pooling {

using time_point = std::chrono::steady_clock::time_point;
using task_id = std::uint64_t;

/// One task as it was submitted. The ledger and the worker that runs it share it; only `done` is touched after that.
struct job : detail::pool_work {
  std::function<void(outcome<bytes>)> done;
};
using job_ptr = std::shared_ptr<job>;

inline cause make_cause(cause_class cls, std::string message) {
  cause why;
  why.cls = cls;
  why.message = std::move(message);
  return why;
}

inline double ms_between(time_point from, time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// One incarnation of one worker. Reports about an older incarnation are ignored.
struct worker_ref {
  unsigned index = 0;
  std::uint64_t incarnation = 0;
  friend bool operator==(const worker_ref&, const worker_ref&) = default;
};

/// What a worker said about a task.
struct answer {
  bool failed = false;
  bytes result;  ///< encoded, when not failed
  cause why;     ///< the exception, when failed
  double ran_ms = 0.0;
};

/// How a worker ended.
struct death {
  cause why;
  task_id in_hand = 0;  ///< what its flight recorder shows; 0 for nothing
  bool by_us = false;   ///< it ended because of a `kill` action
};

namespace act {

/// Hand the task to the worker, which runs what it is handed in this order and answers each before it begins the next.
struct assign {
  worker_ref worker;
  task_id id = 0;
  unsigned attempt = 1;
  job_ptr task;
};
struct start {
  worker_ref worker;
};
/// Ask it to end when it has done what it was sent.
struct stop {
  worker_ref worker;
};
/// Ask it harder: SIGTERM. Threads cannot be asked.
struct terminate {
  worker_ref worker;
};
/// End it now: SIGKILL; a thread is abandoned. A death must be reported in any case.
struct kill {
  worker_ref worker;
};
struct settle {
  job_ptr task;
  outcome<bytes> result;
};
/// Every initial worker is ready.
struct all_ready {};
struct gave_up {
  cause why;
};
/// The last worker is gone after a stop.
struct stopped {};

}  // namespace act

using action = std::variant<act::assign, act::start, act::stop, act::terminate, act::kill, act::settle, act::all_ready,
                            act::gave_up, act::stopped, event>;

struct worker_view {
  std::uint64_t incarnation = 0;
  int pid = 0;
  bool ready = false;
  std::size_t sent = 0;
};

struct counters {
  std::uint64_t submitted = 0;
  std::uint64_t settled = 0;
  std::uint64_t failed = 0;  ///< of the settled ones
  std::uint64_t retried = 0;
  std::uint64_t restarts = 0;
};

/// The ledger and the scheduler of a pool, as a pure machine: it reads no clock, starts nothing and waits for nothing.
///
/// The driver feeds it what happened and when, then takes the actions that `step` returns and carries them out in
/// order. Every submitted job is kept until exactly one `settle` action carries its outcome. Only the task that a dead
/// worker had in hand is charged an attempt, and those whose answers died with it; tasks that were sent and not started
/// return to the head of the queue. Not thread-safe: one owner calls everything, with times that do not go backwards.
class engine {
public:
  engine(pool_spec spec, std::string path, std::uint64_t seed);

  void start(time_point now);
  void submit(job_ptr task);
  /// Stops for good, within the spec's `shutdown`. `drain`: what was submitted is finished first; otherwise what has
  /// not started is cancelled. A second call may turn a draining stop into an immediate one.
  void stop(bool drain, time_point now);

  /// The worker exists. `pid` is 0 for a thread.
  void worker_exists(worker_ref ref, int pid);
  void worker_ready(worker_ref ref, time_point now);
  void worker_start_failed(worker_ref ref, const cause& why, time_point now);
  /// What the flight recorder shows: `current` is in hand since `since`, or nothing is when it is 0.
  void worker_running(worker_ref ref, task_id current, time_point since, time_point now);
  /// False when the worker was never asked that, or not in this order: it broke the protocol.
  bool worker_answered(worker_ref ref, task_id id, answer reply, time_point now);
  void worker_died(worker_ref ref, const death& how, time_point now);

  /// Everything that is to be done now.
  std::vector<action> step(time_point now);
  /// When `step` has something to do even if nothing happens.
  std::optional<time_point> next_due() const;

  bool finished() const noexcept { return phase_ == phase::stopped; }
  bool has_given_up() const noexcept { return gave_up_.has_value(); }
  std::size_t queued() const noexcept { return queue_.size(); }
  std::size_t open() const noexcept { return ledger_.size(); }
  const counters& totals() const noexcept { return totals_; }
  unsigned size() const noexcept { return static_cast<unsigned>(workers_.size()); }
  worker_view view(unsigned index) const;

private:
  enum class phase : std::uint8_t { fresh, starting, running, stopping, stopped };
  enum class state : std::uint8_t {
    down,      ///< no worker, and none is due
    waiting,   ///< a start is due at `due`
    starting,  ///< not ready yet; must be by `due`
    ready,
    retiring,  ///< asked to stop
    killing,   ///< killed; its death is on its way
  };
  struct worker {
    explicit worker(policy::backoff d) : delays(std::move(d)) {}

    std::uint64_t incarnation = 0;
    state at = state::down;
    int pid = 0;
    bool was_ready = false;
    std::uint64_t answered = 0;  ///< tasks of this incarnation
    std::deque<task_id> sent;    ///< in the order in which it runs them
    double load_us = 0.0;        ///< expected run time of `sent`
    time_point head_since;       ///< when the first of `sent` is taken to have started, at the earliest
    bool head_started = false;   ///< the flight recorder has shown it
    time_point check_at;         ///< when the first of `sent` is looked at for its deadline
    time_point due;              ///< of the start, of being ready, or of the end
    std::optional<cause> killed_for;
    task_id killed_task = 0;  ///< the one that ran past its deadline
    std::optional<time_point> died_at;
    policy::backoff delays;
  };
  struct record {
    job_ptr task;
    unsigned attempt = 1;
    std::vector<attempt_record> history;
  };

  worker* find(worker_ref ref);
  worker_ref ref_of(const worker& w) const;
  std::string name_of(const worker& w) const;

  void settle_value(task_id id, answer reply);
  void settle_error(task_id id, outcome_kind kind, work_state work, cause why);
  void settle_all(outcome_kind kind, const cause& why);
  void answered_with_exception(worker& w, task_id id, answer reply);
  void charge(worker& w, task_id id, const cause& why, bool answer_lost, time_point now, std::string& fate);
  void requeue_front(task_id id) { queue_.push_front(id); }
  void drop_sent(worker& w, task_id id);
  void new_head(worker& w, time_point since);

  void begin(worker& w, time_point now);
  void kill(worker& w, cause why);
  std::string reclaim(worker& w, const death& how, const cause& why, time_point now);
  void restart_or_give_up(worker& w, const cause& why, const event& crash, bool counts, time_point now);
  void give_up(const cause& why, time_point now);
  void begin_stop();
  void check_stop(time_point now);
  void check_workers(time_point now);
  void check_deadline(worker& w, time_point now);
  void dispatch(time_point now);
  worker* choose(const record& next, double estimate);
  double estimate(const task_entry* entry) const;
  void learn(const task_entry* entry, double ran_us);

  event make_event(event_kind kind, event_level level) const;
  event worker_event(event_kind kind, event_level level, const worker& w) const;
  event_task task_view(task_id id, const record& r) const;
  event_decision decision(const char* what, time_point now, milliseconds delay = milliseconds{0}) const;
  void note(event e) { out_.emplace_back(std::move(e)); }
  bool any_ready() const;
  bool processes() const noexcept { return spec_.runs_in == rung::process; }

  pool_spec spec_;
  std::string path_;
  phase phase_ = phase::fresh;
  bool drain_ = false;
  bool announced_ = false;  // all_ready was said
  bool asked_ = false;      // the ladder of the stop: asked, terminated, killed
  bool terminated_ = false;
  bool forced_ = false;
  time_point stop_since_;
  std::optional<cause> gave_up_;
  std::vector<worker> workers_;
  policy::restart_budget budget_;
  unsigned failed_starts_ = 0;  // in a row, while nobody is ready
  std::unordered_map<task_id, record> ledger_;
  std::deque<task_id> queue_;
  task_id last_id_ = 0;
  std::unordered_map<const task_entry*, double> run_us_;
  counters totals_;
  std::vector<action> out_;
};

}  // namespace steward::pooling
