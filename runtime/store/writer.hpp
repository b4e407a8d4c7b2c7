#pragma once

#include "steward/event.hpp"
#include "steward/sample.hpp"
#include "store/retention.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace steward::store {

struct writer_options {
  static constexpr std::size_t default_queue_bytes = std::size_t{64} << 20;

  std::string directory;
  std::string run;                                     ///< id of the run, as the events have it
  std::size_t max_queued_bytes = default_queue_bytes;  ///< what does not fit is lost
  std::chrono::milliseconds commit_within{20};         ///< crashes and ends at once
  std::chrono::milliseconds retry_after{1000};         ///< after an error
  keep_limits keep;
  /// Told once that nothing can be written, and why; once that it goes on. On a thread that holds no lock.
  std::function<void(const std::string&)> on_problem;
  std::function<std::chrono::system_clock::time_point()> now = [] { return std::chrono::system_clock::now(); };
};

/// Writes the events and samples of a run into a state directory, which it takes for itself.
///
/// `write` copies what it is given, and never waits: a thread of the writer's own makes rows of it, several in one
/// transaction. What finds no room in the queue is lost and counted; the numbers of the events show it. A disk that is
/// full, a directory that is gone, a database that is broken: what waits is kept and tried again. Thread-safe but for
/// its construction and end.
class writer {
public:
  struct counts {
    std::uint64_t written = 0;  ///< events and samples that were committed
    std::uint64_t lost = 0;
    std::uint64_t commits = 0;
    bool in_trouble = false;
  };

  /// Throws std::runtime_error, with the reason, where the directory or its database cannot be had.
  explicit writer(writer_options options);
  /// Writes what waits, if that can be done at once.
  ~writer();
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  void write(const event& e) noexcept;
  void write(const sample& x) noexcept;

  /// What the run is made of by now, as JSON, in place of what was said before. It is written with what comes next.
  void keep_plan(std::string plan);

  /// Waits until all that was written before is committed; false when that takes longer or cannot be done.
  bool finish(std::chrono::milliseconds patience = std::chrono::seconds{10});
  counts count() const;

  /// This is a copy of the program (fork) that dies, with no thread to write: from now on `write` adds to the last
  /// words beside the database, at once, which readers and the next run take in. `finish` adds what waits.
  void continue_in_copy() noexcept;

private:
  struct impl;

  std::unique_ptr<impl> impl_;
};

}  // namespace steward::store
