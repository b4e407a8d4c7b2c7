#pragma once

#include "steward/spec.hpp"

#include <string>
#include <vector>

namespace steward {

/// What keeps an actor out of another process: parameters that are not within reach there, and `unannounced`, types of
/// its messages that have no name to travel by. The faults have no path yet.
std::vector<spec_fault> placed_faults(const param_map& given, const std::vector<param_spec>& declared,
                                      const std::vector<std::string>& unannounced);

}  // namespace steward
