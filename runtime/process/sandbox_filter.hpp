#pragma once

#include "steward/spec.hpp"

#include <linux/filter.h>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>

namespace steward::process {

/// What the rest of the sandbox can do, which decides what the filter has to.
struct filter_needs {
  bool strict = false;
  bool open_for_writing = false;  ///< refuse it by the flags: there is no landlock
  bool truncate_on_open = false;  ///< the same for O_TRUNC: landlock is too old to do it
  bool signals = false;           ///< landlock is too old to limit them
  int pid = 0;                    ///< of this process
};

/// A system call filter in the making; the kernel's own language, so it is small and flat. Async-signal-safe.
class sandbox_filter {
public:
  explicit sandbox_filter(const filter_needs& needs) noexcept;

  /// Empty where this machine's architecture is not known.
  std::span<sock_filter> program() noexcept { return {code_.data(), count_}; }

private:
  void add(unsigned code, unsigned value, unsigned char on_true = 0, unsigned char on_false = 0) noexcept;
  void load(std::size_t offset) noexcept;
  void refuse(long call, int error) noexcept;
  /// Refuses the call when `argument` has one of `bits`.
  void refuse_bits(long call, unsigned argument, unsigned bits, int error) noexcept;
  /// Refuses the call unless the masked `argument` is `value`.
  void refuse_unless(long call, unsigned argument, unsigned mask, unsigned value, int error) noexcept;
  /// Refuses the call when `argument` is one of `values`.
  void refuse_values(long call, unsigned argument, std::initializer_list<unsigned> values, int error) noexcept;
  /// Refuses the call unless its first two arguments are these.
  void refuse_unless_two(long call, unsigned first, unsigned second, int error) noexcept;
  /// Refuses the call when the pointer `argument` is not null.
  void refuse_pointer(long call, unsigned argument, int error) noexcept;

  void head() noexcept;
  void files(const filter_needs& needs) noexcept;
  void sockets() noexcept;
  void others() noexcept;
  void processes(const filter_needs& needs) noexcept;

  std::array<sock_filter, 768> code_;
  std::size_t count_ = 0;
};

}  // namespace steward::process
