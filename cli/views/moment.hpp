#pragma once

#include "observe/run_view.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace steward::cli {

/// A point in a run: right after the event with a number, after the crash with an id, or a time.
struct moment {
  using time_point = run_view::time_point;

  std::optional<std::uint64_t> seq;
  std::optional<time_point> at;
  std::string crash;

  /// Whether the event lies behind it.
  bool is_over_at(const event& e) const;
  /// Whether nothing that comes after this event is before it.
  bool is_last(const event& e) const;
};

/// What people may write for a time, for help and faults.
inline constexpr std::string_view time_notation =
    "a time such as 22:34:40, 2026-11-29 22:34:40 (local) or 2026-11-29T22:34:40.8Z, or how long ago, such as 5m";

/// Reads a time. What has no date is of the day of `now`, or of the day before where that would be to come; a duration
/// is so long before `now`.
std::optional<run_view::time_point> time_of(std::string_view text, run_view::time_point now);

/// Reads a number of an event, an id of a crash, or a time.
std::optional<moment> moment_of_text(std::string_view text, run_view::time_point now);

}  // namespace steward::cli
