#pragma once

#include "policy/budget.hpp"
#include "steward/admin_code.hpp"
#include "steward/cause.hpp"
#include "steward/detail/boxed.hpp"
#include "steward/event.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace steward::policy {

using detail::boxed;

/// How a child, or a whole supervisor, ended.
enum class exit_class : std::uint8_t {
  normal,    ///< finished by itself
  shutdown,  ///< ended because it was asked to
  abnormal,  ///< crashed
  gave_up,   ///< a supervisor or pool whose restart limit was reached; abnormal, too
};

/// What an exception rule says about a crash; without one the restart type decides.
/// `lost_process`: the process in which a whole subtree lives has ended, so the subtree's supervisor fails.
enum class verdict : std::uint8_t { by_restart_type, stop, escalate, lost_process };

struct exit_info {
  exit_class cls = exit_class::normal;
  cause why;
  std::string text = {};   ///< what it was doing, for the report
  std::uint64_t kept = 0;  ///< messages that wait for the next incarnation
  std::uint64_t lost = 0;  ///< messages that it had in hand, which nobody handles again and nobody is told of
  verdict rule = verdict::by_restart_type;
};

bool is_abnormal(exit_class cls) noexcept;

/// Names a child for its machine; never used twice. Children start in the order of their numbers.
using child_number = std::uint64_t;
/// Names a request that is answered later; 0: nobody asked.
using request_number = std::uint64_t;

/// What the owner of a machine must do next, in this order. `started`, `start_failed` and `ended` are told at most
/// once. There can be very many of them: what is large lies in a box.
namespace action {
struct start_child {
  child_number child;
  std::uint64_t incarnation;
  bool in_place = false;  ///< whoever brought the news begins the incarnation itself
};
/// End the child, whatever state it is in, and report `child_stopped`.
struct stop_child {
  child_number child;
  bool keep = false;                      ///< it is to come back: what waits for it is kept
  bool brutal = false;                    ///< at once, and no report is waited for unless it is kept
  exit_class how = exit_class::shutdown;  ///< how it ended before, when it had ended by itself
};
/// The child overran the limit of its stop or of its start, or hangs: end it by force where that is possible, and do
/// not wait for it.
struct abandon_child {
  child_number child;
  bool stopping = false;  ///< it had been asked to stop: this is its end
};
/// End the incarnation that is up as if it had crashed, for this reason, and report `child_exited`.
struct kill_child {
  child_number child;
  boxed<cause> why;
};
/// The machine has forgotten this child: it is down and has no spec any more.
struct forget_child {
  child_number child;
};
/// Call `timer(child, token)` at that time. Replaces the child's timer, if it has one.
struct arm_timer {
  child_number child;
  std::uint64_t token;
  time_point at;
};
struct disarm_timer {
  child_number child;
};
/// Something to log. `about` names the child; without it the event is about the supervisor itself.
struct note {
  /// An event that has nothing else to tell; what happens most is told so.
  struct brief {
    event_kind kind;
    std::uint64_t incarnation;
    std::optional<double> recovery_ms = {};
  };
  std::optional<child_number> about;
  boxed<event> what = {};               ///< unless it is told in brief
  std::optional<brief> in_brief = {};   ///< of level info
  std::vector<child_number> also = {};  ///< others that the decision touches
  std::optional<exit_class> end = {};   ///< the event is the end of an incarnation of `about`

  /// The event, which is taken out.
  event take();
};
/// The answer to a request, or to the part of it that is about this child.
struct reply {
  request_number request;
  admin_code code;
  child_number child;
  std::string extra = {};
  boxed<cause> why = {};
  bool more = false;  ///< the answers about other children of the same request are still to come
};
struct started {};
struct start_failed {
  child_number child;
  boxed<cause> why;
};
struct ended {
  boxed<exit_info> how;
  bool kept = false;  ///< children were stopped with `keep`
};
}  // namespace action

using any_action = std::variant<action::start_child, action::stop_child, action::abandon_child, action::kill_child,
                                action::forget_child, action::arm_timer, action::disarm_timer, action::note,
                                action::reply, action::started, action::start_failed, action::ended>;
using actions = std::vector<any_action>;

}  // namespace steward::policy
