#pragma once

#include "steward/event.hpp"

#include <string>
#include <string_view>

namespace steward {

/// The parts of a report for people; views lay them out. Escaped and cut. Never throw for what an event holds; any
/// thread may call them.
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
