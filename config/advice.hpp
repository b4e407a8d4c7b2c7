#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace steward::config {

/// Whether a number may stand where it is to be advised: milliseconds of durations, bytes of sizes.
using acceptance = std::function<bool(std::int64_t)>;

/// For advice where any number would do.
bool any_number(std::int64_t x);

// What was probably meant by a number that is not in the one notation of its kind. Advice is always in that notation,
// is accepted by `fits`, and is never another amount than the one written, but for a rounding of less than 1 %.
// Pure; any thread may call it.

/// "1,000", "1_000", "1e3", "0x3e8", "1k" and "1000.0" are 1000.
std::optional<std::string> advise_integer(std::string_view text, const acceptance& fits = any_number);

/// "0,5", "+.5", "50%" and "0.5f" are 0.5.
std::optional<std::string> advise_real(std::string_view text);

/// "5 s", "5S", "5 sec", "5000 ms" and "0:05" are 5s; "1h30m" is 90m. For a number without a unit, seconds or what
/// else fits.
std::optional<std::string> advise_duration(std::string_view text, const acceptance& fits = any_number);

/// "0.5GiB", "512MB", "512 m" and "536870912" are 512MiB. For a number without a unit, bytes when it is large and
/// mebibytes, or what else fits, when it is not.
std::optional<std::string> advise_size(std::string_view text, const acceptance& fits = any_number);

/// Whether a word says that there is no limit, or none of something: "none", "unlimited", "never", "-1".
bool means_none(std::string_view text);

}  // namespace steward::config
