#pragma once

#include "steward/cause.hpp"
#include "steward/codec.hpp"
#include "steward/detail/pool_work.hpp"
#include "steward/detail/time_limit.hpp"
#include "steward/event.hpp"
#include "steward/outcome.hpp"
#include "steward/sample.hpp"
#include "steward/spec.hpp"
#include "steward/task.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace steward::process {
class keeper;
}

namespace steward {

namespace pooling {
struct job;
}

namespace detail {
class map_run;
/// On a worker's thread, or that of a pool itself.
bool on_pool_thread() noexcept;
/// Of what `submit_work` began: a thread has begun it, or a worker process was handed it. False for null.
bool is_begun(const std::shared_ptr<void>& handle) noexcept;
/// Of an input that a map did not come to read, since it was cancelled or met an error before.
task_error unread_error(const task_entry* entry);
}  // namespace detail

/// Called before each start of a worker process, on the pool's thread. Returns the descriptor that the worker inherits,
/// which is closed here, or -1 with errno set. It keeps `broken`, and calls it on any thread when the worker breaks the
/// protocol on it, with what it did: that ends the worker.
using actor_linker = std::function<int(std::function<void(std::string)> broken)>;

/// What a pool needs from its surroundings. Everything pointed to must outlive the pool.
struct pool_environment {
  event_log* events = nullptr;           ///< may be null: then nobody is told
  process::keeper* keeper = nullptr;     ///< needed for worker processes
  const task_registry* tasks = nullptr;  ///< what worker processes registered; see `register_pool_worker`
  std::string path;                      ///< in the tree, such as "/root/squares"; workers are path + "/w1" and so on
  actor_linker actor_link;               ///< makes the way from a worker process to actors; empty for none
  std::function<void(const cause&)>
      on_gave_up;          ///< called once, on the pool's thread, when the restart budget is spent
  std::uint64_t seed = 0;  ///< of the jitter of restart delays
  std::function<void(const std::string&)>
      print;  ///< receives each line that a worker process writes to its standard output, on the pool's thread, with
              ///< the worker's path before it; stdout when empty. Each is an `output` event, too, with its task
  std::uint64_t incarnation = 0;  ///< of the pool as a child, for its events; 0: it is none
};

struct worker_stats {
  std::string name;               ///< such as "w2"
  std::uint64_t incarnation = 0;  ///< counts from 1
  int pid = 0;                    ///< 0 for a thread, and before its process exists
  bool ready = false;
  unsigned place = 0;         ///< the number in its name, less one
  std::size_t tasks = 0;      ///< sent to it and not answered; the first of them is in hand
  std::string task;           ///< what that one runs, as it is registered; "callable" for what is not. Empty for none
  std::uint64_t task_id = 0;  ///< of it, or of the item of a chunk, as events have it
  std::chrono::steady_clock::time_point since;  ///< when it is taken to have been begun
};

/// A pool at one moment: counted up to the last outcome that was handed out.
struct pool_stats {
  unsigned workers = 0;
  unsigned ready = 0;
  unsigned idle = 0;        ///< ready and without a task
  std::size_t queued = 0;   ///< tasks that no worker has been sent
  std::size_t running = 0;  ///< tasks that workers have been sent
  std::uint64_t submitted = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;      ///< ended without a value
  std::uint64_t retried = 0;     ///< runs beyond the first
  std::uint64_t taken_back = 0;  ///< tasks that went to another worker before they began, since theirs was held up
  std::uint64_t restarts = 0;
  std::uint64_t recycled = 0;     ///< planned ends of workers
  std::uint64_t crashes = 0;      ///< runs that a signal, an exit or a broken protocol ended
  std::uint64_t memory = 0;       ///< runs that ended for want of memory
  std::uint64_t deadlines = 0;    ///< runs past their deadline
  std::uint64_t frozen = 0;       ///< runs that ended with a frozen worker
  std::uint64_t exceptions = 0;   ///< runs that threw
  std::uint64_t quarantined = 0;  ///< tasks whose every attempt killed its worker
  std::uint64_t cancelled = 0;
  std::uint64_t rejected = 0;
  time_counts run_times{};      ///< runs of tasks that were answered, by how long they took
  time_counts wait_times{};     ///< the same runs, by how long their tasks had waited since the pool had them
  unsigned leaked_threads = 0;  ///< abandoned by a deadline and still running
  bool gave_up = false;
  std::vector<worker_stats> each;  ///< those that exist, or are about to be started
};

/// How a map is going.
struct map_progress {
  std::size_t done = 0;              ///< inputs that have an outcome
  std::size_t failed = 0;            ///< of these, without a value
  std::optional<std::size_t> total;  ///< where the range tells its size
};

/// How a map is to be run.
struct map_options {
  unsigned chunk = 0;      ///< inputs that travel together, a quarter of the queue at most; 0: as the spec says, or by
                           ///< measured time
  std::size_t window = 0;  ///< inputs taken ahead of their outcomes at most; 0: a few chunks, or 2 ms, for each worker
  int priority = 0;        ///< higher ones are started first
  unsigned attempts = 0;   ///< runs of one input at most; 0: as the spec says
  milliseconds deadline{0};  ///< of one run of one input; 0: as the spec says, `infinity`: none
  failure_policy on_failure = failure_policy::collect_all;
  milliseconds within{0};  ///< what has no outcome this long after the start is cancelled, running or not; 0 and
                           ///< `infinity`: no limit
  std::stop_token stop{};  ///< a request to stop cancels in the same way
  std::function<void(const map_progress&)> progress{};  ///< called on the caller's thread, at most each 50 ms, and last
};

/// How one task is to be run.
///
/// Tasks with the same `key` run on the same worker, in the order in which they were submitted, and never two at once:
/// one is begun when the one before it has ended, with all its runs. A key that the pool does not know goes to
/// whichever worker has room, and stays with it. When that worker dies or leaves, its keys move to others as they are,
/// a task that is to run again before the later ones of its key. So do those of a worker whose task waits for others of
/// its pool, while it does. Priorities count between keys, and not within one. A pool remembers the worker of the last
/// 65,536 keys that have no task. A thread that was abandoned at a deadline no longer counts as running its task.
struct submit_options {
  int priority = 0;          ///< higher ones are started first
  unsigned attempts = 0;     ///< runs at most; 0: as the spec says
  milliseconds deadline{0};  ///< of one run; 0: as the spec says, `infinity`: none
  std::stop_token stop{};    ///< a request to stop cancels it
  std::string key{};         ///< tasks with the same one run on one worker, one after the other; empty: wherever
};

namespace detail {

inline void set_options(pool_work& work, submit_options&& how) {
  work.priority = how.priority;
  work.attempts = how.attempts;
  work.deadline = how.deadline;
  if (how.stop.stop_possible()) work.stop = std::make_shared<stop_link>(std::move(how.stop));
  if (!how.key.empty()) work.key = std::make_shared<const std::string>(std::move(how.key));
}

}  // namespace detail

/// A pool of workers, threads or processes, that runs tasks and gives each exactly one outcome, whatever happens to a
/// worker.
///
/// A task may run more than once, at most `spec.limits.attempts` times, and only after its worker died; its options may
/// say otherwise. An exception is an answer: it is not retried unless `spec.on_exception` says so. A task past its
/// deadline is ended with its worker process. What threads cannot do: a thread cannot be ended, so it is abandoned and
/// replaced, and it goes on in the background; a segfault or an abort in a task ends the whole program.
///
/// A call that waits for outcomes (`map`, `task_future::get`) or goes on with them (`task_future::then`) starts a pool
/// that nobody has started. A task on threads may wait for others of its own pool; where all workers do, so that nobody
/// is left to run them, what one of them waits for is cancelled.
///
/// Thread-safe: any thread may call any function, but a callback, which runs on the pool's thread, must not call those
/// that block
/// (`start`, `map`, `stop`, the destructor). Callbacks must not throw and must not block for long.
class pool {
public:
  using completion = std::function<void(outcome<bytes>)>;

  /// Starts nothing. Throws std::invalid_argument when the spec has faults, with all of them, or the environment lacks
  /// what it needs.
  pool(pool_environment environment, std::string name, pool_spec spec);
  /// Stops at once: see `stop`.
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  /// Starts all workers side by side. `done(nullopt)` once each is ready, `done(why)` when they cannot be started, or
  /// there is no thread for the pool; it can be tried again then.
  void start_async(std::function<void(std::optional<cause>)> done);
  [[nodiscard]] std::optional<cause> start();

  /// Runs a task. `done` is called exactly once: on the pool's thread, or on the caller's when the pool is over or its
  /// queue is full. Tasks that are submitted before `start` wait for it. Where `spec.limits.on_full` is `block` this
  /// waits for room.
  void submit(const task_entry& entry, bytes args, completion done, submit_options options = {});
  /// All outcomes, in the order of the inputs. Where the queue is full it waits for room, whatever
  /// `spec.limits.on_full` says.
  [[nodiscard]] std::vector<outcome<bytes>> map(const task_entry& entry, std::vector<bytes> args,
                                                map_options options = {});
  /// Calls `f(index, outcome)` on this thread for each input as it ends. When `f` throws, what has not ended is
  /// cancelled.
  void for_each_outcome(const task_entry& entry, std::vector<bytes> args,
                        const std::function<void(std::size_t, outcome<bytes>)>& f, map_options options = {});

  /// Between `min` and `max` workers from now on; the pool grows while tasks wait and shrinks when it is idle, to none
  /// where `min` is 0. `max` counts as 1 at least. Throws std::invalid_argument for more than 1,024.
  /// The `operator` event says `by` whom.
  void resize(unsigned min, unsigned max, std::string by = {});
  void resize(unsigned workers) { resize(workers, workers); }

  /// Kills the process of a worker, such as "w2", at once; what becomes of its task is decided as after any crash.
  /// `done(false)`: there is no such worker, or nobody in its place, or it is a thread. Called on the pool's thread
  /// just before that, or here when the pool is over.
  void kill_worker(const std::string& worker, cause why, std::function<void(bool)> done);
  /// Gives it up at once, for this reason: workers are killed, and tasks that have no outcome end as `pool_gone`.
  void kill(cause why);

  /// Stops for good, within `spec.limits.shutdown`. `drain`: what was submitted is finished first, as far as the time
  /// allows; otherwise what has not started is cancelled and worker processes that are busy are terminated. Idempotent.
  void stop_async(bool drain, std::function<void()> done);
  /// The same; returns when workers and the pool's thread are gone. Throws std::logic_error on a thread of the pool.
  void stop(bool drain = true);

  [[nodiscard]] pool_stats stats() const;
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const pool_spec& spec() const noexcept;

  /// For the typed pools: `submit` for a callable, too (std::logic_error on a pool of processes). The outcome is for
  /// `work.end`, or for `done` where there is none. The handle is for `cancel_work`.
  std::shared_ptr<void> submit_work(detail::pool_work work, completion done = nullptr);
  /// Asks for the end of what `submit_work` began; it is then settled as cancelled unless it has its outcome.
  void cancel_work(const std::shared_ptr<void>& handle);
  /// False as long as nobody asked for the start.
  [[nodiscard]] bool is_started() const noexcept;
  /// Calls `wait`, which waits for the outcome of what `submit_work` began, and starts the pool before where nobody
  /// did. Throws std::logic_error on the pool's own thread, std::runtime_error where the pool has no thread.
  void await_work(const std::shared_ptr<void>& handle, const std::function<void()>& wait);
  /// The same for several tasks: `has_come` says whether the wait is over, and `give_up` cancels what it is for; both
  /// are called on the pool's thread.
  void await_any(std::function<bool()> has_come, std::function<void()> give_up, const std::function<void()>& wait);

private:
  friend class detail::map_run;
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace steward

// In this order: each needs those before it.
// clang-format off
#include "steward/detail/map_run.hpp"
#include "steward/detail/map_pieces.hpp"
#include "steward/detail/map_inputs.hpp"
#include "steward/detail/future_state.hpp"
#include "steward/detail/task_future.hpp"
#include "steward/detail/future_waits.hpp"
#include "steward/detail/streams.hpp"
#include "steward/detail/async_maps.hpp"
#include "steward/detail/typed_pool.hpp"
#include "steward/detail/thread_pool.hpp"
// clang-format on
