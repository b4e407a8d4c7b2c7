#pragma once

#include "policy/supervisor_machine.hpp"
#include "steward/cause.hpp"
#include "steward/event.hpp"

#include <optional>
#include <utility>
#include <variant>

namespace steward::policy {

/// Adds an event to what is told. The reference is good until more is added, one to its event until that is taken out.
inline action::note& add_note(actions& out, std::optional<child_number> about, event_kind kind, event_level level) {
  auto& x = std::get<action::note>(out.emplace_back(std::in_place_type<action::note>));
  x.about = about;
  x.what->kind = kind;
  x.what->level = level;
  return x;
}

inline cause ended_early() {
  cause out;
  out.cls = cause_class::killed;
  out.message = "it was stopped before it was ready";
  return out;
}

}  // namespace steward::policy
