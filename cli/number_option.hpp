#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>

namespace steward::cli {

// Checks of options that are numbers, in the notation of config files, with the same advice. Without them a negative
// number wraps, one that does not fit is cut off, and an empty one is 0.

/// A whole number from `min` to `max`.
CLI::Validator whole_number(std::int64_t min, std::int64_t max);

/// A number from `min` to `max`, never nan.
CLI::Validator real_number(double min, double max);

}  // namespace steward::cli
