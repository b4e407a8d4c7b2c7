#pragma once

#include <cstdint>
#include <string_view>

/// What a soak's tasks must give, and which of them misbehave. The one thing that the generator and the checker share.
/// Everything here is a pure function.
namespace steward::soak {

/// What can be done to a worker. The first half is done by tasks themselves, as their plan says.
enum class fault_kind : std::uint8_t {
  none,
  segv,         ///< writes to address 0x10
  abort,        ///< calls abort
  uncaught,     ///< lets an exception leave a thread
  exit_zero,    ///< calls _exit(0)
  exit_code,    ///< calls _exit with the plan's code
  spin,         ///< loops past its deadline
  garbage,      ///< writes bytes to the channel that are no frame
  after_reply,  ///< replies, and calls _exit(after_reply_code)
  kill,         ///< SIGKILL from outside
  stop,         ///< SIGSTOP from outside
  start_slow,   ///< a start that takes a while, and succeeds
  start_late,   ///< a start that takes longer than it may
  start_dies,   ///< a start that ends with _exit(start_code)
};
inline constexpr int fault_kinds = 14;
inline constexpr int after_reply_code = 200;
inline constexpr int start_code = 201;
inline constexpr int slow_start_ms = 30;

const char* to_string(fault_kind kind) noexcept;
/// `none` for a name that is none of these.
fault_kind fault_of(std::string_view name) noexcept;
constexpr bool by_task(fault_kind kind) noexcept { return kind >= fault_kind::segv && kind <= fault_kind::after_reply; }

/// What one task does besides its work.
struct plan {
  fault_kind fault = fault_kind::none;
  bool each_attempt = false;  ///< in every attempt, not in the first alone
  int code = 0;               ///< of exit_code
  bool throws = false;        ///< ends with an exception: an answer, no fault
};

/// One task in each `fault_every` has a fault; 0: none has. Of the others one in a thousand throws.
plan plan_of(std::uint64_t seed, std::uint64_t fault_every, std::uint64_t number) noexcept;

/// The value of a task that has one.
constexpr std::int64_t value_of(std::uint64_t number) noexcept { return static_cast<std::int64_t>(number * number); }

/// A well-mixed number from two.
constexpr std::uint64_t mixed(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t x = a * 0x9e3779b97f4a7c15ULL + b + 0x632be59bd9b4e019ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace steward::soak
