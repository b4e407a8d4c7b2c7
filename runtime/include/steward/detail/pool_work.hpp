#pragma once

#include "steward/codec.hpp"
#include "steward/outcome.hpp"
#include "steward/spec.hpp"
#include "steward/task.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

namespace steward::detail {

/// A chunk takes no further input once its arguments take this many bytes.
inline constexpr std::size_t chunk_bytes = std::size_t{60} * 1024;

/// Inputs of a callable, on threads only, with the place for their results.
class many_body {
public:
  many_body() = default;
  many_body(const many_body&) = delete;
  many_body& operator=(const many_body&) = delete;
  virtual ~many_body() = default;
  /// Runs the inputs from `at` to `end` and keeps their results; `first` is the context of the one at `base`. When it
  /// throws, `at` is the one that threw. Ends early, with `at` the first that was not run, at a cut. Sets
  /// `marks.item` to the number, counted from `base`, of each before it runs.
  virtual void run(const task_context& first, const chunk_marks& marks, std::uint64_t base, std::uint64_t& at,
                   std::uint64_t end) = 0;
};

/// Who gets the outcome of one task, once: on the pool's thread, or on the submitter's where it is refused.
class settler {
public:
  settler() = default;
  settler(const settler&) = delete;
  settler& operator=(const settler&) = delete;
  virtual ~settler() = default;
  virtual void settle(outcome<bytes> raw) = 0;
};

/// A callable, on threads only. It keeps its result itself; for the pool its result is empty.
class pool_call {
public:
  pool_call() = default;
  pool_call(const pool_call&) = delete;
  pool_call& operator=(const pool_call&) = delete;
  virtual ~pool_call() = default;
  virtual void run(const task_context& context) = 0;
};

/// Cancels a task when its stop token says so, and lets go of the pool once the task has its outcome. Thread-safe.
class stop_link {
public:
  explicit stop_link(std::stop_token token) : token_(std::move(token)) {}
  /// `cancel` may be called at once, and on any thread, until `cut` returns. Not after it.
  void arm(std::function<void()> cancel) {
    const std::lock_guard lock(mutex_);
    if (!cut_) armed_ = std::make_unique<callback>(token_, std::move(cancel));
  }
  void cut() {
    std::unique_ptr<callback> gone;
    const std::lock_guard lock(mutex_);
    cut_ = true;
    gone = std::move(armed_);
  }

private:
  using callback = std::stop_callback<std::function<void()>>;
  std::stop_token token_;
  std::mutex mutex_;
  std::unique_ptr<callback> armed_;
  bool cut_ = false;
};

/// Who is told what became of the inputs of a map. Called on the pool's thread.
class item_sink {
public:
  item_sink() = default;
  item_sink(const item_sink&) = delete;
  item_sink& operator=(const item_sink&) = delete;
  virtual ~item_sink() = default;
  /// `count` inputs from `first` on have values: encoded, or kept by `many` from its place `base` on.
  virtual void values(std::size_t first, std::size_t count, bytes results, const std::shared_ptr<many_body>& many,
                      std::size_t base, double ran_ms) = 0;
  virtual void error(std::size_t index, task_error error) = 0;
};

/// What is to be run: a registered task with encoded arguments, or, on threads only, a callable.
struct pool_work {
  const task_entry* entry = nullptr;
  bytes args;                              ///< of a chunk: all of them, as `item_reader` reads them
  std::shared_ptr<pool_call> body;         ///< used when `entry` is null
  std::shared_ptr<settler> end;            ///< gets the outcome of one that is no chunk, where there is one
  std::shared_ptr<stop_link> stop;         ///< of one that is no chunk
  milliseconds deadline{0};                ///< of one run; 0: as the spec says, `infinity`: none
  unsigned attempts = 0;                   ///< runs at most; 0: as the spec says
  int priority = 0;                        ///< higher ones first
  std::shared_ptr<const std::string> key;  ///< of one that is no chunk: those of a key run one after the other

  // A chunk of a map.
  std::shared_ptr<task_error> refused;  ///< set by a source: its one input cannot be sent, for this reason
  std::shared_ptr<item_sink> sink;      ///< set for a chunk
  std::size_t first = 0;                ///< number of its first input
  std::uint32_t items = 1;              ///< how many
  std::shared_ptr<many_body> many;      ///< used when `entry` is null
  std::size_t base = 0;                 ///< place of the first in `many`
  bool batch = false;                   ///< its items are sent as if each were alone, and heard of at once
};

}  // namespace steward::detail
