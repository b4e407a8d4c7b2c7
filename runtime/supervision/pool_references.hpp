#pragma once

#include "steward/actor.hpp"
#include "steward/spec.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace steward::supervision {

/// What stands at a path of a tree that runs.
enum class found_there : std::uint8_t { nothing, pool, other };
using path_lookup = std::function<found_there(const std::string&)>;

/// What is wrong with the pools that parameters name: each must be there, be a pool, and start before the actor.
/// `running`: of what is not in the tree that is to be started.
void check_pools(const actor_registry& actors, const supervisor_spec& tree, const std::string& path,
                 const path_lookup& running, std::vector<spec_fault>& faults);
/// The same of a child, and all below it, that is to be added to the supervisor at `base`.
void check_pools(const actor_registry& actors, const child_spec& child, const std::string& base,
                 const path_lookup& running, std::vector<spec_fault>& faults);

}  // namespace steward::supervision
