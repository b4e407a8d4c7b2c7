#pragma once

#include "config/diagnostics.hpp"
#include "config/yaml_reader.hpp"

#include <string>

namespace steward::config {

/// Carries out one `PATH=VALUE` on a document: replaces the value at the path, or adds it where the last keys of the
/// path are not there. List elements are named by their `id`, their `name` or their index from 0; the index after the
/// last one adds an element. What cannot be carried out is reported with the file "--set".
void apply_override(yaml_node& document, const std::string& assignment, fault_log& faults);

}  // namespace steward::config
