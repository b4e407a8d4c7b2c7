#pragma once

#include "steward/actor.hpp"
#include "steward/task.hpp"

#include <cstdint>
#include <string>

namespace steward::test {

/// The actors of these tests: "probe", which adds numbers and does what it is told, and "strict_probe", the same with
/// rules for its exceptions: `bad_input` resumes, `last_straw` stops, `high_treason` escalates.
///
/// A probe answers
///   (add, n)        the sum so far
///   (get)           the sum
///   (put, n)        nothing; adds n to the list
///   (show)          the list, as "1 2 3"
///   (text)          what it was told, see probe_actor.cpp
///   (text, actor)   the same with somebody else
const actor_registry& probe_actors();
const task_registry& probe_tasks();

/// A type of messages that is announced.
struct parcel {
  std::int64_t weight = 0;
  std::string label;
};
STEWARD_INSPECT(parcel, weight, label)
void announce_parcel(caf::actor_system_config& config);

struct bad_input : std::runtime_error {
  using runtime_error::runtime_error;
};
struct last_straw : std::runtime_error {
  using runtime_error::runtime_error;
};
struct high_treason : std::runtime_error {
  using runtime_error::runtime_error;
};

}  // namespace steward::test
