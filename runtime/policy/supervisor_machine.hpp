#pragma once

#include "policy/backoff.hpp"
#include "policy/budget.hpp"
#include "steward/cause.hpp"
#include "steward/event.hpp"
#include "steward/spec.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace steward::policy {

/// How a child, or a whole supervisor, ended.
enum class exit_class : std::uint8_t {
  normal,    ///< finished by itself
  shutdown,  ///< ended because it was asked to
  abnormal,  ///< crashed
  gave_up,   ///< a supervisor or pool whose restart limit was reached; abnormal, too
};

struct exit_info {
  exit_class cls = exit_class::normal;
  cause why;
};

/// What a machine must know of a child to decide about it.
struct child_policy {
  std::string id;
  restart_type restart = restart_type::permanent;
  milliseconds shutdown{5'000};
  milliseconds start_within{5'000};
  backoff_spec delays;
};

using child_index = std::size_t;

/// What the owner of a machine must do next, in this order. `started`, `start_failed` and `ended` are told at most
/// once.
namespace action {
struct start_child {
  child_index child;
  std::uint64_t incarnation;
};
/// End the child in an orderly way, whatever state it is in, and report `child_stopped`.
struct stop_child {
  child_index child;
};
/// The child overran the limit of its stop or of its start: end it by force where that is possible, and forget it.
struct abandon_child {
  child_index child;
};
/// Call `timer(child, token)` at that time. A newer token of the same child makes older ones void.
struct arm_timer {
  child_index child;
  std::uint64_t token;
  time_point at;
};
/// Something to log. `about` names the child; without it the event is about the supervisor itself.
struct note {
  std::optional<child_index> about;
  event what;
};
struct started {};
struct start_failed {
  child_index child;
  cause why;
};
struct ended {
  exit_info how;
};
}  // namespace action

using any_action = std::variant<action::start_child, action::stop_child, action::abandon_child, action::arm_timer,
                                action::note, action::started, action::start_failed, action::ended>;
using actions = std::vector<any_action>;

/// State of a child as its supervisor sees it.
enum class child_state : std::uint8_t {
  idle,      ///< not started yet
  starting,  ///< start asked for, not acknowledged
  up,
  waiting,   ///< died; the restart is due later
  stopping,  ///< asked to end
  finished,  ///< ended for good; will not be restarted
};

const char* to_string(child_state x) noexcept;

/// A supervisor as a pure state machine: strategy x restart type x budget x back-off.
///
/// It has no actor, clock or process: each call takes the time and returns what to do. Semantics are those of OTP's
/// `supervisor` for one_for_one, with these differences: restarts wait out a back-off, and a supervisor that reached
/// its limit ends as `gave_up`, which a transient parent takes for the failure that it is. Children start in order,
/// each after the one before is ready; they stop in reverse order, one after the other. A start that fails during the
/// first start rolls back what was started. Reports about an incarnation that is no longer current are ignored. Not
/// thread-safe; one owner.
class supervisor_machine {
public:
  supervisor_machine(strategy how, intensity limit, std::vector<child_policy> children, std::uint64_t seed);

  actions start(time_point now);
  /// Ends everything in reverse order. Idempotent.
  actions stop(time_point now);

  actions child_ready(child_index child, std::uint64_t incarnation, time_point now);
  actions child_start_failed(child_index child, std::uint64_t incarnation, const cause& why, time_point now);
  actions child_exited(child_index child, std::uint64_t incarnation, const exit_info& how, time_point now);
  actions child_stopped(child_index child, time_point now);
  actions timer(child_index child, std::uint64_t token, time_point now);

  child_state state_of(child_index child) const { return children_.at(child).state; }
  std::uint64_t incarnation_of(child_index child) const { return children_.at(child).incarnation; }
  bool running() const noexcept { return phase_ == phase::running; }
  /// True until it begins to stop or to roll back.
  bool in_service() const noexcept { return may_restart(); }
  bool over() const noexcept { return phase_ == phase::over; }

private:
  enum class phase : std::uint8_t { fresh, starting, running, rolling_back, stopping, over };

  struct entry {
    child_policy policy;
    backoff delays;
    child_state state = child_state::idle;
    std::uint64_t incarnation = 0;
    std::uint64_t token = 0;
    std::optional<time_point> died_at;  // set from a crash until the next incarnation is ready
  };

  void begin_incarnation(child_index i, time_point now, actions& out);
  void ask_to_stop(child_index i, time_point now, actions& out);
  void start_frontier(time_point now, actions& out);
  void stop_next(time_point now, actions& out);
  void restart_or_give_up(child_index i, const exit_info& how, time_point now, actions& out);
  void end_for_good(child_index i, const exit_info& how, time_point now, actions& out);
  void give_up(child_index i, const exit_info& how, time_point now, actions& out);
  void arm(child_index i, time_point at, actions& out);
  bool current(child_index i, std::uint64_t incarnation) const;
  /// False once it stops or rolls back: then whatever dies stays dead.
  bool may_restart() const noexcept { return phase_ == phase::running || phase_ == phase::starting; }

  strategy how_;
  restart_budget budget_;
  std::vector<entry> children_;
  phase phase_ = phase::fresh;
  child_index frontier_ = 0;                          // the child whose first start is under way
  exit_info last_;                                    // how the supervisor will have ended
  std::optional<action::start_failed> failed_start_;  // set while rolling back
};

}  // namespace steward::policy
