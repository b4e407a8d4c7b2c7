#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// What kind of thing ended a worker, an actor or a task.
enum class cause_class : std::uint8_t {
  none,       ///< nothing: an orderly end
  exception,  ///< a C++ exception; `exception` and `message` are set
  signal,     ///< a signal that we did not send; `signal` is set
  exit,       ///< the process called exit; `code` is the exit code
  quit,       ///< an actor has ended itself with an error, or was ended by one; `message` says which
  deadline,   ///< we killed it: a task ran past its deadline
  heartbeat,  ///< we killed it: it was frozen
  memory,     ///< it ran out of memory
  killed,     ///< we ended it on purpose (stop, operator)
  start,      ///< it never became ready
  protocol,   ///< it sent bytes that are not our protocol
};

/// Why something died, as data. A value type: copy it freely.
///
/// A worker process can leave two witnesses: the kernel (signal or exit code) and its own last words
/// (fault address, uncaught exception). Both end up in one `cause`.
struct cause {
  cause_class cls = cause_class::none;
  int signal = 0;                        ///< signal number, 0 when there was none
  int code = 0;                          ///< exit code for `exit`, si_code for `signal`
  std::string exception;                 ///< demangled type of the exception
  std::string message;                   ///< `what()`, or a sentence that explains the cause
  std::optional<std::uint64_t> address;  ///< fault address of a memory fault
  std::vector<std::string> frames;       ///< innermost first; empty when unknown
  std::vector<std::string> stderr_tail;  ///< of a process: the last lines that it wrote to its standard error
  std::uint64_t rss_peak_kib = 0;        ///< of a process: largest resident set; 0 when unknown
  std::uint64_t cpu_ms = 0;              ///< of a process: processor time that it used in all
  int sender_pid = 0;                    ///< of a signal that another process sent, where the kernel says who; else 0
  std::optional<unsigned> sender_uid;    ///< of that process
  std::exception_ptr original{};         ///< of a task on a thread of this program: the exception itself

  friend bool operator==(const cause&, const cause&) = default;
};

/// The name that events use, such as "signal".
const char* to_string(cause_class cls) noexcept;

/// "SIGSEGV" for 11; "signal 99" for a number without a name.
std::string signal_name(int number);

/// The readable name of a mangled C++ type; the input when it cannot be demangled.
std::string demangle(const char* mangled);

/// One line for people: "SIGSEGV at 0x10", "exit code 3", "std::runtime_error: boom". Control bytes are not escaped
/// here.
std::string describe(const cause& why);

/// Turns a caught exception into a cause with its demangled type and text. Anything that is not a std::exception is an
/// "unknown exception". Call it with a non-null pointer.
cause cause_of(std::exception_ptr problem);

}  // namespace steward
