#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace steward {

/// RFC 3339 in UTC with microseconds: "2026-11-29T03:47:16.253219Z".
std::string utc_text(std::chrono::system_clock::time_point at);

/// What `utc_text` has written; nothing for any other text, and for years that the clock does not know.
std::optional<std::chrono::system_clock::time_point> utc_time(std::string_view text);

/// The present, for what people read: no logic may depend on it.
std::chrono::system_clock::time_point utc_now();

/// What the wall clock showed at that time, as far as it was not set since.
std::chrono::system_clock::time_point utc_of(std::chrono::steady_clock::time_point at);

}  // namespace steward
