#pragma once

#include "process/keeper.hpp"
#include "steward/spec.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace steward::process {

/// The start of a child with this main that gets what the settings say, and sees of the environment what workers see.
inline start_request request_with(const process_settings& settings, std::string main) {
  start_request out;
  out.main = std::move(main);
  out.memory_limit = settings.memory_limit;
  out.cpu_seconds = static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(settings.cpu_limit).count());
  out.open_files = settings.open_files;
  out.sandbox = settings.sandbox;
  out.clean_environment = true;
  out.environment = settings.environment;
  out.working_directory = settings.working_directory;
  return out;
}

}  // namespace steward::process
