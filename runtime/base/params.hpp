#pragma once

#include "steward/spec.hpp"

#include <string>
#include <vector>

namespace steward {

/// The type of a value; the name of another actor is a text.
param_type type_of(const param_value& x) noexcept;

/// What is wrong with parameters of an actor, held against what its registration declares: names, types, ranges, and,
/// when they are to be complete, those that are missing and have no default. The faults have no path yet.
std::vector<spec_fault> params_faults(const param_map& given, const std::vector<param_spec>& declared,
                                      const std::string& actor, bool complete);

/// The same parameters with the defaults of those that are not given.
param_map with_defaults(param_map given, const std::vector<param_spec>& declared);

}  // namespace steward
