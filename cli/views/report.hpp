#pragma once

#include "cli/command.hpp"
#include "cli/views/paper.hpp"
#include "cli/views/scene.hpp"
#include "observe/run_view.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

/// What a report says of a run, whatever it is written in. All texts are escaped.
struct run_report {
  struct crash_row {
    std::string place;
    std::string cause;
    std::uint64_t count = 0;
  };
  struct pool_row {
    std::string path;
    pool_view counts;
    std::uint64_t lost = 0;       ///< quarantined, failed and given up
    std::uint64_t cancelled = 0;  ///< without a value for another reason
  };
  struct child_row {
    std::string path;
    std::string kind;
    view_status status = view_status::idle;
    cell told;  ///< its status as people read it
    bool flaps = false;
    std::uint64_t restarts = 0;
    std::uint64_t crashes = 0;
    child_view::duration downtime{0};
    std::uint64_t lost_messages = 0;
    std::uint64_t quarantined_messages = 0;
    std::string last_crash;
    std::string last_cause;
  };

  /// What a program that was killed had in memory when it was looked at last, which nobody can tell of any more.
  struct unfinished_row {
    std::uint64_t messages = 0;  ///< that waited in mailboxes
    std::uint64_t tasks = 0;     ///< that waited or ran
    run_view::time_point at;
  };

  run_report(const run_view& view, bool live, run_view::time_point now, std::vector<std::string> remarks);

  const run_view& view;
  bool live;
  run_view::time_point now;
  run_state state;
  std::vector<std::string> remarks;  ///< of what is missing
  std::vector<crash_row> crashes;    ///< the most frequent first
  std::vector<pool_row> pools;
  std::vector<child_row> children;  ///< that were ever down or lost something; the most restarts first
  std::uint64_t lost_tasks = 0;
  std::optional<unfinished_row> unfinished;  ///< of a run that was lost, and whose figures are known
  std::string named;                         ///< the run as the next command has to name it
};

std::string render_report_text(const run_report& x, const paper& on);
std::string render_report_markdown(const run_report& x);
std::string render_report_json(const run_report& x);
/// A test case for the run and for each child, for what shows test results.
std::string render_report_junit(const run_report& x);

/// `steward report`
std::unique_ptr<command> make_report_command();

}  // namespace steward::cli
