#pragma once

#include "control/http.hpp"
#include "observe/timeline.hpp"

#include <cstddef>
#include <span>
#include <string>

namespace steward::control_api {

/// Which part of a timeline somebody wants.
struct timeline_query {
  static constexpr std::size_t most_lanes = 1'000;  ///< that `limit` may ask for
  static constexpr std::size_t most_bars = 4'000;   ///< that `most` may ask for

  timeline_time from = std::numeric_limits<timeline_time>::min();
  timeline_time to = std::numeric_limits<timeline_time>::max();
  std::string path;        ///< only this child and what is below it; empty: all
  std::size_t offset = 0;  ///< lanes to be passed over
  std::size_t limit = 200;
  std::size_t most = 200;  ///< bars, and crashes, of a lane
};

/// Throws `http_problem`.
timeline_query timeline_query_of(const http_request& request);
std::span<const std::string> timeline_parameters();

/// Pure. Times are whole microseconds since 1970.
std::string timeline_json(const run_timeline& of, const timeline_query& query);

}  // namespace steward::control_api
