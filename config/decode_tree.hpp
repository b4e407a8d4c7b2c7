#pragma once

#include "config/child_directory.hpp"
#include "config/scenario.hpp"
#include "config/section_reader.hpp"
#include "config/spec_places.hpp"

#include <string>

namespace steward::config {

/// Reads the root supervisor and all that is under it, at the path "/root", and enters all of them into the directory
/// and their places. Faults go to the context, those of `validate` included; what is returned is complete only without
/// any.
supervisor_spec decode_tree(const section_reader& from, child_directory& directory, spec_places& places);

/// The registration of a task, or null after reporting that there is none. A name that is not written is not reported.
const task_info* resolve_task(load_context& context, const placed_text& name);

}  // namespace steward::config
