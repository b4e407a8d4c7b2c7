#pragma once

#include "steward/spec.hpp"

#include <string_view>

namespace steward {

/// A key of a pool that only worker processes can have.
struct process_only_key {
  std::string_view key;
  /// Whether the spec asks for it; null where its default cannot be told from what somebody wrote.
  bool (*is_set)(const pool_spec&);
};

/// What pools of threads cannot have: each stands here and nowhere else.
inline constexpr process_only_key process_only_keys[] = {
    {"memory_limit", [](const pool_spec& x) { return x.process.memory_limit != 0; }},
    {"cpu_limit", [](const pool_spec& x) { return x.process.cpu_limit.count() != 0; }},
    {"open_files", [](const pool_spec& x) { return x.process.open_files != 0; }},
    {"recycle_after", [](const pool_spec& x) { return x.restarts.recycle_after != 0; }},
    {"recycle_jitter", nullptr},
    {"recycle_memory", [](const pool_spec& x) { return x.restarts.recycle_memory != 0; }},
    {"sandbox", [](const pool_spec& x) { return x.process.sandbox != sandbox_level::none; }},
    {"environment", [](const pool_spec& x) { return !x.process.environment.empty(); }},
    {"working_directory", [](const pool_spec& x) { return !x.process.working_directory.empty(); }},
    {"grace", nullptr},
    {"heartbeat", nullptr},
};

}  // namespace steward
