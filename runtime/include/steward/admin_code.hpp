#pragma once

#include <cstdint>

namespace steward {

/// What came of an administrative request. The names are OTP's.
enum class admin_code : std::uint8_t {
  ok,
  ignored,          ///< the child's start declined: there is nothing to run
  already_started,  ///< a child of that id runs
  already_present,  ///< a child of that id is there, but does not run
  not_found,        ///< no such child
  running,          ///< the child runs: terminate it first
  restarting,       ///< the child is being restarted: terminate it first
  not_running,      ///< there is nothing to kill: the child is down
  unsupported,      ///< dynamic children have no specs of their own: not with simple_one_for_one
  failed,           ///< the child did not start; `why` tells
  invalid,          ///< the spec is wrong; `faults` tells all that is
  max_children,     ///< the supervisor has as many children as it may have; `why` tells how many
  noproc,           ///< no such supervisor, or it is over or about to be
  timed_out,        ///< no answer in time; what was asked for goes on
};

const char* to_string(admin_code x) noexcept;
/// The same as people say it: "it runs, or is being stopped".
const char* describe(admin_code x) noexcept;

}  // namespace steward
