#pragma once

#include "observe/run_view.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace steward {

// Views as JSON: what the control API answers, and what `-o json` prints. What is at its default is left out. Times are
// texts in UTC as in events, durations numbers of milliseconds.

nlohmann::ordered_json json_of(const sample& x);
nlohmann::ordered_json json_of(const pool_view& x);
nlohmann::ordered_json json_of(const budget_view& x);
/// With its path as `path`.
nlohmann::ordered_json json_of(const std::string& path, const child_view& x);
nlohmann::ordered_json json_of(const crash_view& x);
/// With the fingerprint as `fingerprint`.
nlohmann::ordered_json json_of(const std::string& fingerprint, const alike_view& x);
/// The run itself and its totals, without `children`, `crashes` and `alike`.
nlohmann::ordered_json json_of_run(const run_view& x);
/// All of it, with `children`, `crashes` and `alike` as lists.
nlohmann::ordered_json json_of(const run_view& x);

/// What `json_of` a whole view was, or one of its parts, is read back. Keys that are not known are passed over. Throws
/// std::runtime_error that names what is wrong.
run_view view_of(const nlohmann::ordered_json& x);
sample sample_of(const nlohmann::ordered_json& x);

}  // namespace steward
