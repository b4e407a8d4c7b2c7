#pragma once

#include "steward/codec.hpp"
#include "steward/detail/pool_work.hpp"
#include "steward/event.hpp"
#include "steward/outcome.hpp"
#include "steward/spec.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// What goes into a pool's engine, and what comes out of it.
namespace steward::pooling {

using time_point = std::chrono::steady_clock::time_point;
using task_id = std::uint64_t;

/// What was submitted: one task, with `end` or `done` for its outcome, or a chunk of a map, with a sink for those of
/// its items. The ledger and the worker that runs it share it; only `done`, `place` and `id` are touched after that, by
/// the ledger, and `begun`, for whoever asks how it is going.
struct job : detail::pool_work {
  std::function<void(outcome<bytes>)> done;
  mutable std::atomic<bool> begun{false};  ///< a thread has begun it, or a worker process was handed it
  std::uint32_t place = 0;                 ///< in the ledger
  task_id id = 0;                          ///< of the first item
  time_point submitted;                    ///< to the pool's engine

  /// Runs it may have in a pool with these attempts.
  unsigned attempts_in(const pool_spec& spec) const { return attempts > 0 ? attempts : spec.limits.attempts; }
  /// The limit of one run in a pool with this one; 0 means none.
  milliseconds deadline_in(const pool_spec& spec) const {
    constexpr milliseconds century = std::chrono::hours{24 * 365 * 100};
    if (deadline == infinity) return milliseconds{0};
    return deadline.count() > 0 ? std::min(deadline, century) : spec.limits.deadline;
  }
  /// Somebody asks when each of its items was started.
  bool is_clocked_in(const pool_spec& spec) const {
    return deadline_in(spec).count() > 0 || spec.limits.soft_deadline.count() > 0;
  }
};
using job_ptr = std::shared_ptr<job>;

/// What people read of it.
inline const std::string& name_of(const task_entry* what) {
  static const std::string callable = "callable";
  return what != nullptr ? what->name : callable;
}

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

/// What a worker keeps of what it was sent, after `act::withdraw`.
struct withdrawal {
  std::size_t begun = 1;              ///< this many it may begin, or has
  std::optional<std::uint64_t> item;  ///< and of the chunk in hand no item after this one
  bool will_answer = false;           ///< it will answer each of the others with nothing, once it comes to them
};

/// How a worker ended.
struct death {
  cause why;
  task_id in_hand = 0;                             ///< what its flight recorder shows; 0 for nothing
  bool by_us = false;                              ///< it ended because of a `terminate` or `kill` action
  std::uint64_t item = 0;                          ///< of a chunk in hand: the item that was started last
  std::optional<time_point> since = std::nullopt;  ///< when that was, or its chunk was, where it is known
  std::size_t begun = 0;  ///< this many of what it was sent and has not answered it had begun, whatever it has in hand
};

/// What a driver is to look at on a worker, when the engine asks for it.
struct look {
  bool state = false;   ///< is the process stopped?
  bool memory = false;  ///< its resident set
};

/// What a worker's thread waits for, in the middle of a task: a task of its own pool, a map on it, or room in its
/// queue.
struct awaited {
  job_ptr task;
  std::shared_ptr<const detail::item_sink> map;
  std::function<bool()> has_come;       ///< of a map and of room: the thread is about to go on
  std::function<void()> refuse_room{};  ///< of room: the thread goes on without
};

struct worker_view {
  std::uint64_t incarnation = 0;
  int pid = 0;
  bool ready = false;
  bool exists = false;  ///< running, starting, or about to be started
  std::size_t sent = 0;
  task_id in_hand = 0;                ///< the first of these, or the item of a chunk; 0 for none
  const task_entry* entry = nullptr;  ///< what that one runs; null for a callable
  time_point since;                   ///< when it is taken to have been begun
};

/// What the driver is to do with the workers.
namespace act {

/// Hand the task or chunk to the worker, which runs what it is handed in this order and answers each before it begins
/// the next. The items of a chunk have the ids from `id` on.
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
/// Set the stop token of the task, and start no further item of its chunk when `whole`.
struct ask_task {
  worker_ref worker;
  task_id id = 0;
  bool whole = false;
};
/// Take back what the worker has not begun: whole tasks, and items of the chunk in hand. What came of it is told by
/// `engine::worker_withdrew`.
struct withdraw {
  worker_ref worker;
  task_id head = 0;      ///< what it was sent first and has not answered
  std::size_t sent = 0;  ///< how many tasks or chunks it was sent and has not answered, `head` included
  bool chunk = false;    ///< `head` is one
};
/// Tell by `engine::worker_finished` which items of the chunk in hand it has finished and not answered.
struct harvest {
  worker_ref worker;
  task_id id = 0;
  job_ptr task;
  std::uint64_t received = 0;  ///< items that have their outcome
};

}  // namespace act

using order = std::variant<act::assign, act::start, act::stop, act::terminate, act::kill, act::ask_task, act::withdraw,
                           act::harvest>;

/// What callers, the supervisor and the log are to know.
namespace news {

/// The outcome of a task, or the error of an item of a chunk.
struct settled {
  job_ptr task;
  outcome<bytes> result;
  std::size_t item = 0;  ///< counted from the first of its chunk
};
/// The values of items of a chunk.
struct items_settled {
  job_ptr task;
  std::size_t item = 0;
  std::size_t count = 0;
  bytes results;
  double ran_ms = 0.0;
};
/// Every initial worker is ready.
struct all_ready {};
struct gave_up {
  cause why;
};
/// The last worker is gone after a stop.
struct stopped {};
struct happened {
  std::unique_ptr<event> what;
};

}  // namespace news

using notice =
    std::variant<news::settled, news::items_settled, news::all_ready, news::gave_up, news::stopped, news::happened>;

/// What an engine has decided. All orders come first: who hears of an outcome finds that the workers know of it. Each
/// list in its order.
struct decisions {
  std::vector<order> orders;
  std::vector<notice> notices;

  bool empty() const noexcept { return orders.empty() && notices.empty(); }
};

}  // namespace steward::pooling
