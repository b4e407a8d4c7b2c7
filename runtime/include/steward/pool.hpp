#pragma once

#include "steward/cause.hpp"
#include "steward/codec.hpp"
#include "steward/detail/pool_work.hpp"
#include "steward/event.hpp"
#include "steward/outcome.hpp"
#include "steward/spec.hpp"
#include "steward/task.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::process {
class keeper;
}

namespace steward {

/// What a pool needs from its surroundings. Everything pointed to must outlive the pool.
struct pool_environment {
  event_log* events = nullptr;           ///< may be null: then nobody is told
  process::keeper* keeper = nullptr;     ///< needed for worker processes
  const task_registry* tasks = nullptr;  ///< what worker processes registered; see `register_pool_worker`
  std::string path;                      ///< in the tree, such as "/root/squares"; workers are path + "/w1" and so on
  std::function<int()>
      actor_link;  ///< called before each start of a worker process, on the pool's thread; the descriptor
                   ///< it returns is inherited by the worker and closed here; -1 or empty for none
  std::function<void(const cause&)>
      on_gave_up;          ///< called once, on the pool's thread, when the restart budget is spent
  std::uint64_t seed = 0;  ///< of the jitter of restart delays
};

struct worker_stats {
  std::string name;               ///< such as "w2"
  std::uint64_t incarnation = 0;  ///< counts from 1
  int pid = 0;                    ///< 0 for a thread
  bool ready = false;
  std::size_t tasks = 0;  ///< sent to it and not answered; the first of them is in hand
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
  std::uint64_t failed = 0;   ///< ended without a value
  std::uint64_t retried = 0;  ///< runs beyond the first
  std::uint64_t restarts = 0;
  unsigned leaked_threads = 0;  ///< abandoned by a deadline and still running
  bool gave_up = false;
  std::vector<worker_stats> each;
};

/// A pool of workers, threads or processes, that runs tasks and gives each exactly one outcome, whatever happens to a
/// worker.
///
/// A task may run more than once, at most `spec.attempts` times, and only after its worker died. An exception is an
/// answer: it is not retried unless `spec.on_exception` says so. A task past its deadline is ended with its worker
/// process; a thread cannot be ended, so it is abandoned and replaced.
///
/// Thread-safe: any thread may call any function, but a callback, which runs on the pool's thread, must not call those
/// that block
/// (`start`, `map`, `stop`, the destructor). Callbacks must not throw and must not block for long.
class pool {
public:
  using completion = std::function<void(outcome<bytes>)>;

  /// Starts nothing. Throws std::invalid_argument when the environment lacks what `spec` needs.
  pool(pool_environment environment, std::string name, pool_spec spec);
  /// Stops at once: see `stop`.
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  /// Starts all workers side by side. `done(nullopt)` once each is ready, `done(why)` when they cannot be started.
  void start_async(std::function<void(std::optional<cause>)> done);
  std::optional<cause> start();

  /// Runs a task. `done` is called exactly once: on the pool's thread, or on the caller's when the pool is over. Tasks
  /// that are submitted before `start` wait for it.
  void submit(const task_entry& entry, bytes args, completion done);
  /// All outcomes, in the order of the inputs. Keeps at most `spec.queue_limit` tasks open at a time, so that inputs
  /// are not rejected for their number alone.
  std::vector<outcome<bytes>> map(const task_entry& entry, std::vector<bytes> args);

  /// Stops for good, within `spec.shutdown`. `drain`: what was submitted is finished first, as far as the time allows;
  /// otherwise what has not started is cancelled and worker processes that are busy are terminated. Idempotent.
  void stop_async(bool drain, std::function<void()> done);
  /// The same; returns when workers and the pool's thread are gone.
  void stop(bool drain = true);

  pool_stats stats() const;
  const std::string& name() const noexcept;
  const pool_spec& spec() const noexcept;

  /// For the typed pools: `submit` for a callable, too (std::logic_error on a pool of processes).
  void submit_work(detail::pool_work work, completion done);
  /// For the typed pools: runs what `next` yields until it returns false and hands the outcomes to `sink` as they come,
  /// with the number of the input. Both are called on the caller's thread. `prompt`: hand over each at once, not in
  /// batches.
  void run_all(const std::function<bool(detail::pool_work&)>& next,
               const std::function<void(std::size_t, outcome<bytes>)>& sink, bool prompt);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace steward

#include "steward/detail/typed_pool.hpp"
