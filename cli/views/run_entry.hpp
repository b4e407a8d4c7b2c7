#pragma once

#include "observe/run_view.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace steward::cli {

/// One of the runs that a file or a directory has, or that live.
struct run_entry {
  std::string id;  ///< empty where a live run does not answer
  std::string scenario;
  std::optional<run_view::time_point> started;
  std::optional<run_view::time_point> last;  ///< of its newest event
  std::optional<run_view::time_point> ended;
  std::optional<int> code;
  std::optional<int> pid;
  std::uint64_t crashes = 0;
  bool died = false;  ///< the program itself crashed
  bool live = false;
};

}  // namespace steward::cli
