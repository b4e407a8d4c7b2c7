#pragma once

#include "steward/cause.hpp"
#include "steward/codec.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace steward::pooling {

// The protocol between a pool's driver and a worker process. Two channels, first in first out: task frames to the
// worker, answers from it. Both sides count the frames from 1, and each frame has exactly one answer with `flag_done`,
// in the same order. The other accesses are to the flight page:
//
//   the worker, for its frame n          the driver, to take back          the driver, to cancel frame n
//   1  begun = n                         1  limit = head + 1               1  cut = id
//   2  is limit 0, or beyond n?          2  read begun
//   3  item = 0, then current = id       3  if begun is head: cut = id
//   4  for each item: item = i, then        and read item
//      is cut not id? then run it
//   5  answer; forget what is staged
//   6  current = 0; read more frames
//
// Head is the first frame that is not answered. Tasks: 1 and 2 are sequentially consistent on both sides, so the worker
// sees the limit or the driver sees that the frame was begun; both may be so, and then it is answered with nothing, as
// one that was taken back is, and waits again. Whatever is behind the limit and was not begun is answered with nothing
// in its turn; until that has come, nothing more is sent, so the limit can be lifted then. Items, which have
// their protocol in steward/detail/item_protocol.hpp: the worker sees the cut or the driver sees the item. The item
// that the driver reads is at least the last one that was begun: `item` is of the frame that `begun` names, or still of
// the one before, and in that case nothing of the new one will be begun. So `item` must not change before `begun` has
// (3 behind 1), nor for a frame that is not run (3 behind 2): the driver would read a smaller one for the frame before.
// A chunk that ends early for the cut says so by its last answer; what is left of what the driver left it waits again.
//
// Marks outlive their run (5 before 6), and what waits again keeps its id. So `current` counts only while `begun` is
// beyond the last frame that was answered, and it is 0 whenever frames are read, so it is never of a frame before that.

/// Longest text of an exception that travels to the pool, in bytes.
inline constexpr std::size_t max_exception_bytes = 4096;
/// Most frames of an exception that are taken from a worker.
inline constexpr std::size_t max_failure_frames = 64;

/// Memory for frames beyond this is given back after each.
inline constexpr std::size_t payload_kept = std::size_t{4} * 1024 * 1024;

/// Flags of a task frame: the worker reads a clock before each item; the one argument and the one result travel without
/// a size.
inline constexpr std::uint16_t flag_clock = 1;
inline constexpr std::uint16_t flag_raw = 2;
/// The task could not be sent: the payload is why. It is answered as one that cannot be taken.
inline constexpr std::uint16_t flag_unsent = 4;
/// Flags of an answer: the last one of its task or chunk; a failure of a task or chunk that could not be taken at all,
/// and of which nothing was run.
inline constexpr std::uint16_t flag_done = 1;
inline constexpr std::uint16_t flag_not_taken = 2;
/// Lines wait in its standard output that were written before it.
inline constexpr std::uint16_t flag_wrote = 4;

/// Wire format of a task frame's payload: {u32 attempt, u32 attempts, u32 count, task name, arguments}. Of a result:
/// {u64 run time in nanoseconds, u64 first item, u64 count, encoded results}. Of a failure: {u64 run time in
/// nanoseconds, u64 item, exception type, message}. A failure with the id 0 is that of the initializer.
struct task_header {
  std::uint32_t attempt = 1;
  std::uint32_t attempts = 1;
  std::uint32_t count = 1;
  std::string name;
};
/// Of a task frame, what stands there besides the task's name and its arguments: three numbers, and the name's size.
inline constexpr std::size_t task_head_bytes = 3 * sizeof(std::uint32_t) + sizeof(std::uint64_t);
void encode_task(bytes& out, const task_header& header, bytes_view args);
/// Throws `decode_error`.
std::pair<task_header, bytes_view> decode_task(bytes_view payload);

/// Of a result, what stands before its values.
inline constexpr std::size_t result_head_bytes = 24;
struct result_part {
  double ran_ms = 0.0;
  std::uint64_t item = 0;
  std::uint64_t count = 0;
  bytes_view results;
};
/// The values follow.
void encode_result_head(bytes& out, std::uint64_t ran_ns, std::uint64_t item, std::uint64_t count);
result_part decode_result(bytes_view payload);

struct failed_item {
  double ran_ms = 0.0;
  std::uint64_t item = 0;
  cause why;
  std::vector<std::uint64_t> frames;  ///< addresses in the worker, innermost first
  std::uint64_t anchor = 0;           ///< see `process::frame_names`
};
/// Long texts are cut.
void encode_failure(bytes& out, std::uint64_t ran_ns, std::uint64_t item, std::string exception, std::string message);
/// Follows `encode_failure` where the frames are known.
void encode_frames(bytes& out, std::uint64_t anchor, const std::vector<std::uint64_t>& frames);
failed_item decode_failure(bytes_view payload);

/// True when `data` holds exactly `count` items, each of `size` bytes, or behind its size where that varies.
bool holds_items(bytes_view data, std::size_t size, std::uint64_t count) noexcept;

}  // namespace steward::pooling
