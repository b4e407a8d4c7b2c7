#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace steward::test {

/// A way in which one side of the protocol is done wrong.
enum class mutation : std::uint8_t {
  none,
  item_before_begun,      ///< the worker sets the mark of its item before it says what it begins
  current_before_limit,   ///< the worker takes up a task and only then looks whether it may
  no_limit_check,         ///< the worker runs what was taken back
  no_cut_check,           ///< the worker runs all items of a chunk that was cut
  runs_before_cut_check,  ///< the worker looks for the cut after the item
  no_limit,               ///< the driver takes back without a limit
  item_read_before_cut,   ///< the driver asks for the item in hand before it cuts
  item_without_begun,     ///< the driver believes the item whatever was begun
  limit_stays,            ///< the driver does not end a limit
  cut_stays,              ///< the driver does not end a cut
  reads_with_old_marks,   ///< the worker reads what it is sent before it says that nothing is in hand
  old_marks_count,        ///< the driver believes the marks of what was answered
  keeps_staged,           ///< the worker sends results, and leaves them for the next to be found
};

/// What is sent to a pool, and what may happen to it, once each, at any time.
struct story {
  struct work {
    std::uint32_t items = 1;  ///< 1: a single task
    int throws = -1;          ///< this item does
  };
  std::vector<work> sent;
  unsigned workers = 1;       ///< all but the first do each thing in one step
  bool urgent = false;        ///< a single task of higher priority is submitted
  std::optional<int> cancel;  ///< this one of `sent` is cancelled
  unsigned ticks = 0;         ///< so often the clock goes on by more than the engine waits before it looks
  bool death = false;         ///< the first worker is killed
  /// How long an item runs. Usually so long that one chunk sent ahead is more than may wait before an urgent task.
  double item_ms = 0.45;
};

struct verdict {
  std::size_t states = 0;
  std::size_t ends = 0;  ///< of them everything was over
  bool complete = false;
  std::optional<std::string> fault;
};

/// Walks through all interleavings of a pool's engine, its driver and its workers, in steps of one access to the memory
/// or to a channel that they share; ends at the first fault or after `most` states.
///
/// The engine is the real one. The driver and the worker are written out in small steps, in the order of
/// `process_driver` and `worker_process`. Checked: nothing runs twice, each task has one outcome, the right one; no
/// answer of a worker is refused; only what a killed worker had in hand is lost.
verdict explore(const story& what, mutation wrong = mutation::none, std::size_t most = 1'000'000);

}  // namespace steward::test
