#pragma once

#include "steward/actor.hpp"
#include "steward/task.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

/// Tasks and actors for the tests of the links between them.
namespace steward::test {

/// One task does all: "COMMAND argument". What it returns is for the test to judge.
using command = std::function<std::string(const task_context&, const std::string& argument)>;
const std::map<std::string, command>& honest_commands();
/// These write to the link by themselves.
const std::map<std::string, command>& hostile_commands();

task_registry& link_tasks();
actor_registry& link_actors();

/// The descriptor that a worker inherits.
inline constexpr int link_descriptor = 5;

}  // namespace steward::test
