#pragma once

#include "pool/actions.hpp"
#include "pool/head_watch.hpp"
#include "pool/key_lines.hpp"
#include "pool/ledger.hpp"
#include "pool/pool_events.hpp"
#include "pool/run_times.hpp"
#include "pool/sent_work.hpp"
#include "pool/sizing.hpp"
#include "pool/stop_ladder.hpp"
#include "pool/worker_lives.hpp"
#include "steward/event.hpp"
#include "steward/outcome.hpp"
#include "steward/spec.hpp"
#include "steward/task.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steward::pooling {

struct counters : task_counts {
  std::uint64_t restarts = 0;
  std::uint64_t recycled = 0;
  // Why runs ended without an answer.
  std::uint64_t crashes = 0;  ///< runs that a signal, an exit or a broken protocol ended
  std::uint64_t memory = 0;   ///< runs that ended for want of memory
  std::uint64_t deadlines = 0;
  std::uint64_t frozen = 0;
  std::uint64_t exceptions = 0;
};

/// Decides what a pool's workers do, as a pure machine: it reads no clock, starts nothing and waits for nothing.
///
/// It is fed what happened and when; `step` returns what the driver is to do and what others are to know. What became
/// of that the driver tells afterwards, never while it acts. Every submitted task is kept until exactly one notice
/// carries its outcome. Only the task that a dead worker
/// had in hand is charged an attempt, and those whose answers died with it; tasks that were sent and not started return
/// to the head of the queue, and finished items of a chunk keep their values. Not thread-safe: one owner calls
/// everything, with times that do not go backwards.
class engine {
public:
  static constexpr milliseconds held_up_after = head_watch::held_up_after;

  engine(pool_spec spec, std::string path, std::uint64_t seed);

  void start(time_point now);
  /// The id of the task, or of the chunk's first item.
  task_id submit(job_ptr task, time_point now);
  /// Ends a task or what is left of a chunk, as cancelled. One that runs is asked to stop, and its worker process is
  /// killed after the spec's `grace`. False when it has its outcome already.
  bool cancel(const job_ptr& task, time_point now);
  /// The same for everything that is left of a map.
  void cancel_all(const detail::item_sink* sink, const char* reason, time_point now);
  /// The pool has between `min` and `max` workers from now on.
  void resize(unsigned min, unsigned max, time_point now, std::string by = {});
  /// Ends a worker process of this name as if it had crashed. False when there is none.
  bool kill_worker(const std::string& name, cause why, time_point now);
  /// Gives up at once, without a word: what is open ends as `pool_gone`, and the workers are killed.
  void kill(const cause& why, time_point now);
  /// Stops for good, within the spec's `shutdown`. `drain`: what was submitted is finished first; otherwise what has
  /// not started is cancelled. A second call may turn a draining stop into an immediate one.
  void stop(bool drain, time_point now);

  void worker_exists(worker_ref ref, int pid);  ///< `pid` is 0 for a thread
  void worker_ready(worker_ref ref, time_point now);
  void worker_start_failed(worker_ref ref, const cause& why, time_point now);
  /// What the flight recorder shows: item `item` of `current` is in hand since `since`, or nothing is when `current` is
  /// 0.
  void worker_running(worker_ref ref, task_id current, time_point since, time_point now, std::uint64_t item = 0);
  void worker_wrote(worker_ref ref, task_id id, std::uint64_t item, std::string line);  ///< to standard output
  /// What was found at a look, see `wanted`: the signal that has stopped it, or 0.
  void worker_looked_at(worker_ref ref, int stopped_by, std::uint64_t resident_bytes, time_point now);
  // Answers. False when the worker was never asked that, or not in this order: it broke the protocol.

  /// Values of the next `count` items, from `item` on; `done` when the task or chunk is over.
  bool worker_items(worker_ref ref, task_id id, std::uint64_t item, std::uint64_t count, bytes results, double ran_ms,
                    bool done, time_point now);
  /// One item threw.
  bool worker_item_failed(worker_ref ref, task_id id, std::uint64_t item, cause why, double ran_ms, bool done,
                          time_point now);
  /// It has no room for what it was sent first. A chunk is halved; one task is refused for `why`.
  bool worker_did_not_take(worker_ref ref, task_id id, cause why, time_point now);
  void worker_died(worker_ref ref, const death& how, time_point now);
  void worker_withdrew(worker_ref ref, const withdrawal& what);
  void worker_waits(worker_ref ref, std::optional<awaited> what);
  /// Values of items of the chunk that it goes on with, found and not answered: those we have are skipped, here and in
  /// the answer. The item in hand was started at `since`.
  void worker_finished(worker_ref ref, task_id id, std::uint64_t item, std::uint64_t count, bytes results,
                       time_point since, time_point now);

  /// A chunk's job, and how many of its items have been answered; null when the worker was not sent that.
  std::pair<const job*, std::uint64_t> sent(worker_ref ref, task_id id) const;
  look wanted(unsigned index, time_point now) const;

  /// Everything that is to be done now.
  decisions step(time_point now);
  /// Takes what `step` returned back, for its memory.
  void reuse(decisions done) {
    done.orders.clear();
    done.notices.clear();
    if (orders_.empty() && orders_.capacity() < done.orders.capacity()) orders_ = std::move(done.orders);
    if (notices_.empty() && notices_.capacity() < done.notices.capacity()) notices_ = std::move(done.notices);
  }
  /// When `step` has something to do even if nothing happens.
  std::optional<time_point> next_due() const;

  bool finished() const noexcept { return phase_ == phase::stopped; }
  bool has_given_up() const noexcept { return gave_up_.has_value(); }
  std::size_t queued() const noexcept { return ledger_.queued(); }
  std::size_t open() const noexcept { return ledger_.open(); }
  counters totals() const noexcept {
    auto out = totals_;
    static_cast<task_counts&>(out) = ledger_.counts();
    return out;
  }
  /// How long runs of tasks took that were answered, and how long these tasks had waited since they were submitted. Of
  /// items that are answered together it is the mean, and the wait of the first.
  const time_counts& times_taken() const noexcept { return taken_.counts(); }
  const time_counts& times_waited() const noexcept { return waited_.counts(); }
  /// Places for workers; those that do not exist now included.
  unsigned places() const noexcept { return static_cast<unsigned>(workers_.size()); }
  /// Workers that the pool means to have, without spares.
  unsigned size() const noexcept { return sizing_.size(); }
  worker_view view(unsigned index) const;

private:
  enum class phase : std::uint8_t { fresh, starting, running, stopping, stopped };
  /// What one incarnation of a worker was given, and what is known of that.
  struct given_work {
    given_work(const run_limits& limits, time_point since) : head(limits, since) {}

    sent_work sent;
    std::deque<task_id> withdrawn;      ///< what it was sent after these, and will answer with nothing
    head_watch head;                    ///< of what it was sent first, or of nothing yet
    std::uint32_t heard = 0;            ///< items of the batch in hand that are not counted in `sent` any more
    std::uint64_t memory_answered = 0;  ///< when its memory was looked at
    bool ended_for_cancel = false;
    task_id killed_task = 0;  ///< the one that ran past its deadline
  };
  struct worker : given_work {
    worker(worker_life& x, const run_limits& limits) : given_work(limits, time_point{}), life(x) {}

    worker_life& life;
    std::optional<awaited> waits;
  };
  /// What is being decided on the tasks of a dead worker.
  struct inquest {
    const death& how;
    const cause& why;
    time_point now;
    std::size_t suspects = 0;  ///< of this death so far: they come before older ones, in their order
  };

  worker* find(worker_ref ref);
  const worker* find(worker_ref ref) const;
  static worker_ref ref_of(const worker& w) { return w.life.ref(); }
  const ledger::record& at(slip e) const { return ledger_[e]; }
  double estimate(slip e) { return estimate(e, at(e).items); }
  double estimate(slip e, std::uint64_t items) { return times_.estimate_us(at(e).task->entry, items); }

  void settle_all(outcome_kind kind, const cause& why);
  void count(const cause& why);
  void item_threw(worker& w, slip e, std::uint32_t item, cause why, double ran_ms);
  void cancel(slip e, const char* reason, time_point now);
  void cancel_head(worker& w, time_point now);
  void take_back_cancelled();
  void take_back(worker& w);
  void withdraw(worker& w, std::size_t sent);
  void charge(worker& w, slip e, const cause& why, bool answer_lost, inquest& on);
  void head_answered(worker& w, std::uint64_t items, double ran_ms, bool done, time_point now);
  void count_times(slip e, std::uint64_t items, double ran_ms, time_point began);
  void take_head(worker& w);
  void fail_late(worker& w, slip e, std::uint32_t item, const cause& why, time_point now);
  void new_head(worker& w, time_point since);

  std::uint32_t item_in_hand(slip e, const death& how) const;
  bool died_between(slip e, const death& how) const;
  const char* fate_in_hand(const worker& w, const death& how) const;
  void reclaim_started(worker& w, slip e, bool in_hand, inquest& on);
  void reclaim(worker& w, const death& how, const cause& why, time_point now);
  death known_of(const worker& w, death how) const;
  cause cause_of_death(const worker& w, const death& how, bool ours) const;
  void crashed(worker& w, const death& how, const cause& why, bool ours, time_point now);
  bool ended_for(const worker& w, const death& how) const;
  void give_up(const cause& why, event_decision decision, time_point now);
  void end_for_good(const cause& why, const cause& why_of_workers, time_point now);
  void begin_stop();
  void cancel_queue();
  void check_started();
  void check_stop(time_point now);
  void catch_up(time_point now);
  time_point watched_at(const worker& w) const;
  void check_workers(time_point now);
  void check_busy(worker& w, time_point now);
  milliseconds deadline_of(const worker& w) const;
  void check_deadline(worker& w, time_point now);
  bool cut_off(worker& w, time_point now);
  time_point idle_exit_at(const worker& w) const;
  void check_idle(worker& w, time_point now);
  void check_shares(time_point now);
  void tell_size();
  void keep_size(time_point now);
  void add_workers();
  bool grow(std::size_t waiting, time_point now);
  worker_lives::load_of loads() const;
  void dispatch(time_point now);
  std::size_t dispatch_queue(time_point now);
  void dispatch_suspects(time_point now);
  std::size_t idle() const;
  time_point held_up_at(const worker& w) const;
  void relieve(time_point now);
  bool is_ahead(const worker& w, int priority);
  time_point harvest_at(const worker& w) const;
  void harvest(time_point now);
  bool has_come(const awaited& what) const;
  bool refuse(const awaited& what, const char* reason, time_point now);
  void check_waits(time_point now);
  void hand_over(worker& w, slip e, time_point now);
  bool may_take(const worker& w) const;
  std::size_t most_ahead(slip next) const;
  std::size_t share_of(std::size_t waiting) const;
  std::uint64_t most_of_batch(const worker& w, slip next);
  bool has_room(const worker& w, slip next, std::size_t most);
  worker* choose(slip next, std::size_t waiting);

  void enqueue_of_key(slip e);
  void call_up(slip e);
  void advance_keys();
  bool keeps_keys(const worker& w) const;
  worker* holder(slip e);
  void dispatch_keys(bool all, time_point now);
  void give_keys_away(const worker& w);
  bool returned_to_holder(slip e);
  bool only_lines_wait() const;
  void settle_keys(outcome_kind kind, const cause& why);

  void note(event e) { events_.note(std::move(e)); }
  /// It runs what it was sent, and is watched.
  bool works(const worker& w) const noexcept { return w.life.is_ready() || (w.life.is_retiring() && !is_asked()); }
  /// The workers are to end: nothing new is begun.
  bool is_asked() const noexcept { return end_.has_reached(stop_ladder::stage::asked); }
  /// Later than this nobody comes who is only busy.
  milliseconds away_after() const noexcept {
    constexpr milliseconds most{500};
    return spec_.limits.heartbeat.count() > 0 ? std::min(most, spec_.limits.heartbeat / 2) : most;
  }
  bool processes() const noexcept { return spec_.runs_in == rung::process; }

  pool_spec spec_;
  run_limits limits_{spec_};
  phase phase_ = phase::fresh;
  bool cancelled_behind_ = false;  // something that a worker was sent
  stop_ladder end_{spec_.limits.shutdown};
  std::optional<cause> gave_up_;
  std::deque<worker> workers_;  // one for each place of `lives_`
  std::size_t busy_ = 0;        // workers that were sent something
  std::size_t waits_ = 0;       // workers that wait for others
  time_point last_step_{};
  std::vector<order> orders_;
  std::vector<notice> notices_;
  pool_events events_;
  ledger ledger_{notices_};
  worker_lives lives_;
  sizing sizing_{spec_};
  unsigned told_size_ = sizing_.size();
  key_lines keys_;
  run_times times_;
  time_tally taken_;
  time_tally waited_;
  counters totals_;  // but for those of the ledger
};

}  // namespace steward::pooling
