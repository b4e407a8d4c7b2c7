#include "steward/admin_code.hpp"

namespace steward {

const char* to_string(admin_code x) noexcept {
  switch (x) {
    case admin_code::ok:
      return "ok";
    case admin_code::ignored:
      return "ignored";
    case admin_code::already_started:
      return "already_started";
    case admin_code::already_present:
      return "already_present";
    case admin_code::not_found:
      return "not_found";
    case admin_code::running:
      return "running";
    case admin_code::restarting:
      return "restarting";
    case admin_code::not_running:
      return "not_running";
    case admin_code::unsupported:
      return "unsupported";
    case admin_code::failed:
      return "failed";
    case admin_code::invalid:
      return "invalid";
    case admin_code::max_children:
      return "max_children";
    case admin_code::noproc:
      return "noproc";
    case admin_code::timed_out:
      return "timed_out";
  }
  return "unknown";
}

}  // namespace steward
