#pragma once

#include "steward/cause.hpp"
#include "steward/detail/boxed.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward {

/// The closed list of things that can happen. `to_string` gives the name that files and scripts see.
enum class event_kind : std::uint8_t {
  run_start,        ///< a run begins
  run_end,          ///< a run is over; `text` says how, `code` is the exit code
  start,            ///< a child is being started
  ready,            ///< a child is ready for work
  stop,             ///< a child ended in an orderly way
  crash,            ///< a child or worker died
  hang,             ///< a handler or task runs too long
  restart,          ///< a new incarnation is being started
  recover,          ///< a new incarnation is ready; `recovery_ms` counts from the crash
  backoff,          ///< the restart waits `decision.delay_ms`
  limit,            ///< a restart limit was reached
  escalate,         ///< a supervisor hands a failure to its parent
  give_up,          ///< the root, or a pool, gave up
  task_retry,       ///< a task goes to another worker
  task_quarantine,  ///< a task killed its workers once too often
  task_fail,        ///< a task ended with an error that is not retried
  park,             ///< a child's own restart limit was reached: it stays down, the tree lives
  quarantine,       ///< a message crashed its actor once too often; `text` shows it
  dead_letter,      ///< messages that no incarnation will handle; `lost` counts them
  config,           ///< a config was loaded
  operator_,        ///< somebody intervened; "operator" in files
  warn,             ///< something looks wrong; `text` says what
  output,           ///< a line that the run prints
  log,              ///< a line that the program of a command has written, or how many of its lines were left out
  child,            ///< what `event::child` says: one was added, is asked to stop, is down, or was removed
};

enum class event_level : std::uint8_t { debug, info, warn, error };

/// The task an event is about.
struct event_task {
  std::uint64_t id = 0;
  std::string name;
  std::string args;  ///< rendered, at most `event_log::max_args_bytes`
  unsigned attempt = 0;
  unsigned attempts = 0;
  double ran_ms = 0.0;

  friend bool operator==(const event_task&, const event_task&) = default;
};

/// What was decided about a crash.
struct event_decision {
  std::string action;    ///< restart, retry, resume, stop, escalate, give_up, park, end or none
  std::string strategy;  ///< one_for_one, or empty for a pool
  unsigned restarts = 0;
  unsigned limit = 0;
  std::int64_t period_ms = 0;  ///< 0: `restarts` and `limit` are failed starts in a row, however long they took
  std::int64_t delay_ms = 0;
  std::vector<std::string> also;  ///< others that the decision touches

  friend bool operator==(const event_decision&, const event_decision&) = default;
};

/// The delays between restarts: the first is at once, the second waits `min_ms`, and so on up to `max_ms`; after
/// `healthy_ms` without a crash they begin anew.
struct event_backoff {
  std::int64_t min_ms = 0;
  std::int64_t max_ms = 0;
  double factor = 2.0;
  std::int64_t healthy_ms = 0;

  friend bool operator==(const event_backoff&, const event_backoff&) = default;
};

/// What a child is, and how it is doing; what does not apply, or has not changed, is left out.
struct event_child {
  std::string state;     ///< idle, starting, up, waiting, stopping or removed; empty when that has not changed
  std::string kind;      ///< actor, pool, supervisor or command
  std::string type;      ///< what it runs: the registered name of the actor, the task of the pool, the program
  std::string restart;   ///< permanent, transient or temporary
  std::string strategy;  ///< of a supervisor
  std::string makes;     ///< of a dynamic supervisor: the kind of the children that it makes; `type` is theirs
  std::optional<unsigned> own_limit;            ///< restarts that are allowed by a budget of its own
  std::optional<std::int64_t> own_period_ms;    ///< within this long
  std::optional<unsigned> limit;                ///< restarts that a supervisor allows its children, a pool its workers
  std::optional<std::int64_t> period_ms;        ///< within this long
  std::string on_spent;                         ///< what follows when its own budget is spent: escalate, park or end
  std::optional<event_backoff> backoff;         ///< of its restarts; none: the usual one
  std::optional<event_backoff> worker_backoff;  ///< of the restarts of a pool's workers; none: the usual one
  std::optional<unsigned> workers;              ///< that a pool means to have, without spares
  std::optional<unsigned> least_workers;
  std::optional<unsigned> most_workers;
  std::optional<unsigned> spares;
  std::optional<std::uint64_t> submitted;  ///< tasks that the pool was given, in all
  std::optional<std::uint64_t> succeeded;  ///< that ended with a value
  std::optional<std::uint64_t> failed;     ///< that ended without one

  friend bool operator==(const event_child&, const event_child&) = default;
};

/// What is run.
struct event_scenario {
  std::string name;
  std::string file;  ///< empty for a program that has none
  std::uint64_t seed = 0;

  friend bool operator==(const event_scenario&, const event_scenario&) = default;
};

/// One thing that happened. Fill in what applies; `event_log::emit` adds `seq`, `ts` and `run`, and to crashes `id` and
/// `fingerprint`.
struct event {
  std::uint64_t seq = 0;
  std::chrono::system_clock::time_point ts;
  std::string run;
  event_level level = event_level::info;
  event_kind kind = event_kind::warn;
  std::string actor;        ///< path such as /root/squares/w2
  std::string id;           ///< of a crash: "c-0007", counted in this log
  std::string fingerprint;  ///< of a crash: the same for crashes that are alike; see `fingerprint_of`
  std::optional<std::uint64_t> incarnation;
  std::optional<int> pid;
  std::string runs_in;  ///< "thread" or "process"; empty when it does not apply
  std::optional<cause> why;
  std::optional<event_task> task;
  std::string task_fate;  ///< requeued, failed, quarantined, none; empty when it does not apply
  std::optional<event_decision> decision;
  detail::boxed<event_child> child;        ///< true when there is one, as the next
  detail::boxed<event_scenario> scenario;  ///< on run_start
  std::optional<std::uint64_t> kept;
  std::optional<std::uint64_t> lost;
  std::optional<double> recovery_ms;
  std::optional<std::uint64_t> rss_peak_kib;
  std::optional<int> code;            ///< exit code of the run, on run_end
  detail::boxed<std::string> stream;  ///< on log: "stdout", "stderr", or "status" for what it says to its supervisor
  detail::boxed<std::string> by;      ///< on operator: who intervened, such as "uid 1000 (ann)", "web" or "SIGHUP"
  std::string text;

  friend bool operator==(const event&, const event&) = default;
};

const char* to_string(event_kind kind) noexcept;
const char* to_string(event_level level) noexcept;

/// What crashes have in common that are alike: "f-1c9a04e2", made of the class of the cause, signal or exit code, the
/// type of the exception and the names of the three innermost frames, without what differs from one run to the next.
std::string fingerprint_of(const cause& why);

/// Numbers events and hands each to every sink, in order.
///
/// Thread-safe: any thread may emit. Sinks are called one at a time under the log's lock, so a sink must not emit and
/// must not block for long. The log outlives everything that emits into it.
class event_log {
public:
  static constexpr std::size_t max_args_bytes = 256;
  static constexpr std::size_t max_text_bytes = 4096;

  using sink = std::function<void(const event&)>;

  explicit event_log(std::string run_id = {});
  event_log(const event_log&) = delete;
  event_log& operator=(const event_log&) = delete;

  /// Adds a sink that sees every event from now on.
  void add_sink(sink s);

  /// Gives the event its number, time and run id, cuts over-long texts, and hands it to the sinks.
  void emit(event e);

  /// Whether there is anybody to see events.
  [[nodiscard]] bool heard() const noexcept { return heard_.load(std::memory_order_acquire); }
  /// For an event that nobody would see, and that is not made therefore: its number is used up all the same.
  void pass_over();

  /// The event that `make` returns, which is not called where nobody would see it.
  template <class Make>
  void emit_made(Make&& make) {
    if (heard())
      emit(make());
    else
      pass_over();
  }

  const std::string& run_id() const noexcept { return run_id_; }

private:
  std::mutex mutex_;
  std::string run_id_;
  std::uint64_t last_seq_ = 0;
  std::uint64_t crashes_ = 0;
  std::vector<sink> sinks_;
  std::atomic<bool> heard_{false};
};

}  // namespace steward
