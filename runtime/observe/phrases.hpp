#pragma once

#include "observe/run_view.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// How views say what they show.
namespace steward::phrases {

using time_point = run_view::time_point;
using duration = child_view::duration;

/// A length of time at a glance: "0.4 ms", "12.0 s", "2 min 5 s", "3 h 7 min", "4 d 3 h".
std::string span(duration x);
/// A time of day, local; with its date where it is not that of `now`.
std::string at(time_point x, time_point now);
/// "2026-11-29 22:34:40", local.
std::string date_and_time(time_point x);
/// "512 KiB", "12.3 MiB", "1.2 GiB".
std::string memory(std::uint64_t kib);
/// "1 crash", "2 crashes".
std::string counted(std::uint64_t n, std::string_view one, std::string_view many);
std::string counted(std::uint64_t n, std::string_view one);

/// "2 of 3 in 5 s": restarts that count; empty where there is no limit.
std::string budget(const budget_view& x, time_point now);
/// The budget that a child's restarts count on, and whose it is: its own, or that of whoever is above it.
struct charged {
  const budget_view* budget = nullptr;
  std::string of;
};
charged budget_of(const run_view& view, const std::string& path, const child_view& x);
/// "actor counter", "supervisor one_for_one", "pool square".
std::string kind(const child_view& x);
/// Messages in its mailbox, or tasks in its queue; empty when not known.
std::string waiting(const child_view& x);
std::string cpu(const std::optional<figures_view>& x);
std::string memory(const std::optional<figures_view>& x);

/// The moment that a view is drawn of: now for a live run, else that of the last event.
time_point moment_of(const run_view& view, bool live);
/// Name and id of a run, and how it is doing, in one line.
std::string run_line(const run_view& view, bool live, time_point now);

}  // namespace steward::phrases
