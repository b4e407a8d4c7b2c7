#include "soak/oracle.hpp"

#include <array>

namespace steward::soak {

namespace {

constexpr std::array<const char*, fault_kinds> names{
    "none",    "segv",        "abort", "uncaught", "exit_zero",  "exit_code",  "spin",
    "garbage", "after_reply", "kill",  "stop",     "start_slow", "start_late", "start_dies"};

/// Shares of the faults that tasks do, in percent of all faults: 10, 10, 10, 5, 5, 5.
fault_kind drawn_for_task(std::uint64_t random) noexcept {
  const auto share = random % 45;
  const bool coin = (random >> 32) % 2 == 0;
  if (share < 10) return fault_kind::segv;
  if (share < 20) return coin ? fault_kind::abort : fault_kind::uncaught;
  if (share < 30) return coin ? fault_kind::exit_zero : fault_kind::exit_code;
  if (share < 35) return fault_kind::spin;
  if (share < 40) return fault_kind::garbage;
  return fault_kind::after_reply;
}

}  // namespace

const char* to_string(fault_kind kind) noexcept { return names[static_cast<std::size_t>(kind)]; }

fault_kind fault_of(std::string_view name) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<fault_kind>(i);
  }
  return fault_kind::none;
}

plan plan_of(std::uint64_t seed, std::uint64_t fault_every, std::uint64_t number) noexcept {
  plan out;
  if (fault_every > 0 && number % fault_every == mixed(seed, number / fault_every) % fault_every) {
    out.fault = drawn_for_task(mixed(seed + 1, number));
    const auto more = mixed(seed + 2, number);
    out.each_attempt = out.fault <= fault_kind::exit_code && more % 50 == 0;
    if (out.fault == fault_kind::exit_code) out.code = 1 + static_cast<int>((more >> 32) % 100);
    return out;
  }
  out.throws = mixed(seed + 3, number) % 1000 == 0;
  return out;
}

}  // namespace steward::soak
