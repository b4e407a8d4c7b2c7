#pragma once

#include "soak/page.hpp"
#include "steward/task.hpp"

#include <chrono>
#include <cstdint>

namespace steward::soak {

/// Limit of a start in the soak's pool. A start that is late never ends by itself.
inline constexpr std::chrono::milliseconds start_within{1'000};
inline constexpr std::chrono::milliseconds slow_start{slow_start_ms};

/// What a task of the soak is told; the rest it works out from its plan.
struct task_args {
  std::uint64_t seed = 0;
  std::uint64_t fault_every = 0;
  std::uint32_t spin_us = 0;
  std::uint64_t number = 0;
};

/// Makes this program's worker processes run the soak's task, in place of any other. Call it before the zygote starts.
void register_workers(page& shared);

const task_entry& soak_task();
bytes encode_args(const task_args& args);

}  // namespace steward::soak
