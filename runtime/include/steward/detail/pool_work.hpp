#pragma once

#include "steward/codec.hpp"
#include "steward/task.hpp"

#include <functional>

namespace steward::detail {

/// What is to be run: a registered task with encoded arguments, or, on threads only, a callable. A callable keeps its
/// result itself; for the pool its result is empty.
struct pool_work {
  const task_entry* entry = nullptr;
  bytes args;
  std::function<void(const task_context&)> body;  ///< used when `entry` is null
};

}  // namespace steward::detail
