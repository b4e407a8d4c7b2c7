#pragma once

#include "policy/actions.hpp"
#include "policy/backoff.hpp"
#include "policy/budget.hpp"
#include "steward/spec.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::policy {

/// `process_settings::group` of an actor that lives in the process of a supervisor above it: no name that a group has.
/// Only the death of that process concerns the others.
inline constexpr std::string_view group_of_subtree = "/";

/// What a machine must know of a child to decide about it. Immutable; children of one template share it.
struct child_policy {
  restart_type restart = restart_type::permanent;
  milliseconds shutdown{5'000};
  milliseconds start_within{5'000};
  backoff_spec delays;
  bool significant = false;
  std::optional<steward::intensity> intensity;
  spent_policy on_spent = spent_policy::escalate;
  milliseconds park_for{0};
  unsigned start_retries = 0;
  std::string group;  ///< those of one name share a process, and so restart together
};

child_policy policy_of(const child_spec& x);

/// State of a child as its supervisor sees it.
enum class child_state : std::uint8_t {
  idle,      ///< not running: not started yet, terminated, finished, or its start declined
  starting,  ///< start asked for, not acknowledged
  up,
  waiting,   ///< down; a restart is due later
  stopping,  ///< asked to end
  parked,    ///< down, since its own limit was reached, or by hand
};

const char* to_string(child_state x) noexcept;

struct machine_options {
  steward::strategy strategy = steward::strategy::one_for_one;
  steward::intensity intensity;
  steward::auto_shutdown auto_shutdown = steward::auto_shutdown::never;
  std::uint64_t seed = 0;
  bool keep_on_end = false;   ///< when it ends by itself somebody may start it anew: children are stopped with `keep`
  bool owns_process = false;  ///< all below it live in one process: the loss of that is its own failure
};

/// A supervisor as a pure state machine: strategy x restart type x budgets x back-off.
///
/// It has no actor, clock or process: each call takes the time and returns what to do. Semantics are those of OTP's
/// `supervisor`, with these differences: restarts wait out a back-off; a supervisor that reached its limit ends as
/// `gave_up`, which a transient parent takes for the failure that it is; a child may have a budget of its own, and be
/// parked or ended when that is spent; nothing blocks, so that a group restart or a slow stop lets administration in.
/// Children start in order, each after the one before is ready; they stop in reverse order, one after the other. Those
/// of a simple_one_for_one stop at once, and their first starts overlap, `started_at_once` at most. A first start that
/// fails is tried again as often as `start_retries` allows, and those listed later wait for it; then it rolls back what
/// was started. Reports about an incarnation that is no longer current are ignored. Each call costs O(log children),
/// but for group restarts. Not thread-safe; one owner.
class supervisor_machine {
public:
  /// Children of a simple_one_for_one whose first start may be under way at the same time.
  static constexpr std::size_t started_at_once = 64;
  /// A child that is killed has this long to end its incarnation; then it is abandoned.
  static constexpr milliseconds kill_grace{1'000};

  explicit supervisor_machine(machine_options options);

  /// Adds a child before `start`, or, later, one that is not started: `incarnation` is the last one it had.
  void add(child_number child, std::shared_ptr<const child_policy> policy, std::uint64_t incarnation = 0);

  actions start(time_point now);
  /// Ends everything. Idempotent. `keep`: children are stopped with `keep`; `brutal`: whatever their own rule is.
  actions stop(time_point now, bool keep = false, bool brutal = false);
  /// Ends everything at once, as a crash of the supervisor itself.
  actions fail(const cause& why, time_point now);

  // What happened to a child.
  actions child_ready(child_number child, std::uint64_t incarnation, time_point now, const std::string& extra = {});
  actions child_declined(child_number child, std::uint64_t incarnation, time_point now);
  actions child_start_failed(child_number child, std::uint64_t incarnation, const cause& why, time_point now);
  /// `in_place`: the caller can begin the next incarnation itself, when that is due at once.
  actions child_exited(child_number child, std::uint64_t incarnation, exit_info how, time_point now,
                       bool in_place = false);
  actions child_hung(child_number child, std::uint64_t incarnation, const exit_info& how, time_point now);
  actions child_stopped(child_number child, time_point now);
  actions timer(child_number child, std::uint64_t token, time_point now);

  // Administration; each request is answered by one `action::reply`.
  actions start_child(child_number child, const std::shared_ptr<const child_policy>& policy, request_number request,
                      time_point now);
  /// The same for many, whose starts overlap: for each there will be one `action::reply`.
  actions start_children(const std::vector<child_number>& children, const std::shared_ptr<const child_policy>& policy,
                         request_number request, time_point now);
  actions terminate_child(child_number child, request_number request, time_point now);
  /// Also revives a parked child.
  actions restart_child(child_number child, request_number request, time_point now);
  actions delete_child(child_number child, request_number request);

  // What operators do beyond that. Nothing of it is charged to a limit but a kill, which is a crash.

  /// As `restart_child`; one that is up is so already, and one that is being started is waited for.
  actions start_by_hand(child_number child, request_number request, time_point now);
  /// Ends one that is up by its own rule, and starts it again; starts one that is down, also one whose restart waits.
  actions restart_by_hand(child_number child, request_number request, time_point now);
  /// It stays down until it is restarted.
  actions park_by_hand(child_number child, request_number request, time_point now);
  /// Ends the incarnation that there is. One that does not stop is waited for no longer.
  actions kill_by_hand(child_number child, const cause& why, request_number request, time_point now);

  /// New rules from now on; a switch from or to simple_one_for_one is not possible. Budgets that change begin anew.
  void reconfigure(const machine_options& options);
  void repolicy(child_number child, std::shared_ptr<const child_policy> policy);

  /// Lends the room of an empty vector to the next report that a child is ready or has ended.
  void reuse(actions room) { spare_ = std::move(room); }

  bool knows(child_number child) const { return children_.contains(child); }
  child_state state_of(child_number child) const { return children_.at(child).state; }
  std::uint64_t incarnation_of(child_number child) const { return children_.at(child).incarnation; }
  /// How a child that is stopping now has ended for good; nothing when it is to come back.
  std::optional<exit_class> end_of_child(child_number child) const;
  /// When its latest life began, or, while it is down after a crash, when that was; `min` when neither is known.
  time_point changed_at(child_number child) const;
  /// Whether a child that is down, or is about to be, starts again by itself.
  bool comes_back(child_number child) const;
  std::size_t count_up() const;
  std::size_t size() const noexcept { return children_.size(); }
  bool running() const noexcept { return phase_ == phase::running; }
  /// True until it begins to stop or to roll back.
  bool in_service() const noexcept { return phase_ == phase::running || phase_ == phase::starting; }
  bool over() const noexcept { return phase_ == phase::over; }

private:
  enum class phase : std::uint8_t { fresh, starting, running, rolling_back, stopping, over };
  /// What becomes of a child that was asked to stop.
  enum class afterwards : std::uint8_t { idle, forget, wait, restart, park };
  static bool is_kept(afterwards x) noexcept { return x != afterwards::idle && x != afterwards::forget; }

  /// Who wanted the start that is under way: a failure is the asker's.
  enum class origin : std::uint8_t { policy, first_start, start_request, restart_request };

  /// What is remembered of children that crashed, or have a budget of their own.
  struct history {
    std::unique_ptr<restart_budget> own;
    backoff_state delays;
    std::optional<time_point> died_at;  // set from a crash until the next incarnation is ready
    bool spent = false;                 // its own limit has ended it
  };
  using group_number = std::uint16_t;
  /// Of each child, in 48 bytes: a tree can have many.
  struct entry {
    std::shared_ptr<const child_policy> policy;
    std::unique_ptr<history> past;
    time_point ready_since = time_point::min();  // `min` when its back-off knows of that, or there was no start
    std::uint64_t incarnation = 0;
    std::uint16_t token = 0;
    group_number group = 0;                   // the group restart that it is restarted by; 0: none
    exit_class ended = exit_class::shutdown;  // how the latest incarnation ended by itself, if it did
    child_state state = child_state::idle;
    afterwards then = afterwards::idle;
    origin from : 7 = origin::policy;
    bool timed : 1 = false;  // its timer is armed
  };
  using entries = std::map<child_number, entry>;
  /// What a request has asked for.
  enum class wish : std::uint8_t { up, down, parked, killed };
  struct pending {
    request_number request;
    wish what;
    boxed<cause> why = {};  // of a kill
  };
  enum class stage : std::uint8_t { stopping, waiting, starting };
  /// Children that are stopped, and started again, together. Under one_for_all and rest_for_one there is one at most;
  /// else groups that share a process have one each, and those that have a child in common become one.
  struct group_restart {
    stage at = stage::stopping;
    child_number culprit = 0;
    child_number cursor = 0;
    time_point due;
  };

  bool dynamic() const noexcept { return options_.strategy == strategy::simple_one_for_one; }
  bool grouped() const noexcept {
    return options_.strategy == strategy::one_for_all || options_.strategy == strategy::rest_for_one;
  }
  /// Whether a crash of this child restarts others, too.
  bool takes_along(const entry& c) const noexcept { return grouped() || !c.policy->group.empty(); }
  /// The children that a crash of `culprit` restarts, in order: what the strategy says, and whole groups.
  std::vector<entries::iterator> taken_along(child_number culprit);
  void share_delays(child_number culprit, entry& c, time_point now);
  entry* current(child_number child, std::uint64_t incarnation);
  afterwards end_of(const entry& c) const;
  history& history_of(child_number i, entry& c) const;
  restart_budget& budget_of(entry& c) { return has_budget(c) ? *c.past->own : budget_; }
  static bool has_budget(const entry& c) { return c.past && c.past->own; }
  static bool is_spent(const entry& c) { return c.past && c.past->spent; }
  event_decision decision(const char* what, const restart_budget& budget, time_point now) const;

  void begin_incarnation(child_number i, entry& c, time_point now, actions& out, bool in_place = false);
  /// True when the child counts as stopped already; then `c` may be gone.
  bool ask_to_stop(child_number i, entry& c, afterwards then, time_point now, actions& out);
  void end_after_all(child_number i, entry& c, actions& out);
  void settle(child_number i, entry& c, time_point now, actions& out);
  /// It was asked to stop, and that has taken too long.
  void overrun_stop(child_number i, entry& c, time_point now, actions& out);
  void after_stop(time_point now, actions& out);
  /// How many first starts may be under way at once.
  std::size_t start_window() const noexcept { return dynamic() ? started_at_once : 1; }
  void start_frontier(time_point now, actions& out);
  /// The first start of this child is not under way any more, if it was.
  bool leave_first_start(entry& c);
  void stop_next(time_point now, actions& out);
  void stop_all_at_once(time_point now, actions& out);
  void finish(actions& out);
  void crashed(child_number i, entry& c, exit_info how, time_point now, actions& out, bool in_place);
  void park(child_number i, entry& c, const exit_info& how, time_point now, actions& out);
  void end_spent(child_number i, entry& c, const exit_info& how, time_point now, actions& out);
  void end_for_good(child_number i, entry& c, const exit_info& how, time_point now, actions& out);
  void end_down(child_number i, entry& c, time_point now, actions& out);
  /// True when this start, which has failed, is tried again.
  bool retry_start(child_number i, entry& c, const exit_info& how, time_point now, actions& out);
  void give_up(child_number i, entry& c, const exit_info& how, time_point now, actions& out);
  void end_by_itself(const exit_info& how, time_point now, actions& out);
  bool ends_supervisor(child_number i);
  std::vector<child_number> group_of(child_number culprit);
  void begin_group(child_number culprit, milliseconds delay, time_point now, actions& out) {
    advance_group(gather_group(culprit, delay, now, out), now, out);
  }
  /// `advance_group` is still to be called.
  group_number gather_group(child_number culprit, milliseconds delay, time_point now, actions& out);
  /// One group restart of all that `taken` are in, or a new one.
  group_number merge_groups(const std::vector<entries::iterator>& taken, group_restart& into, actions& out);
  /// Goes on with it as far as it comes. Nothing to do where it is over, or waits.
  void advance_group(group_number number, time_point now, actions& out);
  void advance_groups(time_point now, actions& out);
  bool stop_group(group_number number, group_restart& group, time_point now, actions& out);
  void start_group(group_number number, group_restart& group, time_point now, actions& out);
  void after_start(bool first, group_number left, time_point now, actions& out);
  bool is_at(stage x, const entry& c) const {
    const auto it = c.group == 0 ? groups_.end() : groups_.find(c.group);
    return it != groups_.end() && it->second.at == x;
  }
  bool lost_in_group(child_number i, entry& c, time_point now, actions& out);
  void note_end(child_number i, const entry& c, const exit_info& how, const char* decided, time_point now,
                actions& out) const;
  void arm(child_number i, entry& c, time_point at, actions& out);
  void disarm(child_number i, entry& c, actions& out);
  bool wanted_down(child_number i) const;
  bool to_be_started(child_number i) const { return phase_ == phase::starting && i > frontier_; }
  void answer(child_number i, wish what, admin_code code, actions& out, const std::string& extra = {},
              const boxed<cause>& why = {});
  void answer_killers(child_number i, actions& out) {
    if (!pending_.empty()) answer(i, wish::killed, admin_code::ok, out);
  }
  /// The child is down, or about to be; nobody waits for the back-off of its group any more.
  void go_on_without(child_number i, time_point now, actions& out);
  void note_parked(child_number i, const entry& c, actions& out) const;
  /// One part of this request is answered. True when others are still to be.
  bool has_more(request_number request);

  machine_options options_;
  restart_budget budget_;
  entries children_;
  std::multimap<child_number, pending> pending_;
  std::map<request_number, std::size_t> batches_;  // requests about several children: how many are not answered
  std::map<group_number, group_restart> groups_;
  std::vector<child_number> deferred_;  // crashed during the first start of a group
  phase phase_ = phase::fresh;
  bool keep_ = false;          // children are being stopped with `keep`
  bool brutal_ = false;        // and at once
  child_number frontier_ = 0;  // the latest child whose first start was begun
  std::size_t starting_ = 0;   // children whose first start is under way
  child_number witness_ = 0;   // a significant child that was alive when this was last asked
  std::size_t stopping_ = 0;   // simple_one_for_one that stops: children not down yet
  bool stops_begun_ = false;
  exit_info last_;                                    // how the supervisor will have ended
  std::optional<action::start_failed> failed_start_;  // set while rolling back
  actions spare_;
};

}  // namespace steward::policy
