#pragma once

#include "config/child_directory.hpp"
#include "config/scenario.hpp"
#include "config/section_reader.hpp"

#include <string>

namespace steward::config {

/// Reads a supervisor and all that is under it, and enters its children into the directory. `path` is the supervisor's
/// own,
/// "/root" for the tree itself. Faults go to the context; what is returned is complete only without any.
supervisor_spec decode_supervisor(const section_reader& from, const std::string& path, child_directory& directory);

/// The registration of a task, or null after reporting that there is none. A name that is not written is not reported.
const task_info* resolve_task(load_context& context, const placed_text& name);

}  // namespace steward::config
