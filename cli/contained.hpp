#pragma once

#include "steward/codec.hpp"
#include "steward/task.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace steward::cli {

/// Name of the task that runs another task on a pool of threads inside a worker process: for work that may end the
/// program.
inline constexpr const char* contained_task = "run_on_threads";

/// Registers it. It answers how many of the inputs had a value. `tasks` must live as long as the program.
void register_contained(task_registry& tasks);

/// Its arguments: the task's name, the number of threads, the arguments of each call as text.
bytes encode_contained(const std::string& task, unsigned workers, const std::vector<std::vector<std::string>>& inputs);

}  // namespace steward::cli
