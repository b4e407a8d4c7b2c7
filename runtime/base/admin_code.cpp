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

const char* describe(admin_code x) noexcept {
  switch (x) {
    case admin_code::ok:
      return "it is done";
    case admin_code::ignored:
      return "its start declined: there is nothing to run";
    case admin_code::already_started:
      return "a child of that id runs";
    case admin_code::already_present:
      return "a child of that id is there, and does not run";
    case admin_code::not_found:
      return "there is no such child";
    case admin_code::running:
      return "it runs, or is being stopped";
    case admin_code::restarting:
      return "it is being started, or waits for its restart";
    case admin_code::not_running:
      return "it is down";
    case admin_code::unsupported:
      return "that cannot be done to a child of this kind";
    case admin_code::failed:
      return "it did not start";
    case admin_code::invalid:
      return "what was asked for is not valid";
    case admin_code::max_children:
      return "its supervisor has as many children as it may have";
    case admin_code::noproc:
      return "its supervisor is not in service";
    case admin_code::timed_out:
      return "no answer came in time; what was asked for goes on";
  }
  return "it is not known what came of it";
}

}  // namespace steward
