#pragma once

#include "cli/views/run_source.hpp"

#include <memory>
#include <string>
#include <vector>

namespace steward::cli {

/// A run of this user whose control socket answers.
struct live_run {
  std::string name;  ///< of its scenario
  int pid = 0;
  std::string socket;
};

/// Those that have a socket in the runtime folder. One that is not to be trusted is passed over with a remark in
/// `why_not`.
std::vector<live_run> live_runs(std::string* why_not = nullptr);

/// The live run that is meant by the name of its scenario, its pid, or its run directory; without a word the only one.
/// Throws `cannot_look` with exit code 6 when there is no such run, or when there are several, which it lists.
live_run find_live_run(const std::string& what);

/// The run that is meant: "-" and files are events files, a folder with a steward.db is a run directory, other words
/// name a live run. `id` names one of the runs that a file or a directory has. Throws `cannot_look`, and where a run
/// may still begin `nothing_yet`.
std::unique_ptr<run_source> find_run(const std::string& what, const std::string& id = {});

}  // namespace steward::cli
