#pragma once

#include "observe/run_summary.hpp"
#include "steward/event.hpp"
#include "steward/sample.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steward {

/// How a child or a worker is doing, as far as events tell.
enum class view_status : std::uint8_t {
  idle,        ///< added, and not started yet
  starting,    ///< its first start is under way
  up,          ///< ready for work
  restarting,  ///< down, and to come back: waits for its start, or is in it
  stopping,    ///< asked to end
  parked,      ///< down, since its own limit was reached; it comes back after a while or by hand
  stopped,     ///< down in order
  ended,       ///< down by itself, finished or crashed, and not started again
  gave_up,     ///< a supervisor or a pool whose limit was reached
};

const char* to_string(view_status x) noexcept;
/// Neither up nor about to be.
bool is_down(view_status x) noexcept;

/// Restarts against a limit within a period.
struct budget_view {
  using time_point = std::chrono::system_clock::time_point;

  static constexpr std::size_t max_restarts = 1024;  ///< of so many the times are kept

  std::optional<unsigned> limit;
  std::chrono::milliseconds period{0};
  std::vector<time_point> restarts;  ///< the latest ones, in order

  /// How many of them count at that time.
  std::size_t used(time_point at) const;

  friend bool operator==(const budget_view&, const budget_view&) = default;
};

/// What events tell of a pool's work, over all its incarnations.
struct pool_view {
  std::optional<unsigned> workers;  ///< that it means to have, when that was last told; its load may have changed it
  std::optional<unsigned> least_workers;
  std::optional<unsigned> most_workers;
  std::optional<unsigned> spares;
  std::uint64_t worker_crashes = 0;
  std::uint64_t worker_restarts = 0;
  std::uint64_t recycled = 0;     ///< workers that ended as planned
  std::uint64_t retried = 0;      ///< runs of tasks beyond the first, after a fault
  std::uint64_t quarantined = 0;  ///< tasks whose every attempt killed its worker
  std::uint64_t failed = 0;       ///< tasks that ended with an error
  std::uint64_t given_up = 0;     ///< tasks that were open when it gave up
  // Known when it has stopped: events do not tell of tasks that went well.
  std::uint64_t submitted = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t valueless = 0;

  friend bool operator==(const pool_view&, const pool_view&) = default;
};

/// The latest figures of a child or of the program.
struct figures_view {
  sample last;
  std::optional<double> per_second;  ///< messages handled, or tasks ended, between the last two samples

  friend bool operator==(const figures_view&, const figures_view&) = default;
};

/// A child of a supervisor, the root of a tree, a pool that stands alone, or a worker of a pool.
struct child_view {
  using time_point = std::chrono::system_clock::time_point;
  using duration = std::chrono::system_clock::duration;

  std::uint64_t order = 0;  ///< it was heard of after those with a lower one
  std::string parent;       ///< path; there may be no such child
  std::string kind;         ///< actor, pool, supervisor, command or worker; empty when unknown
  std::string type;         ///< what it runs
  std::string runs_in;      ///< thread or process; empty when that does not apply
  std::string restart;      ///< permanent, transient or temporary
  std::string strategy;     ///< of a supervisor
  std::string makes;        ///< of a dynamic supervisor: the kind of its children

  view_status status = view_status::idle;
  std::uint64_t incarnation = 0;
  std::optional<int> pid;                ///< of the process that is up
  std::optional<time_point> up_since;    ///< while it is up
  std::optional<time_point> down_since;  ///< since it was up for the last time, while it is not
  std::optional<time_point> due;         ///< when a back-off or a parking is over
  bool ends_for_good = false;            ///< what it is down for is no downtime

  std::uint64_t starts = 0;    ///< first ones and restarts
  std::uint64_t restarts = 0;  ///< `restart` events
  std::uint64_t recoveries = 0;
  std::uint64_t crashes = 0;
  std::uint64_t hangs = 0;
  std::uint64_t lost_messages = 0;
  std::uint64_t quarantined_messages = 0;
  duration downtime{0};    ///< that is over: from a crash, or a stop with its group, until it was ready again
  std::string last_cause;  ///< in words, of the latest crash
  std::string last_crash;  ///< its id

  budget_view own;                              ///< without a limit it draws on that of its supervisor
  budget_view below;                            ///< of the children of a supervisor, or of the workers of a pool
  std::string on_spent;                         ///< what follows when `own` is spent: escalate, park or end
  std::optional<event_backoff> backoff;         ///< of its restarts; none: the usual one
  std::optional<event_backoff> worker_backoff;  ///< of those of a pool's workers; none: the usual one
  std::optional<pool_view> pool;                ///< of pools
  std::optional<figures_view> figures;          ///< when samples were folded

  // Children that were removed.
  std::uint64_t gone = 0;
  std::uint64_t gone_restarts = 0;
  std::uint64_t gone_crashes = 0;
  duration gone_downtime{0};

  bool living = false;                    ///< an incarnation exists
  bool failing = false;                   ///< a supervisor that ends by itself: what it stops may come back with it
  std::vector<std::uint64_t> recovering;  ///< numbers of crashes that nothing has recovered from yet

  /// With what is not over yet.
  duration downtime_at(time_point at) const;

  friend bool operator==(const child_view&, const child_view&) = default;
};

/// One crash. Texts are cut to `run_view::max_text_bytes`.
struct crash_view {
  std::uint64_t number = 0;  ///< from 1, as they were folded
  std::string id;
  std::string fingerprint;
  std::uint64_t seq = 0;
  std::chrono::system_clock::time_point at;
  std::string path;
  std::string place;  ///< the pool of a worker; else the same
  std::optional<std::uint64_t> incarnation;
  std::optional<int> pid;
  std::string runs_in;
  std::optional<double> up_ms;  ///< how long it had been up
  cause why;
  std::optional<event_task> task;
  std::string task_fate;
  std::optional<event_decision> decision;
  std::optional<std::uint64_t> lost;  ///< messages in hand that nobody handles again, nor is told of
  std::optional<std::uint64_t> kept;
  std::optional<double> recovery_ms;  ///< until the next incarnation was ready
  std::string text;

  friend bool operator==(const crash_view&, const crash_view&) = default;
};

/// Crashes with the same fingerprint.
struct alike_view {
  std::uint64_t count = 0;
  std::chrono::system_clock::time_point first;
  std::chrono::system_clock::time_point last;
  std::string first_id;
  std::string last_id;
  std::string cause;  ///< of the last one, in words

  friend bool operator==(const alike_view&, const alike_view&) = default;
};

/// The picture of a run: what all views of it draw, live, from a file, or as it was at a moment.
///
/// Made by `fold` alone, from events in the order of their numbers. A value: copy it, compare it. Its memory is bounded
/// by the limits below; what goes beyond them is counted. Not thread-safe.
struct run_view {
  using time_point = std::chrono::system_clock::time_point;

  static constexpr std::size_t max_children = 100'000;  ///< workers included
  static constexpr std::size_t max_crashes = 512;       ///< the last ones, with all their details
  static constexpr std::size_t max_fingerprints = 1'024;
  static constexpr std::size_t max_gaps = 64;
  static constexpr std::size_t max_recovering = 32;  ///< of one child
  static constexpr std::size_t max_text_bytes = 1'024;
  static constexpr std::size_t max_lines = 64;  ///< frames and lines of standard error

  // The run.
  std::string run;  ///< its id
  std::optional<event_scenario> scenario;
  std::optional<time_point> started;
  std::optional<time_point> ended;
  std::optional<int> code;
  bool died = false;              ///< the program itself crashed
  std::uint64_t runs_before = 0;  ///< that were folded before this one began

  // What was folded.
  std::uint64_t last_seq = 0;
  time_point now;  ///< of the newest event
  std::uint64_t events = 0;
  std::uint64_t missing = 0;   ///< numbers that never came
  std::uint64_t repeated = 0;  ///< events that came twice or too late; they are not folded
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;  ///< first and last number of the first `max_gaps`

  // The tree.
  std::map<std::string, child_view, std::less<>> children;  ///< by path
  std::uint64_t untold_children = 0;                        ///< events about children beyond `max_children`

  std::optional<figures_view> figures;  ///< of the program itself, when samples were folded

  // Crashes.
  std::uint64_t crash_count = 0;
  std::deque<crash_view> crashes;
  std::map<std::string, alike_view> alike;  ///< by fingerprint
  std::uint64_t otherwise_alike = 0;        ///< crashes beyond `max_fingerprints`

  // Totals; those of the summary are the same as in the last words of a run.
  run_summary summary;
  std::uint64_t restarts = 0;
  std::uint64_t hangs = 0;
  std::uint64_t warnings = 0;
  std::uint64_t interventions = 0;
  std::uint64_t reloads = 0;
  std::uint64_t output_lines = 0;
  std::uint64_t log_lines = 0;  ///< that were told, of programs

  std::uint64_t last_order = 0;  ///< of the child that was heard of last

  const child_view* find(std::string_view path) const;
  /// By its id; null when its details are not kept.
  const crash_view* crash(std::string_view id) const;
  /// Paths of those whose parent this is, in the order in which they were heard of. Without a path: the roots.
  std::vector<std::string> below(std::string_view path = {}) const;

  friend bool operator==(const run_view&, const run_view&) = default;
};

/// Takes one event in. An event that begins another run, or comes from one, begins the view anew.
void fold(run_view& view, const event& e);
/// Takes figures in: those of a child that there is, or of the program. Older ones than the last are left out.
void fold(run_view& view, const sample& x);

}  // namespace steward
