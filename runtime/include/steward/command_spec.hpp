#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// When a program counts as ready. At most one of these is given; with none it is ready as soon as it runs.
struct command_ready {
  std::string line{};   ///< it has written a line that matches this extended regular expression, as `grep -E` takes it
  unsigned port = 0;    ///< something listens at this TCP port of 127.0.0.1 or ::1, where nothing did before
  std::string file{};   ///< this file is there, made or changed since the start; relative to the working directory
  std::string http{};   ///< a GET of this URL, such as "http://127.0.0.1:8080/health", is answered with 2xx or 3xx
  bool notify = false;  ///< it says READY=1, as programs do for systemd (sd_notify)
  std::chrono::milliseconds after{0};  ///< it has run for this long
};

/// One step of the way in which a program is stopped: a signal to its process group, or how long its end is waited for.
///
///     .stop = {SIGQUIT, 5s, SIGKILL}
struct stop_step {
  int signal = 0;                                   ///< 0: a wait
  std::optional<std::chrono::milliseconds> wait{};  ///< of a wait; none: the child's `shutdown`

  stop_step(int number) : signal(number) {}
  template <class Rep, class Period>
  stop_step(std::chrono::duration<Rep, Period> x) : wait(std::chrono::duration_cast<std::chrono::milliseconds>(x)) {}
  /// Waits as long as the child's `shutdown` says.
  static stop_step shutdown() { return stop_step{0}; }

  friend bool operator==(const stop_step&, const stop_step&) = default;
};

/// Limits that the kernel holds a program to, by the names that /etc/security/limits.conf has for them. Soft and hard
/// ones are set; what is not given is as the program's own.
struct command_rlimits {
  static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

  std::optional<std::uint64_t> as{};       ///< bytes of address space
  std::optional<std::uint64_t> core{};     ///< bytes of a core file
  std::optional<std::uint64_t> data{};     ///< bytes of data
  std::optional<std::uint64_t> fsize{};    ///< bytes of a file
  std::optional<std::uint64_t> memlock{};  ///< bytes of locked memory
  std::optional<std::uint64_t> stack{};    ///< bytes of stack
  std::optional<std::uint64_t> nofile{};   ///< descriptors
  std::optional<std::uint64_t> nproc{};    ///< processes of the user
  std::chrono::milliseconds cpu{0};        ///< processor time, in whole seconds; 0: as the program's own

  friend bool operator==(const command_rlimits&, const command_rlimits&) = default;
};

/// What becomes of the lines that a program writes.
struct command_logs {
  unsigned lines_a_second = 1'000;  ///< further ones are counted and left out; 0: none is told
  std::size_t line_length = 4'000;  ///< bytes; the rest of a longer line is counted and left out
};

/// A program that is run as a child of a supervisor, in a process group of its own. Its standard input is /dev/null;
/// its standard output and error become events of kind `log`, a line each; it inherits no other descriptor.
///
///     command_spec{.run = {"nginx", "-g", "daemon off;"}, .ready = {.port = 8080}, .stop = {SIGQUIT, 5s, SIGKILL}}
struct command_spec {
  std::vector<std::string> run{};  ///< the program, found in PATH where it has no slash, and its arguments
  command_ready ready{};
  std::vector<stop_step> stop{};  ///< empty: SIGTERM, the child's `shutdown`, SIGKILL. SIGKILL is always the last
  std::vector<int> ok_codes{0};   ///< exit codes of an orderly end; other ends are crashes
  std::vector<std::string> environment{};  ///< as of pools: "NAME" or "NAME=value"; "*": all that the program has
  std::string working_directory{};         ///< empty means the program's
  std::string user{};                      ///< "name" or "name:group", or their numbers; empty means the program's
  std::optional<unsigned> umask{};         ///< 0 to 0777; none means the program's
  std::optional<int> nice{};               ///< -20 to 19; none means the program's
  command_rlimits rlimits{};
  command_logs logs{};
};

}  // namespace steward
