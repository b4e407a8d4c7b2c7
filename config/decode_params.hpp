#pragma once

#include "config/child_directory.hpp"
#include "config/section_reader.hpp"

#include <string_view>

namespace steward::config {

/// Reads the parameters of an actor from the key `with` of a section, defaults filled in. `base` is the path of the
/// supervisor that the actor is a child of. Faults go to the context.
param_map decode_params(const section_reader& from, const actor_info& actor, std::string_view base,
                        const child_directory& directory);

/// The same for parameters that stand in place of others: only those that are written.
param_map decode_given_params(const section_reader& from, const actor_info& actor, std::string_view base,
                              const child_directory& directory);

}  // namespace steward::config
