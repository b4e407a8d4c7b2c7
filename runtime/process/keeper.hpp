#pragma once

#include "steward/cause.hpp"
#include "steward/spec.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace steward::process {

/// What a child process runs: a function registered under a name with `register_child_main`. It inherits the file
/// descriptors of `start_request::fds` in the order given, from 3 upwards, and no other but 0 (/dev/null), 1 and 2.
struct start_request {
  std::string main;                ///< name of a registered child main
  std::vector<int> fds;            ///< borrowed until `start` returns; at most `max_child_fds`
  std::string argument;            ///< passed to the child main as it is; at most 4 KiB
  int stdout_fd = -1;              ///< becomes the child's descriptor 1; borrowed; -1: it shares ours of that moment
  int stderr_fd = -1;              ///< the same for 2
  std::uint64_t memory_limit = 0;  ///< RLIMIT_AS in bytes; 0 for none
  unsigned cpu_seconds = 0;        ///< RLIMIT_CPU: SIGXCPU then, SIGKILL a second later; 0 for none
  unsigned open_files = 0;         ///< RLIMIT_NOFILE; 0 leaves it alone
  sandbox_level sandbox = sandbox_level::none;
  bool clean_environment = false;        ///< only what `worker_sees` and `environment` say; else the program's own
  std::vector<std::string> environment;  ///< "NAME" or "NAME=value"; at most 64 entries, 16 KiB together
  std::string working_directory;         ///< empty: the program's at the time of the start
};
inline constexpr std::size_t max_child_fds = 8;

/// How a child ended, as the kernel told it.
struct exit_report {
  int pid = 0;
  bool signaled = false;
  int code = 0;    ///< exit code when not signaled; -1 when somebody else in this program reaped the child
  int signal = 0;  ///< signal number when signaled
  std::uint64_t rss_peak_kib = 0;
  std::uint64_t cpu_ms = 0;  ///< processor time that it used
  unsigned cpu_seconds = 0;  ///< `start_request::cpu_seconds`
  /// Killed by SIGKILL, not by us, while the kernel counted an out-of-memory kill in our cgroup.
  bool oom_killed = false;
  /// A SIGKILL that is not ours, where the kernel's count of such kills is known: only `oom_killed` was for memory.
  bool oom_counted = false;
  /// The last signal that the keeper sent on request before the end, 0 for none: tells our own kill from a stranger's.
  int sent_signal = 0;

  bool is_lost() const noexcept { return !signaled && code < 0; }
};

/// "exit code 3", "SIGKILL", as a cause of class exit or signal. What the child said itself is in
/// `flight_recorder::last_words`.
cause cause_of(const exit_report& report);

/// How children are started: from the zygote when there is one, else by posix_spawn of the running program. Either way
/// nothing that a child has started outlives the program, whatever kills that: the zygote kills the groups that are
/// left, or, without one, a guard process that the keeper starts with its first child. What a child is refused (a
/// limit, the sandbox) makes its start fail; a spawned child can only exit with code 127 and a line on its standard
/// error.
enum class start_method : std::uint8_t { automatic, zygote, spawn };

struct keeper_options {
  start_method method = start_method::automatic;
};

/// Names one child for its whole life; never reused within a keeper.
using child_id = std::uint64_t;

struct started {
  child_id id = 0;  ///< 0: not started
  int pid = 0;
  std::string error;  ///< why not, with the errno's text
  explicit operator bool() const noexcept { return id != 0; }
};

/// Owns the child processes of a runtime: starts them, learns of their end through pidfds, kills them by pidfd.
///
/// One permanent thread does it all, so that PR_SET_PDEATHSIG of spawned children never fires early. Every public
/// function is thread-safe and may be called from the exit callback, too. The destructor kills what still runs, with
/// SIGKILL, and returns when everything is reaped: no zombie, no open descriptor. What it may not kill, since the
/// program has become another user, it leaves after 10 s. At a child's end the keeper also
/// kills what is left of its process group. A SIGCHLD that is ignored gets its default back, for the kernel would tell
/// no exit status. Needs Linux 5.9; the constructor throws std::system_error when the kernel
/// refuses the keeper's own descriptors.
class keeper {
public:
  using exit_handler = std::function<void(const exit_report&)>;
  /// Nothing is left of what an ended child had started, as far as it can be killed.
  using clean_handler = std::function<void()>;

  explicit keeper(keeper_options options = {});
  ~keeper();
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;

  /// Starts a child and returns once the process exists (not once it is ready). `on_exit` is called exactly once, on
  /// the keeper's thread, after the process was reaped; never when the start failed. It must not block. A child that
  /// ends at once may be told of before `start` returns. `on_clean` comes after it, once, in the same way.
  started start(const start_request& request, exit_handler on_exit, clean_handler on_clean = {});
  struct start_call {
    start_request request;
    exit_handler on_exit;
    clean_handler on_clean{};
  };

  /// The same for several at once, with a result for each, in order. Costs less than one after the other: the zygote
  /// makes one while the next request is on its way.
  std::vector<started> start_all(std::vector<start_call> calls);

  /// Sends a signal to the child's process group, and to the child itself should it have left that; 0 to ask whether it
  /// lives. False when the child is gone. Never hits a reused pid.
  bool kill(child_id child, int signal);

  /// The signal by which a child is stopped, by a tracer, too; 0 while it goes on.
  int stop_signal(child_id child) const;

  /// Number of children that were started and not yet reaped.
  std::size_t running() const;

  /// The method that the next start will use.
  start_method method() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace steward::process
