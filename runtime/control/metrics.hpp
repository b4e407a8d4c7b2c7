#pragma once

#include "observe/run_view.hpp"

#include <cstddef>
#include <limits>
#include <string>

namespace steward::control_api {

struct program_facts;

/// How much a scrape tells.
struct metrics_options {
  static constexpr std::size_t usual_children = 100;
  static constexpr std::size_t all_children = std::numeric_limits<std::size_t>::max();

  /// So many have series of their own: pools and supervisors first, then what has crashed, then the oldest.
  std::size_t most_children = usual_children;
};

/// All metrics of a run in Prometheus' text format; docs/metrics.md lists them.
std::string metrics_text(const run_view& view, const program_facts& facts, const metrics_options& options = {});

}  // namespace steward::control_api
