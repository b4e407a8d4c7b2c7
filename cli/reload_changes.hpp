#pragma once

#include "steward/admin.hpp"
#include "steward/spec.hpp"

#include <string>
#include <vector>

namespace steward::cli {

/// What a reload would come to.
struct planned_reload {
  std::vector<reload_change> changes;
  std::vector<std::string> faults;  ///< what a tree that runs cannot do; then nothing would be changed
};

/// Compares two specs of a tree, child by child. Children with partitions are told of once.
planned_reload plan_reload(const std::string& path, const supervisor_spec& before, const supervisor_spec& after);

}  // namespace steward::cli
