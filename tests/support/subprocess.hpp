#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace steward::test {

/// How a process ended, as wait(2) tells it.
struct exit_status {
  int code = -1;   ///< exit code; -1 when a signal ended it
  int signal = 0;  ///< the signal that ended it, or 0
};

/// A program that a test runs: its output is collected, its end is exact, and it never outlives this object.
///
/// stdin is empty. The three streams (stdout, stderr and, where wanted, a named pipe that the program writes to) are
/// read only while a function of this class waits. No function sleeps: each waits for the program to write or to end,
/// and gives up at a deadline. Not thread-safe.
class subprocess {
public:
  using clock = std::chrono::steady_clock;

  struct options {
    std::vector<std::string> environment;  ///< NAME=VALUE, replaces what this process has under that name
    std::string follow;                    ///< path of a named pipe to make and to read; empty for none
    bool unread_stdout = false;            ///< stdout is a pipe whose reader is gone from the start
    bool late_stdout = false;              ///< stdout is read by `wait` only
  };

  /// Starts `command`. Throws std::system_error when that fails.
  subprocess(const std::vector<std::string>& command, const options& how);
  /// Kills the program where it still runs, and reaps it.
  ~subprocess();
  subprocess(const subprocess&) = delete;
  subprocess& operator=(const subprocess&) = delete;

  /// Valid until the program was reaped by `wait`.
  int pid() const noexcept { return pid_; }

  /// Sends a signal; nothing happens when the program has ended.
  void signal(int number) const noexcept;

  /// Reads until `done()` or until the program has ended and all that it wrote was read. Returns `done()`, at the
  /// latest at the deadline.
  bool read_until(const std::function<bool()>& done, clock::time_point deadline);

  /// Reads until the program has ended, and reaps it. Empty when it has not ended by the deadline.
  std::optional<exit_status> wait(clock::time_point deadline);

  const std::string& out() const noexcept { return streams_[0].text; }
  const std::string& err() const noexcept { return streams_[1].text; }
  /// What was written to the named pipe.
  const std::string& followed() const noexcept { return streams_[2].text; }

private:
  struct stream {
    int fd = -1;
    std::string text;
  };

  void drain();

  bool late_stdout_ = false;
  int pid_ = -1;
  int pidfd_ = -1;
  std::optional<exit_status> status_;
  stream streams_[3];
};

/// Makes this process the parent of every orphan among its descendants, so that none can get lost unseen.
void adopt_orphans();

/// The processes whose parent is `pid`, zombies included, in the order in which they were started.
std::vector<int> children_of(int pid);

/// Reaps every child of this process that has ended or ends by the deadline. Returns those that still run then.
std::vector<int> reap_children(subprocess::clock::time_point deadline);

}  // namespace steward::test
