#pragma once

#include "observe/crash_account.hpp"
#include "observe/run_monitor.hpp"
#include "observe/run_view.hpp"
#include "observe/timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steward {

/// How much a `time_machine` keeps beside its timeline.
struct time_machine_limits {
  std::size_t most_pictures = 32;                          ///< of the run as it was, spread over it
  std::size_t most_picture_bytes = std::size_t{64} << 20;  ///< of all of them, about
  std::size_t times_each = 256;                            ///< events between two whose times are kept
  std::size_t most_times = 65'536;                         ///< beyond it every second one is forgotten
  std::uint64_t around_crash = 20'000;                     ///< events before and after a crash that are looked through
  timeline_limits timeline;
};

/// Any moment of a run, from the events that a monitor keeps and from those of its history.
///
/// It reads them when somebody asks for the first time, and from then on what has come since; who does not ask pays
/// nothing. A moment is folded from the picture that was kept before it. Thread-safe; calls take their time.
class time_machine {
public:
  using time_point = run_view::time_point;

  explicit time_machine(run_monitor& of, time_machine_limits within = {});
  time_machine(const time_machine&) = delete;
  time_machine& operator=(const time_machine&) = delete;

  /// Calls `f` with the run laid out in time, all that has come included.
  void look(const std::function<void(const run_timeline&)>& f);
  /// Number of the last event that is not later, to the microsecond; none when all are. Where the clock was set back,
  /// of the last one before the first that is later.
  std::optional<std::uint64_t> seq_at(time_point when);
  /// The picture behind an event. None when the events that lead to it are not to be had, or it has not come.
  std::optional<run_view> view_at(std::uint64_t seq);
  /// A crash with what lies around it. None where there is none with this id, or it is not kept.
  std::optional<whole_crash> account_of(const std::string& id);

private:
  void catch_up();
  void begin_anew();
  bool begin_behind(std::uint64_t missing);
  void keep_picture();

  run_monitor& of_;
  const time_machine_limits within_;

  std::mutex mutex_;  // of what follows
  run_timeline timeline_;
  std::uint64_t reached_ = 0;
  std::uint64_t begins_behind_ = 0;  // the number of the event before those that are to be had
  std::string run_;
  std::vector<std::pair<std::uint64_t, run_view>> pictures_;  // by the number of their last event
  std::uint64_t between_pictures_ = 0;                        // events
  std::vector<std::pair<time_point, std::uint64_t>> times_;
  std::size_t between_times_ = 0;
  std::size_t since_time_ = 0;
};

}  // namespace steward
