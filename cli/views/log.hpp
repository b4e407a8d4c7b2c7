#pragma once

#include "cli/command.hpp"
#include "cli/views/moment.hpp"

#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

/// Which events are wanted; what is empty does not matter.
struct log_filter {
  std::vector<std::string> actors;  ///< paths or their ends, with all that is below them, or patterns with *, ? and [
  std::vector<event_kind> kinds;
  std::optional<event_level> least;
  std::optional<run_view::time_point> since;
  std::optional<run_view::time_point> until;

  bool takes(const event& e) const;
};

/// `steward log`
std::unique_ptr<command> make_log_command();

}  // namespace steward::cli
