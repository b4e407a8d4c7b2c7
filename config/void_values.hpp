#pragma once

#include "config/scenario.hpp"
#include "config/spec_places.hpp"

namespace steward::config {

/// Warns of what is written and has no effect because another value wins: the back-off of a child that is never
/// restarted, a pool's limit that its child's own shorter one comes before. For scenarios without a fault.
void warn_of_void_values(const scenario& what, const spec_places& places);

}  // namespace steward::config
