#pragma once

#include "observe/event_history.hpp"
#include "observe/run_view.hpp"
#include "steward/event.hpp"
#include "steward/sample.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// How much a `run_monitor` keeps.
struct monitor_limits {
  std::size_t most_events = 65'536;
  std::size_t most_event_bytes = std::size_t{32} << 20;
  /// So many times the two above may be there for a moment, while events come faster than they are folded. Beyond it
  /// the oldest are lost for the view, which tells so.
  std::size_t burst = 4;
  /// Whoever folds is called when so many events wait for it.
  std::size_t fold_each = 1'024;
  std::size_t most_samples = 65'536;  ///< of all children together
  std::chrono::seconds samples_for{900};
};

/// The last events and samples of a run, and the picture that they make.
///
/// A sink of an event log: whoever emits copies the event, and pushes it under a lock that nobody holds for long. The
/// view is folded behind it, by whoever looks. What is not kept any more comes from a history, if there is one.
/// Thread-safe.
class run_monitor {
public:
  using kept_event = std::shared_ptr<const event>;
  using time_point = std::chrono::system_clock::time_point;

  /// Events in a row. `missing` of them, up to the number before the first one here, are not to be had any more.
  struct piece {
    std::vector<kept_event> events;
    std::uint64_t missing = 0;
    std::uint64_t reached = 0;  ///< nothing between `after` and this number is left to be told
  };

  explicit run_monitor(monitor_limits within = {}) : within_(within) {}
  run_monitor(const run_monitor&) = delete;
  run_monitor& operator=(const run_monitor&) = delete;

  /// For what is not kept here any more. Null for none; called by one thread at a time, never by one that emits.
  void set_history(std::shared_ptr<event_history> from);
  /// `f` is called, by a thread that emits, when there are as many events to fold as the limits say, and once for each
  /// `want_news` as soon as there is something new. It must not wait. None to end that.
  void on_news(std::function<void()> f);
  void want_news();

  /// What the run was before the first event that comes. To be called before that.
  void begin_with(run_view picture);
  void take(const event& e);
  void take(const sample& x);
  /// Keeps nothing any more, and forgets what it has kept.
  void close();

  /// Number of the newest event.
  std::uint64_t last_seq() const;
  /// Id of the run, as its events have it; empty until the first one came.
  std::string run() const;
  /// Folds what has come.
  void catch_up();
  /// Calls `f` with the picture of the run, all that has come included. Nobody else sees or folds it meanwhile.
  void look(const std::function<void(const run_view&)>& f);
  /// At most `most` events that have a higher number than `after`.
  piece events_after(std::uint64_t after, std::size_t most);
  /// The picture before all events that are to be had, as the history has it; none where they begin with the run.
  std::optional<run_view> picture_before();
  /// Samples of one child, or of the program when `path` is empty, from `from` until before `to`, in order; of each
  /// stretch of `step` the last one.
  std::vector<sample> samples_of(const std::string& path, time_point from, time_point to,
                                 std::chrono::milliseconds step);

private:
  struct kept {
    kept_event what;
    std::size_t bytes = 0;
  };

  /// False when nothing more is to be dropped.
  bool drop_oldest(kept_event& into);
  piece kept_after(std::uint64_t after, std::size_t most) const;
  bool from_history(std::uint64_t after, std::size_t most, piece& into);
  void fold_events();
  void fold_samples();

  const monitor_limits within_;

  mutable std::mutex mutex_;  // of what follows; held for a moment
  std::deque<kept> events_;
  std::size_t bytes_ = 0;
  std::uint64_t last_seq_ = 0;
  std::string run_;
  std::uint64_t before_all_ = 0;  // the number before that of the first event that ever came
  bool any_ = false;
  bool closed_ = false;
  bool wants_news_ = false;
  std::uint64_t folded_ = 0;  // events up to this number may be dropped
  bool called_ = false;       // for the events that are to be folded
  std::function<void()> on_news_;
  std::deque<sample> samples_;
  std::size_t unfolded_samples_ = 0;  // the last ones

  std::mutex history_mutex_;  // taken before `mutex_`, as the next
  std::shared_ptr<event_history> history_;

  std::mutex view_mutex_;  // taken before the two others
  run_view view_;
};

}  // namespace steward
