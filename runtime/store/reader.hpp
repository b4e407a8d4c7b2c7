#pragma once

#include "observe/event_history.hpp"
#include "observe/run_view.hpp"
#include "steward/event.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::store {

/// How a run stands.
enum class run_status : std::uint8_t {
  live,   ///< its program writes to the directory
  ended,  ///< it has a `run_end`
  died,   ///< it has none, and its program is gone: killed, or the machine went down
};

const char* to_string(run_status x) noexcept;

/// One run that a state directory knows. A program that runs several scenarios in turn is one run, with one line of
/// numbers; `scenario`, `file` and `ended` are then those of the latest.
struct run_row {
  using time_point = std::chrono::system_clock::time_point;

  std::uint64_t number = 0;  ///< from 1, in the order in which they began
  std::string id;
  std::string scenario;
  std::string file;
  std::uint64_t seed = 0;
  int pid = 0;
  time_point started;
  std::optional<time_point> ended;
  std::optional<int> code;
  std::uint64_t first_seq = 1;        ///< of the oldest event that is kept; a fold can be had from the one before
  std::uint64_t last_seq = 0;         ///< 0: there is no event yet
  std::optional<time_point> last_at;  ///< of the newest event
  run_status status = run_status::ended;
};

/// Which events are wanted; what is empty does not matter.
struct event_query {
  using time_point = std::chrono::system_clock::time_point;

  std::uint64_t after = 0;  ///< only higher numbers
  std::uint64_t until = std::numeric_limits<std::uint64_t>::max();
  std::optional<time_point> from;
  std::optional<time_point> before;
  std::vector<event_kind> kinds;
  std::optional<event_level> least;  ///< this level and above
  std::string actor;                 ///< itself and what is below it
  std::string fingerprint;
  std::string crash;                     ///< its id, such as "c-0007"
  std::optional<std::size_t> only_last;  ///< the newest so many of them
};

/// Reads what runs have left in a state directory, also while one of them writes, and after it was killed. Writes
/// nothing. Where the directory is read-only that works, too.
///
/// Calls throw std::runtime_error, with the reason. They read in small pieces, so that the writer is never held up. Not
/// thread-safe: one for each thread.
class reader {
public:
  using time_point = std::chrono::system_clock::time_point;

  /// `directory` holds a `steward.db`, or is that file.
  explicit reader(const std::string& directory);
  ~reader();
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  /// In the order in which they began.
  std::vector<run_row> runs();
  /// The newest one; of that id or of that scenario where `name` is not empty.
  std::optional<run_row> find_run(const std::string& name = {});

  /// Calls `f` with each event that is wanted, in order, until it returns false.
  void events(const run_row& run, const event_query& wanted, const event_history::event_taker& f);

  /// The picture of a run after the event with that number, or the last one before it. Throws when what is needed for
  /// it is not kept any more.
  run_view view_at(const run_row& run, std::uint64_t seq = std::numeric_limits<std::uint64_t>::max());
  /// The same for all that happened until then.
  run_view view_at(const run_row& run, time_point at);

  /// The events and samples of one run. It uses this reader, which must outlive it.
  std::unique_ptr<event_history> history(const run_row& run);

private:
  friend class run_history;
  struct impl;

  std::unique_ptr<impl> impl_;
};

}  // namespace steward::store
