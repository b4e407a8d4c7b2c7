#pragma once

#include "steward/event.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace steward {

// Sinks for an `event_log`, those of the command line: for programs that have an event log of their own, or want what
// happens in one more place.
//
//     event_log events;
//     events.add_sink(console_sink());
//     events.add_sink(json_file_sink("run.jsonl"));
//
// `app.run` adds the first, and the second for --events, by itself. Each is called by one thread at a time, as the log
// does it, and ends with the log: the last lines of a console are told, and readers that are behind are waited for.

/// How much of what happens people want to see.
enum class console_detail : std::uint8_t {
  quiet,    ///< what ends work: limit, escalate, give_up, failed and quarantined tasks
  normal,   ///< and all that went wrong or recovered, warnings included
  verbose,  ///< and starts, stops and everything else; nothing is folded
};

struct console_options {
  console_detail detail = console_detail::normal;
  bool colour = false;
  bool dates = false;  ///< before each time; without it a line tells of each new day
};

/// Takes whole lines, each with its line end; several of one block at once. Must not block for long.
using line_writer = std::function<void(std::string_view)>;

/// Reports for people, as `steward run` shows them; docs/operating.md has them. `out`: standard error when empty.
[[nodiscard]] event_log::sink console_sink(console_options options = {}, line_writer out = {});

/// Each event as a line of JSON, as `steward run --json` prints them. `out`: standard output when empty.
[[nodiscard]] event_log::sink json_sink(line_writer out = {});

/// Appends each event as a line of JSON to a file, as `steward run --events FILE` does. Throws std::runtime_error, with
/// the path and the reason, when the file cannot be had, or holds anything but events. A later error (a full disk) ends
/// the file and disturbs nothing else; `on_problem` is told of it once, a sentence without a line end; standard error
/// when empty.
[[nodiscard]] event_log::sink json_file_sink(const std::string& path,
                                             std::function<void(const std::string&)> on_problem = {});

/// Renders an event as one JSON object without a line end; docs/events.md has its keys.
///
/// Keys come in a fixed order and those that do not apply are left out. Times are RFC 3339 in UTC with microseconds,
/// addresses are hexadecimal strings ("0x10"), durations carry their unit in the key. Bytes that are not UTF-8 become
/// U+FFFD, numbers that are not finite become null: whatever a worker sent, the line is valid JSON.
/// Pure; any thread may call it.
[[nodiscard]] std::string to_json_line(const event& e);

}  // namespace steward
