#pragma once

#include "steward/cause.hpp"
#include "steward/port.hpp"

#include <cstdint>
#include <string>

namespace steward {

/// How one life of a watched child has ended.
enum class end_kind : std::uint8_t {
  finished,  ///< by itself, in order
  stopped,   ///< it was asked to: by administration, with its group, or with its supervisor
  crashed,   ///< by an exception or another failure, a failed start included
  gave_up,   ///< a supervisor or a pool whose restart limit was reached
  unknown,   ///< there is no such child, or not any more
};
const char* to_string(end_kind x) noexcept;

/// What its supervisor does about that.
enum class after_end : std::uint8_t {
  nothing,  ///< it stays down; what restarts its supervisor brings it back, too
  restart,  ///< it comes back
  parked,   ///< it stays down with its messages kept; see `spent_policy::park`
};
const char* to_string(after_end x) noexcept;

/// What whoever watches a child is told. A value; as a message it stays within the program.
struct child_end {
  std::string path;
  std::uint64_t incarnation = 0;  ///< that has ended; 0: it never began, or is unknown
  end_kind how = end_kind::unknown;
  after_end next = after_end::nothing;
  cause why{};  ///< `crashed` and `gave_up`
};

/// Tells this actor by one message, a `child_end`, when a child of its tree ends: an actor, a pool or a supervisor. OTP
/// says monitor, Akka watch.
///
///     watch(self_, "squares");  // in the constructor; then in make_behavior:
///     [this](const child_end& x) {
///       slow_down(x.why);
///       if (x.next == after_end::restart) watch(self_, x.path);  // of what is gone the answer would come at once
///     }
///
/// `name` is a path, or the id of a sibling. A child that is up is watched until its life ends; one that starts,
/// restarts or is parked through its coming life. Of one that has ended for good, or that there is not, the message
/// comes at once. It comes behind what waits in the mailbox, whatever the mailbox's bound, and belongs to the
/// incarnation that has called this: the next one watches anew. Does not block. Throws std::logic_error in an actor
/// that is not supervised.
void watch(self_ptr self, const std::string& name);
/// Takes all that back. A message that is under way may still come.
void unwatch(self_ptr self, const std::string& name);

}  // namespace steward

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::child_end)
