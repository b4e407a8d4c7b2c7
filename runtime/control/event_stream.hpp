#pragma once

#include "control/http.hpp"
#include "observe/run_monitor.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steward::control_api {

/// Which events somebody wants.
struct event_filter {
  std::string actor;              ///< a pattern with `*` and `?`; empty for any
  std::vector<event_kind> kinds;  ///< none: any
  event_level level = event_level::debug;

  bool matches(const event& e) const;
};

/// Lines of JSON of the latest events, so that many readers of the same ones have each made once. Thread-safe.
class rendered_lines {
public:
  std::shared_ptr<const std::string> of(const event& e);

private:
  struct one {
    std::uint64_t seq = 0;
    std::shared_ptr<const std::string> line;
  };
  static constexpr std::size_t most = 2'048;

  std::mutex mutex_;
  std::vector<one> lines_;  // by number
};

/// Which run an answer is of; none before it has begun.
std::vector<std::pair<std::string, std::string>> run_header(const std::string& run);

struct event_query {
  event_filter which;
  std::uint64_t after = 0;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  /// Where the reader was in another run. It begins anew, and is told so.
  std::optional<std::uint64_t> in_other_run = {};
};

/// The events that there are now, a line each.
std::unique_ptr<http_stream> event_lines(run_monitor& from, rendered_lines& lines, event_query query);

/// Server-sent events, `id` their number, now and as they come. The first is an event `run`, which tells whose they
/// are; before it comes `reset` for a reader that has followed another run. What a reader has missed because it was
/// slow, or because it is not kept any more, is told by an event `gap`.
std::unique_ptr<http_stream> event_feed(run_monitor& from, rendered_lines& lines, event_query query);

}  // namespace steward::control_api
