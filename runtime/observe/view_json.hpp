#pragma once

#include "observe/run_view.hpp"

#include <string>
#include <string_view>

namespace steward {

// Views as JSON: what the control API answers, and what `-o json` prints. What is at its default is left out. Times are
// texts in UTC as in events, durations numbers of milliseconds.

std::string json_of(const sample& x);
std::string json_of(const pool_view& x);
std::string json_of(const budget_view& x);
/// With its path as `path`.
std::string json_of(const std::string& path, const child_view& x);
std::string json_of(const crash_view& x);
/// With the fingerprint as `fingerprint`.
std::string json_of(const std::string& fingerprint, const alike_view& x);
/// The run itself and its totals, without `children`, `crashes` and `alike`.
std::string json_of_run(const run_view& x);
/// All of it, with `children`, `crashes` and `alike` as lists. 10,000 children are some 3.7 MB.
std::string json_of(const run_view& x);

/// What was written is read back. Keys that are not known are passed over. Throws std::runtime_error that names what is
/// wrong.
run_view view_of(std::string_view json);
sample sample_of(std::string_view json);

}  // namespace steward
