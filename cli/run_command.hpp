#pragma once

#include "cli/event_outlets.hpp"
#include "cli/run_control.hpp"
#include "config/scenario.hpp"
#include "steward/actor.hpp"
#include "steward/task.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

/// What the command line gave `run`.
struct run_request : event_options {
  std::vector<std::string> files;  ///< paths or names of shipped scenarios
  std::vector<std::string> sets;
  bool strict = false;
  std::optional<bool> stay;  ///< after the steps; none: when the file has no `run`
  std::optional<std::uint64_t> seed;
  control_request control;
};

/// What a program registered.
struct program {
  const task_registry& tasks;
  const actor_registry& actors;
  std::function<void(caf::actor_system_config&)> announce_types;
};

/// Checks every file, then runs the scenarios in turn. Returns the exit code: of the first run that did not end well.
/// Must be called while the process has one thread.
int run_scenarios(const run_request& request, const program& what);

/// Checks the files and prints what is wrong with them; returns 0 or 3.
int validate_scenarios(const std::vector<std::string>& files, const std::vector<std::string>& sets, bool json,
                       const program& what);

/// Prints a systemd unit for a scenario, see unit.hpp; returns 0, or 3 after printing what is wrong with it.
int print_unit(const std::string& file, const std::vector<std::string>& sets, const program& what);

/// Prints what a scenario would start, see plan.hpp; returns 0, or 3 after printing what is wrong with it.
int plan_scenario(const std::string& file, const std::vector<std::string>& sets, bool json, const program& what);

}  // namespace steward::cli
