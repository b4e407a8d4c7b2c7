#pragma once

#include "actor_system/wake_batch.hpp"
#include "command/driver.hpp"
#include "policy/desk.hpp"
#include "process/keeper.hpp"
#include "steward/admin.hpp"
#include "steward/event.hpp"
#include "steward/operation.hpp"
#include "supervision/actor_child.hpp"
#include "supervision/child_table.hpp"
#include "supervision/directory.hpp"
#include "supervision/leaving_cells.hpp"
#include "supervision/pool_references.hpp"
#include "supervision/supervisor_child.hpp"
#include "supervision/timer_queue.hpp"
#include "supervision/watch_list.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace steward::supervision {

class tree_host;

/// Work that other threads hand to the host.
struct host_call {
  std::function<void(tree_host&)> run;
};
/// Wakes the host for its next due timer.
struct host_tick {};
/// Tells the host that actions wait on the desk of a supervisor.
struct host_poke {
  std::uint64_t supervisor;
};
/// Makes the host look at a desk that gathers.
struct host_look {
  std::uint64_t supervisor;
};

}  // namespace steward::supervision

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::host_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::host_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::host_poke)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::host_look)

namespace steward::supervision {

class process_hosts;

/// What the host works with; everything in it outlives the host.
struct host_environment {
  event_log* events = nullptr;
  dead_letter_hub* letters = nullptr;  ///< may be null
  directory* names = nullptr;
  const actor_registry* actors = nullptr;
  const task_registry* tasks = nullptr;
  process::keeper* keeper = nullptr;    ///< may be null when no pool runs in processes
  command::driver* commands = nullptr;  ///< may be null when no child is a program
  actor_link_hub* links = nullptr;      ///< may be null when no actor runs in a process
  /// Makes the `actor_link` of the pool at a path whose tasks may reach these actors (name -> path). Empty: no pool
  /// may.
  std::function<actor_linker(const std::string&, std::map<std::string, std::string>)> link_for;
  /// Told the path of each child that had to be left alone while it still ran.
  std::function<void(const std::string&)> on_abandoned;
  actor_args::printer print;
  actor_args::printer print_of_workers;
  std::uint64_t seed = 0;
  milliseconds gather{0};  ///< of every desk
};

/// The one actor that hosts every supervisor of a runtime.
///
/// It runs no user code: children's states are built and run in their own cells, so it answers while every worker
/// thread is busy. What to do is decided by one `policy::supervisor_machine` per supervisor, on its desk; the host
/// has the children carry the actions out, and tells the desks what came of it. Runs detached in production and on a
/// test scheduler in virtual time in tests. Nothing in it blocks.
class tree_host final : public caf::event_based_actor {
public:
  using admin_callback = std::function<void(admin_result)>;
  using batch_callback = std::function<void(batch_result)>;
  using clock_point = std::chrono::steady_clock::time_point;

  tree_host(caf::actor_config& cfg, host_environment env);
  caf::behavior make_behavior() override;
  const char* name() const override { return "steward.tree_host"; }
  void on_exit() override;
  /// Where a child was told to leave, it stays awake for a moment: most leave at once, and who waits for the next one
  /// is spared what it costs to put a thread to sleep and to wake it.
  resume_result resume(caf::execution_unit* eu, std::size_t max_throughput) override;
  void expect_news() noexcept { expects_news_ = true; }

  /// Starts the tree. `on_started` is called once; `on_ended` once, later, when nothing of the tree is left. Both run
  /// on the host and must not block. A tree whose start failed calls only `on_started`.
  void start_tree(std::string root_name, supervisor_spec spec, std::function<void(tree_start)> on_started,
                  std::function<void(policy::exit_info)> on_ended);
  /// Stops the tree in order. Idempotent.
  void stop_tree();

  // Administration; `answer` is called once, on the host, and must not block.
  void start_child(const std::string& supervisor, child_spec spec, admin_callback answer);
  /// For simple_one_for_one: `params` override the template's; `key` chooses the partition.
  void start_child(const std::string& supervisor, const param_map& params, const std::string& key,
                   admin_callback answer);
  /// The same for many: one child for each of `params`, or `count` without any of their own.
  void start_children(const std::string& supervisor, std::vector<param_map> params, batch_callback answer);
  void start_children(const std::string& supervisor, std::size_t count, batch_callback answer);
  /// An operator is told of where there is one.
  void terminate_child(const std::string& path, const std::string& by, admin_callback answer);
  /// By handle: not_found for an actor that never was a child of that supervisor, ok for one that is gone.
  void terminate_child(const std::string& supervisor, const caf::actor& handle, admin_callback answer);
  void restart_child(const std::string& path, const std::string& by, admin_callback answer);
  void delete_child(const std::string& path, admin_callback answer);
  /// Newest first. Nothing when there is no such supervisor.
  std::optional<std::vector<child_info>> which_children(const std::string& supervisor);
  std::optional<child_info> child_at(const std::string& path);
  std::optional<child_counts> count_children(const std::string& supervisor);
  std::optional<child_spec> get_childspec(const std::string& path);
  /// New specs for the whole tree, OTP's code_change: rules count from now on, actors change at their next restart,
  /// added children wait for `restart_child`, removed ones stay.
  std::vector<spec_fault> reload(const supervisor_spec& spec, std::vector<reload_change>& changes,
                                 const std::string& by = {});
  /// What that would say. Changes nothing.
  std::vector<spec_fault> preview(const supervisor_spec& spec, std::vector<reload_change>& changes);
  /// What an operator does; see `supervisor::operate`. `answer` may be called on the thread of a pool.
  void operate(operation what, const std::string& path, const std::string& by, admin_callback answer);
  /// Tells once when the child at this path ends, or at once when it has; see `steward::watch`. An end after `since` is
  /// news, also when this comes after it.
  void watch(const std::string& path, const watcher& who, clock_point since, watch_list::teller tell);
  void unwatch(const std::string& path, std::uint64_t actor) { watches_.remove(path, actor); }
  /// Actors that were abandoned, since their handler hangs, and still run.
  std::size_t leaked() const { return leaving_.abandoned(); }

  // For the kinds of children: what happened to one. It may be gone when these return.
  void ready(const child& x, std::uint64_t incarnation);
  void declined(const child& x, std::uint64_t incarnation);
  void start_failed(const child& x, std::uint64_t incarnation, const cause& why);
  void exited(const child& x, std::uint64_t incarnation, const policy::exit_info& how);
  void stopped(child& x);
  /// Tells the machine of a supervisor something; carries out what comes of it, and all else that waits, in order.
  /// False, without doing anything, when the supervisor has no machine: it was killed, or never started.
  template <class F>
  bool feed(const supervisor_child& supervisor, F&& f);

  // For the kinds of children: the tree.
  child* find(child::number id) const { return children_.find(id); }
  child* find(const std::string& path) const { return children_.find(path); }
  child& at(child::number id) const { return children_.at(id); }
  bool contains(child::number id) const { return children_.contains(id); }
  child& add(std::unique_ptr<child> x) { return children_.add(std::move(x)); }
  /// Removes a child and all below it. What still lives of it is told to leave.
  void erase(child& x);
  /// A number that no child has, and no block begins with.
  child::number next_number() { return ++last_number_; }
  /// `text`: the path, or, of dynamic children with numbers above `block`, what their paths begin with.
  child_address_ptr address_below(const supervisor_child& supervisor, std::string text, child::number block);

  // For the kinds of children: all else.

  /// Who has the new specs loaded that are being laid on them.
  const std::string& loaded_by() const { return loaded_by_; }
  const host_environment& env() const { return env_; }
  caf::actor handle() { return caf::actor_cast<caf::actor>(this); }
  clock_point now() { return clock().now(); }
  void emit(const child& about, event&& e);
  /// Tells what no other event does: this child was added, is asked to stop, is down, or was removed.
  void tell_state(const child& x, const char* state);
  /// The same with all that is known of what it is. Without a state: only that.
  void introduce(const child& x, const char* state);
  /// Tells an actor something; it wakes when the host is done with what it has in hand.
  void command(const caf::actor& cell, cell_command x) { wakes_.send_urgently(cell, std::move(x)); }
  timer_queue& timers() { return timers_; }
  const std::shared_ptr<process_hosts>& shared_processes();
  timer_queue::handle set_timer(clock_point at, const timer_queue::entry& x);
  void clear_timer(child& x);
  leaving_cells& leaving() { return leaving_; }
  watch_list& watches() { return watches_; }
  /// This child is down, as it was asked to be; `how` it had ended before, if it had by itself. `for_good`: whatever
  /// its supervisor's machine says of it.
  void tell_watchers_of_stop(const child& x, policy::exit_class how = policy::exit_class::shutdown,
                             bool for_good = false);
  /// Goes on with the end of the tree, if that waits for no actor any more.
  void check_all_left();
  /// Holds what takes time to end until it is `gone`.
  std::uint64_t keep_until_gone(std::shared_ptr<void> x);
  void gone(std::uint64_t key) { ending_.erase(key); }

private:
  /// A child to be started when the one that has its path now is down.
  struct late_start {
    std::string supervisor;
    child_spec spec;
    admin_callback answer;
  };
  struct waiting_request {
    std::string path;
    admin_callback answer;
  };
  struct batch;
  using batch_ptr = std::shared_ptr<batch>;

  void on_tick();
  void carry_out(child::number supervisor);
  void carry_out(supervisor_child& supervisor, policy::any_action& next);
  void look_again(child::number supervisor);
  void perform(supervisor_child& supervisor, const policy::action::start_child& x);
  void perform(supervisor_child& supervisor, const policy::action::stop_child& x);
  void perform(supervisor_child& supervisor, const policy::action::abandon_child& x);
  void perform(supervisor_child& supervisor, const policy::action::kill_child& x);
  void perform(supervisor_child& supervisor, const policy::action::forget_child& x);
  void perform(supervisor_child& supervisor, const policy::action::arm_timer& x);
  void perform(supervisor_child& supervisor, const policy::action::disarm_timer& x);
  void perform(supervisor_child& supervisor, policy::action::note&& x);
  void perform(supervisor_child& supervisor, const policy::action::reply& x);
  void perform(supervisor_child& supervisor, const policy::action::started& x);
  void perform(supervisor_child& supervisor, const policy::action::start_failed& x);
  void perform(supervisor_child& supervisor, const policy::action::ended& x);
  void wake_for_timers();
  /// The start of this child fails. It may be gone by the time that its supervisor's start has failed, too.
  void note_failing(const child& x);
  void tell_end(const child& x, policy::exit_class how);
  void tell_watchers(const child& x, std::uint64_t incarnation, policy::exit_class how, const cause& why,
                     bool for_good = false);

  // host_end.cpp
  void when_all_left(std::function<void()> f);
  /// What was told to end at once and has not must not hold up the end of the tree.
  void abandon_all_leaving();
  void refuse_all_requests();

  // host_admin.cpp
  path_lookup what_runs() const;
  /// What is wrong with parameters that a child of this dynamic supervisor shall have of its own.
  std::vector<spec_fault> faults_of_own(const supervisor_child& owner, const param_map& params,
                                        const std::string& path) const;
  supervisor_child* supervisor_at(const std::string& path) const;
  child* child_node_at(const std::string& path) const;
  /// The child that a request is about. Without one, or when its supervisor is gone, answers and returns null.
  child* child_for(const std::string& path, const admin_callback& answer);
  policy::request_number ask(admin_callback answer, std::string path);
  /// `f(machine, request)` answers the request; nobody is there to do so when the machine is gone.
  template <class F>
  void ask_machine(const child& about, const std::string& path, admin_callback answer, F&& f);
  /// Why this supervisor makes no more children.
  static cause too_many(const supervisor_child& owner);
  child_info describe_child(const child& x) const;
  /// Starts that were asked for while a child of the same path was ending are tried again.
  void try_late_starts();

  // host_operations.cpp
  void operate_child(operation what, child::number number, const std::string& path, const std::string& by,
                     admin_callback answer);
  void operate_worker(operation what, const std::string& path, const std::string& by, admin_callback answer);

  // host_batches.cpp
  void begin_batch(const std::string& supervisor, const batch_ptr& x);
  void continue_batch(const batch_ptr& x);
  void start_some(child::number supervisor, const batch_ptr& x, const std::vector<std::size_t>& positions);
  /// False when the reply belongs to no batch.
  bool take_batch_reply(const policy::action::reply& x);
  void continue_batches();
  void refuse_all_batches();

  host_environment env_;
  port::wake_batch wakes_;
  child_table<child> children_;
  std::unordered_map<std::uint64_t, std::shared_ptr<void>> ending_;
  leaving_cells leaving_;
  watch_list watches_;
  std::function<void()> all_left_;
  child::number last_number_ = 0;
  std::uint64_t last_key_ = 0;
  supervisor_child* root_ = nullptr;
  std::string claimed_;                   // the root path, while it is ours
  bool stop_came_first_ = false;          // before there was a tree
  std::deque<child::number> dirty_;       // supervisors whose desks hold actions
  bool busy_ = false;                     // `dirty_` is being worked off
  std::vector<policy::actions> in_hand_;  // of one of them
  timer_queue timers_;
  std::shared_ptr<process_hosts> shared_processes_;  // null until an actor shares one
  policy::request_number last_request_ = 0;
  bool expects_news_ = false;  // soon, from a child that was told to leave
  std::unordered_map<policy::request_number, waiting_request> requests_;
  std::unordered_map<policy::request_number, batch_ptr> batches_;
  std::vector<batch_ptr> continuing_;
  std::vector<late_start> late_starts_;
  std::string loaded_by_;
  std::function<void(tree_start)> on_started_;
  std::function<void(policy::exit_info)> on_ended_;
};

/// Somebody has intervened.
event operator_event(std::string text, const std::string& by = {});
/// The path of a supervised actor; empty when it is not one.
std::string path_of(const caf::actor& handle);

template <class F>
bool tree_host::feed(const supervisor_child& supervisor, F&& f) {
  const auto id = supervisor.id;
  const auto& desk = supervisor.desk();
  if (!desk || !desk->feed(std::forward<F>(f))) return false;
  carry_out(id);
  return true;
}

}  // namespace steward::supervision
