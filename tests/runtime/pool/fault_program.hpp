#pragma once

#include <string>

#include <sys/types.h>

namespace steward::test {

/// This test program once more, as a process of its own, for faults that its own process cannot play: "--play=NAME".
/// Ends with SIGKILL if it must.
class program {
public:
  explicit program(const std::string& argument, const std::string& file = "/proc/self/exe");
  ~program();
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// Its next line of output; empty at the end.
  std::string line();
  void kill();
  /// Its exit code, or minus the signal that ended it. Reads the rest of its output first.
  int wait();
  const std::string& output() const noexcept { return output_; }

private:
  pid_t pid_ = -1;
  int fd_ = -1;
  std::string output_;
};

/// Its exit code where this machine cannot play it; why is the first line of its output.
inline constexpr int play_not_possible = 77;

/// What `--play=NAME` does. The result is the exit code.
int play_alone(const std::string& name);

/// The letter for the state of a process, 'T' when it is stopped; 0 when there is none.
char state_of(pid_t pid);
/// True while a process with this pid ignores SIGTERM.
bool ignores_sigterm(pid_t pid);
/// True once no process with this pid runs: it is gone, or dead and not reaped.
bool is_gone(pid_t pid);

}  // namespace steward::test
