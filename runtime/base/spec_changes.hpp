#pragma once

#include "steward/event.hpp"
#include "steward/spec.hpp"

#include <optional>
#include <string>
#include <vector>

namespace steward {

/// What differs between two specs of the same child, by the names of a config's keys.
struct spec_changes {
  std::vector<std::string> now;         ///< counts as soon as the child has the new spec
  std::vector<std::string> at_restart;  ///< counts when the child is built anew
};

/// Of the same kind of child; what is within a supervisor is not looked at, but for its own rules.
spec_changes changes_between(const child_spec& before, const child_spec& after);
spec_changes changes_between(const supervisor_spec& before, const supervisor_spec& after);

/// Between how many workers a pool of that spec has, and with how many it begins: none where they come on demand.
struct worker_bounds {
  unsigned first = 1;
  unsigned least = 1;
  unsigned most = 1;
  /// A pool that runs is past its beginning.
  bool operator==(const worker_bounds& other) const noexcept { return least == other.least && most == other.most; }
};
worker_bounds worker_bounds_of(const pool_spec& spec);

/// What events tell of a back-off: nothing of the usual one, unless it may have been another one before.
std::optional<event_backoff> told_backoff(const backoff_spec& of, const backoff_spec& usual, bool is_new);

/// "a, b and c"
std::string enumerated(const std::vector<std::string>& names);

}  // namespace steward
