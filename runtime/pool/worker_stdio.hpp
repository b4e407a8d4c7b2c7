#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// How a worker process says which task wrote what to its standard output, a pipe to the pool. Anything may write to a
// pipe: stdio, write(2), programs that a task starts. So the stream itself tells: where a task has written something,
// the worker writes a mark behind it that names the task. See `worker_output` for the pool's side.
namespace steward::pooling {

/// A task, or an item of a chunk; `task` 0: none.
struct task_place {
  std::uint64_t task = 0;
  std::uint64_t item = 0;
  friend bool operator==(const task_place&, const task_place&) = default;
};

/// A mark: this, then the bytes of a `task_place`. No text has it.
inline constexpr std::string_view output_mark{"\0\x1e\x1f\0", 4};
inline constexpr std::size_t output_mark_bytes = output_mark.size() + sizeof(task_place);

/// The worker's standard output. Of the worker's thread; one for a process.
class worker_stdio {
public:
  /// From now on stdout is written line by line, so that a death loses no whole line.
  worker_stdio();
  /// The buffer of std::cout that has nothing of its own; null when there is none. Looked for once, best by the program
  /// for all its workers.
  static const void* of_stdio() noexcept;
  worker_stdio(const worker_stdio&) = delete;
  worker_stdio& operator=(const worker_stdio&) = delete;

  /// Reads 0 until something was printed by stdio since the last mark.
  const char* printed() const noexcept { return buffer_.data(); }
  /// Writes what stdio holds, and the mark of the task that it is of.
  void mark(const task_place& by) noexcept;
  /// The same if anything was written that the pool may not have read. True when there are marks since the last call.
  /// `ran_ns` is how long the task ran; where it has printed nothing this costs next to that nothing.
  bool settle(const task_place& by, std::uint64_t ran_ns) noexcept;

private:
  static constexpr std::size_t buffer_bytes = 4096;

  // Of stdout. What is printed first comes to its beginning.
  std::array<char, buffer_bytes> buffer_{};
  bool marked_ = false;
  const void* of_stdio_;
};

}  // namespace steward::pooling
