#pragma once

#include "steward/event.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace steward {

/// How much of a report people want to see.
struct report_format {
  bool single_line = false;
  std::size_t chars_limit = 0;  ///< bytes of one report at most, its line end not counted; 0: no limit
  std::size_t depth = 16;       ///< frames and names at most; what is left out is counted
};

/// An event as a report for people, without its time; ends with a line end.
///
/// Several lines: the kind, the actor with its incarnation and what happened; below it, indented, the circumstances,
/// the decision and the frames. As a single line all of that stands behind one another. Text that may come from a
/// worker is escaped. Never throws for what an event holds; any thread may call it.
std::string format_report(const event& e, const report_format& how = {});

/// The same for several events, in order. Those that tell the same about children of the same supervisor are one
/// report, where the first of them stands, which counts them and names the children.
std::string format_reports(const std::vector<event>& events, const report_format& how = {});

/// The parts of a report, for views that lay them out otherwise. Escaped and cut.
namespace report {

/// Such as "CRASH".
std::string_view title_of(event_kind kind) noexcept;
/// The actor with its incarnation, when it is not the first: "/root/a#2".
std::string actor_of(const event& e);
/// What happened, in the fewest words.
std::string glance(const event& e);
/// Task, process and memory; empty when there is nothing to tell.
std::string circumstances(const event& e);
/// What was decided; empty when nothing was.
std::string consequence(const event& e);
/// The name of a place in the tree.
std::string actor_text(std::string_view path);
/// The pool of a worker, since workers are interchangeable; any other child itself. Not escaped.
std::string place_of(std::string_view actor);
/// A length of time in the unit that suits it: "3.1 ms", "12.0 s".
std::string human_ms(double ms);
/// Text that may come from a worker, to be shown.
std::string escaped(std::string_view text);
/// What makes two failures the same; not escaped.
std::string cause_text(const event& e);
/// The same, to be shown.
std::string safe_cause(const event& e);

}  // namespace report

}  // namespace steward
