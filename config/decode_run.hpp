#pragma once

#include "config/child_directory.hpp"
#include "config/scenario.hpp"
#include "config/section_reader.hpp"

#include <vector>

namespace steward::config {

/// Inputs that one list of a step may hold, counted after repetition.
constexpr std::size_t max_inputs = 1'000'000;

/// Reads steps and checks what they refer to. Faults go to the context; what is returned is complete only without any.
std::vector<step> decode_steps(const std::vector<section_reader>& from, const child_directory& directory);

/// Reads the `inputs` of a step in any of its forms and checks each input against the task; `task` null skips that
/// check.
std::vector<task_input> decode_inputs(const section_reader& from, const task_info* task);

}  // namespace steward::config
