#pragma once

#include "caf/actor_link.hpp"
#include "process/keeper.hpp"
#include "steward/runtime.hpp"
#include "supervision/directory.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace steward {

/// The parts of a runtime, in the order in which they are made.
struct runtime::impl {
  event_log* events = nullptr;
  const task_registry* tasks = nullptr;
  const actor_registry* actors = nullptr;
  runtime_options options;
  supervision::directory names;
  std::unique_ptr<process::keeper> keeper;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<actor_link_hub> links;

  /// Paths of what trees had to abandon: what a hung end is about.
  std::mutex abandoned_mutex;
  std::vector<std::string> abandoned;
};

}  // namespace steward
