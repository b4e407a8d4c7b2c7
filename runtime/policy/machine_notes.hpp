#pragma once

#include "steward/cause.hpp"
#include "steward/event.hpp"

namespace steward::policy {

/// The beginnings of the events and causes that a `supervisor_machine` tells.
inline event make_event(event_kind kind, event_level level) {
  event out;
  out.kind = kind;
  out.level = level;
  return out;
}

inline cause ended_early() {
  cause out;
  out.cls = cause_class::killed;
  out.message = "it was stopped before it was ready";
  return out;
}

}  // namespace steward::policy
