#pragma once

#include "steward/event.hpp"

#include <string>

namespace steward {

/// Renders an event as one JSON object without a line end: what `--events` files and `--json` show.
///
/// Keys come in a fixed order and those that do not apply are left out. Times are RFC 3339 in UTC with microseconds,
/// addresses are hexadecimal strings ("0x10"), durations carry their unit in the key. Bytes that are not UTF-8 become
/// U+FFFD, numbers that are not finite become null: whatever a worker sent, the line is valid JSON.
/// Pure; any thread may call it.
std::string to_json_line(const event& e);

}  // namespace steward
