#pragma once

#include "observe/run_view.hpp"

#include <string>
#include <vector>

namespace steward {

/// What comes if the child of a crash goes on to crash, up to the root, in sentences: how often it may still be
/// restarted, after which delays, and what follows then. `view`: as it was right after the crash. Empty where no
/// restart was decided on.
std::vector<std::string> ladder_of(const run_view& view, const crash_view& crash);

}  // namespace steward
