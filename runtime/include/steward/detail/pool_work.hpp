#pragma once

#include "steward/codec.hpp"
#include "steward/outcome.hpp"
#include "steward/task.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace steward::detail {

/// A chunk takes no further input once its arguments take so many bytes.
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

/// What is to be run: a registered task with encoded arguments, or, on threads only, a callable. A callable keeps its
/// result itself; for the pool its result is empty.
struct pool_work {
  const task_entry* entry = nullptr;
  bytes args;                                     ///< of a chunk: all of them, as `item_reader` reads them
  std::function<void(const task_context&)> body;  ///< used when `entry` is null
  int priority = 0;                               ///< higher ones first

  // A chunk of a map.
  std::shared_ptr<task_error> refused;  ///< set by a source: its one input cannot be sent, for this reason
  std::shared_ptr<item_sink> sink;      ///< set for a chunk
  std::size_t first = 0;                ///< number of its first input
  std::uint32_t items = 1;              ///< how many
  std::shared_ptr<many_body> many;      ///< used when `entry` is null
  std::size_t base = 0;                 ///< place of the first in `many`
};

}  // namespace steward::detail
