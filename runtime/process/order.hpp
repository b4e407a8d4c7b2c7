#pragma once

#include "process/keeper.hpp"
#include "process/program_state.hpp"
#include "process/tracking.hpp"

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// A start request as it travels from the parent to the child, the same for both ways to start one. Internal to
// process/.
namespace steward::process {

inline constexpr std::size_t max_main_name_bytes = 128;
inline constexpr std::size_t max_argument_bytes = 4096;
/// Of `start_request::environment`.
inline constexpr std::size_t max_environment_entries = 64;
inline constexpr std::size_t max_environment_bytes = std::size_t{16} * 1024;
/// Of what a child gets in the end, the variables that `worker_sees` lets through included.
inline constexpr std::size_t max_environment_block_bytes = std::size_t{96} * 1024;
inline constexpr std::size_t max_order_text_bytes =
    max_main_name_bytes + max_argument_bytes + max_environment_block_bytes;
/// Descriptors of an order: those of the request, then standard output and error, then the working directory where the
/// request names one.
inline constexpr std::size_t max_order_fds = max_child_fds + 3;

/// The fixed part. The texts follow it: main, argument, environment ("NAME=value", each with its NUL).
struct order_header {
  program_state program;
  tracking_mark mark;
  std::uint64_t memory_limit = 0;
  std::uint32_t cpu_seconds = 0;
  std::uint32_t open_files = 0;
  std::uint32_t main_bytes = 0;
  std::uint32_t argument_bytes = 0;
  std::uint32_t environment_bytes = 0;
  std::uint32_t fd_count = 0;  ///< of the request alone
  std::int32_t guard_slot = -1;
  std::uint32_t tag = 0;  ///< comes back with the answer
  std::uint8_t sandbox = 0;
  std::uint8_t clean_environment = 0;
  std::uint8_t has_directory = 0;
  std::uint8_t reserved = 0;
};

/// Parent side: a request that was checked and made ready to be sent. Owns the descriptors that it opened.
class outgoing_order {
public:
  outgoing_order(const start_request& request, const program_state& program);
  ~outgoing_order();
  outgoing_order(const outgoing_order&) = delete;
  outgoing_order& operator=(const outgoing_order&) = delete;

  /// Why the request cannot be carried out by any way; empty when it can.
  const std::string& error() const noexcept { return error_; }
  const start_request& request() const noexcept { return request_; }
  order_header& header() noexcept { return header_; }
  const order_header& header() const noexcept { return header_; }
  const std::string& environment() const noexcept { return environment_; }
  int directory() const noexcept { return directory_; }
  /// Header and texts, in the order in which they are sent.
  std::array<iovec, 4> parts() const noexcept;
  /// Writes the descriptors in their order and returns their number.
  std::size_t copy_fds(std::array<int, max_order_fds>& to) const noexcept;

private:
  int standard_fd(int wanted, int ours);

  const start_request& request_;
  order_header header_;
  std::string environment_;
  std::string error_;
  int stdout_ = -1;
  int stderr_ = -1;
  int directory_ = -1;
  int null_ = -1;  // in place of a standard output or error that we do not have
};

/// Child side: an order as it was received. Its texts stay in place for the life of the child.
struct incoming_order {
  order_header header;
  std::array<char, max_order_text_bytes> text;

  /// True when the lengths are within their limits and make up `bytes`, header included.
  bool is_sound(std::size_t bytes) const noexcept;
  std::string_view main() const noexcept { return {text.data(), header.main_bytes}; }
  std::string_view argument() const noexcept { return {text.data() + header.main_bytes, header.argument_bytes}; }
  std::string_view environment() const noexcept {
    return {text.data() + header.main_bytes + header.argument_bytes, header.environment_bytes};
  }
};

/// The steps of a child's bootstrap that may fail. The numbers travel from the child to the parent.
enum class setup_step : std::int32_t {
  none,
  order,
  descriptors,
  main,
  directory,
  program_limits,
  program_scheduling,
  program_identity,
  memory_limit,
  cpu_limit,
  open_files,
  sandbox
};
const char* describe(setup_step step) noexcept;

struct setup_failure {
  setup_step step = setup_step::none;
  int error = 0;
  explicit operator bool() const noexcept { return error != 0; }
};

/// Child or zygote side: this process becomes what the program is, see `program_state`; `before` is what it has been.
setup_failure become_as_program(const program_state& wanted, const program_state& before) noexcept;

/// Child side: the mark and the limits of the order, in an order in which none gets in the way of the next.
setup_failure apply_limits(const order_header& header) noexcept;

/// Child side: gives the process the environment of the order, whose text has to stay in place. With
/// `clean_environment` what it had is also wiped from the memory that /proc/<pid>/environ shows.
void apply_environment(const order_header& header, std::string_view environment);

/// Zygote side: the same for this process, and so for the children that it makes from now on; it can be undone. Costs
/// nothing when the environment is the one that it has already.
void assume_environment(const incoming_order& order);

/// Child side: finds the memory that /proc/<pid>/environ shows, which costs a look into /proc. Copies of this process
/// need not do it again.
void find_environment_area() noexcept;

/// True for variables that a program needs before its main runs: the dynamic linker's and the sanitizers'.
bool needed_by_exec(std::string_view variable) noexcept;

}  // namespace steward::process
