#pragma once

#include "cli/command_line.hpp"
#include "steward/actor.hpp"
#include "steward/task.hpp"

#include <functional>

namespace steward::cli {

/// Makes this process able to be a worker of what is registered.
void prepare_program(task_registry& tasks, const actor_registry& actors,
                     std::function<void(caf::actor_system_config&)> announce_types);

/// Runs the program's body: whatever it throws is told, and is an exit code.
int guarded(const std::function<int()>& body);

/// All that a program's own main has to do; `extra` may be null. Called with one thread.
int main_of_program(int argc, char** argv, task_registry& tasks, actor_registry& actors,
                    std::function<void(caf::actor_system_config&)> announce_types, const extra_command* extra);

}  // namespace steward::cli
