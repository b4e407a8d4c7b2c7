#pragma once

namespace steward::cli {

/// What scripts depend on; docs/operating.md has the table.
enum exit_code : int {
  exit_done = 0,          ///< every task ok, recovered crashes included
  exit_failed = 1,        ///< failed or quarantined tasks, or an expectation that did not hold
  exit_usage = 2,         ///< wrong command line
  exit_config = 3,        ///< invalid config; nothing was started
  exit_gave_up = 4,       ///< the root's restart limit was reached
  exit_start_failed = 5,  ///< a start failed before the run began
  exit_no_such_run = 6,   ///< no such live run, or several and none was named
  exit_strict = 7,        ///< with --strict: something crashed, though all was recovered
  exit_internal = 70,     ///< an error of the program itself
  exit_signal_base = 128  ///< plus the signal that asked for the end
};

}  // namespace steward::cli
