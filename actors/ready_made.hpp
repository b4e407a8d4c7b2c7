#pragma once

#include <steward/actor.hpp>
#include <steward/task.hpp>

namespace steward::ready_made {

/// Registers every ready-made actor and task under the names that the shipped scenarios use.
void register_all(task_registry& tasks, actor_registry& actors);

}  // namespace steward::ready_made
