#pragma once

#include "config/scenario.hpp"
#include "steward/actor.hpp"
#include "steward/task.hpp"

namespace steward::cli {

/// What the validator may know of a program's registrations. The registries must outlive the catalog.
config::catalog make_catalog(const task_registry& tasks, const actor_registry& actors);

}  // namespace steward::cli
