#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace steward {

/// What an operator does to a child of a running tree; see `supervisor::operate`.
enum class operation : std::uint8_t {
  start,    ///< a child that is down: was stopped, has ended, or is parked
  stop,     ///< ends it by its own rule; it stays down until it is started, or its group is
  restart,  ///< ends it by its own rule and starts it again; starts one that is down
  kill,     ///< ends its incarnation now, as a crash; a worker of a pool of processes, too
  park,     ///< ends it as `restart` does, and it stays down with its messages kept until it is revived
  revive,   ///< starts one that is parked or down, also one that waits for its restart
};

const char* to_string(operation x) noexcept;
std::optional<operation> operation_named(std::string_view name) noexcept;

}  // namespace steward
