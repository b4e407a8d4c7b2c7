#pragma once

#include "policy/desk.hpp"
#include "process/keeper.hpp"
#include "steward/admin.hpp"
#include "steward/event.hpp"
#include "steward/pool.hpp"
#include "supervision/cell.hpp"
#include "supervision/directory.hpp"
#include "supervision/kernel_node.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace steward::supervision {

class kernel;

/// A child to be started when the one that has its id now is down.
struct late_start {
  std::string supervisor;
  child_spec spec;
  std::function<void(admin_result)> answer;
};

/// Work that other threads hand to the kernel.
struct kernel_call {
  std::function<void(kernel&)> run;
};
/// Wakes the kernel for its next due timer.
struct kernel_tick {};
/// Tells the kernel that actions wait on the desk of a supervisor.
struct kernel_poke {
  std::uint64_t supervisor;
};
/// Makes the kernel look at a desk that gathers.
struct kernel_look {
  std::uint64_t supervisor;
};

}  // namespace steward::supervision

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::kernel_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::kernel_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::kernel_poke)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::kernel_look)

namespace steward::supervision {

/// What the kernel works with; everything in it outlives the kernel.
struct kernel_environment {
  event_log* events = nullptr;
  directory* names = nullptr;
  const actor_registry* actors = nullptr;
  const task_registry* tasks = nullptr;
  process::keeper* keeper = nullptr;  ///< may be null when no pool runs in processes
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

/// How the start of a tree went: `failed_child` is empty when all is up.
struct start_report {
  std::string failed_child;
  cause why;
  std::vector<spec_fault> faults;  ///< what is wrong with the spec; then nothing was started
};

/// The one actor that hosts every supervisor of a runtime.
///
/// It runs no user code: children's states are built and run in their own cells, so it answers while every worker
/// thread is busy. What to do is decided by one `policy::supervisor_machine` per supervisor, on its desk; the kernel
/// carries the actions out and tells the desks what happened. Runs detached in production and on a test scheduler in
/// virtual time in tests. Nothing in it blocks.
class kernel final : public caf::event_based_actor {
public:
  using admin_callback = std::function<void(admin_result)>;

  kernel(caf::actor_config& cfg, kernel_environment env);
  caf::behavior make_behavior() override;
  const char* name() const override { return "steward.kernel"; }
  void on_exit() override;

  /// Starts the tree. `on_started` is called once; `on_ended` once, later, when nothing of the tree is left. Both run
  /// on the kernel and must not block. A tree whose start failed calls only `on_started`.
  void start_tree(std::string root_name, supervisor_spec spec, std::function<void(start_report)> on_started,
                  std::function<void(policy::exit_info)> on_ended);
  /// Stops the tree in order. Idempotent.
  void stop_tree();

  // Administration; `answer` is called once, on the kernel, and must not block.
  void start_child(const std::string& supervisor, child_spec spec, admin_callback answer);
  /// For simple_one_for_one: `params` override the template's; `key` chooses the partition.
  void start_child(const std::string& supervisor, const param_map& params, const std::string& key,
                   admin_callback answer);
  void terminate_child(const std::string& path, admin_callback answer);
  /// By handle: not_found for an actor that never was a child of that supervisor, ok for one that is gone.
  void terminate_child(const std::string& supervisor, const caf::actor& handle, admin_callback answer);
  void restart_child(const std::string& path, admin_callback answer);
  void delete_child(const std::string& path, admin_callback answer);
  /// Newest first. Nothing when there is no such supervisor.
  std::optional<std::vector<child_info>> which_children(const std::string& supervisor);
  std::optional<child_info> child_at(const std::string& path);
  std::optional<child_counts> count_children(const std::string& supervisor);
  std::optional<child_spec> get_childspec(const std::string& path);
  /// New specs for the whole tree, OTP's code_change: rules count from now on, actors change at their next restart,
  /// added children wait for `restart_child`, removed ones stay.
  std::vector<spec_fault> reload(const supervisor_spec& spec, std::vector<reload_change>* changes = nullptr);
  /// Actors that were abandoned, since their handler hangs, and still run.
  std::size_t leaked() const;

private:
  using node = kernel_node;
  using node_id = kernel_node::number;
  using clock_point = std::chrono::steady_clock::time_point;

  void on_report(const cell_report& report);
  void on_left(const cell_report& report);
  void on_tick();
  void check_hang(node& child);

  /// Tells the machine of a supervisor something; carries out what comes of it, and all else that waits, in order.
  /// False, without doing anything, when the supervisor has no machine: it was killed, or never started.
  template <class F>
  bool tell(node& supervisor, F&& f);
  void carry_out(node_id supervisor);
  void carry_out(node& supervisor, policy::any_action& next);
  void look_again(node_id supervisor);
  void perform(node& supervisor, const policy::action::start_child& x);
  void perform(node& supervisor, const policy::action::stop_child& x);
  void perform(node& supervisor, const policy::action::abandon_child& x);
  void perform(node& supervisor, const policy::action::forget_child& x);
  void perform(node& supervisor, const policy::action::arm_timer& x);
  void perform(node& supervisor, const policy::action::disarm_timer& x);
  void perform(node& supervisor, policy::action::note x);
  void perform(node& supervisor, const policy::action::reply& x);
  void perform(node& supervisor, const policy::action::started& x);
  void perform(node& supervisor, const policy::action::start_failed& x);
  void perform(node& supervisor, const policy::action::ended& x);

  // kernel_children.cpp
  /// `place`: of a child that the supervisor's spec lists.
  node& make_child(node& supervisor, child_spec_ptr spec, child_place_ptr where, std::optional<std::size_t> place);
  node& make_listed_child(node& supervisor, child_spec spec, std::optional<std::size_t> place);
  /// `text`: the path, or, of dynamic children with numbers above `block`, what their paths begin with.
  child_place_ptr make_place(const supervisor_child& supervisor, std::string text, node_id block = 0);
  child_place_ptr dynamic_place(const node& supervisor);
  /// The number of a child: children start in the order of their numbers, and none is used twice.
  node_id number_for(supervisor_child& supervisor, std::optional<std::size_t> place);
  node& make_dynamic_child(node& supervisor, const param_map* params);
  void start_actor(node& child);
  void start_pool(node& child);
  void start_supervisor(node& child);
  cell_kind_ptr kind_of(const node& child, const actor_spec& spec);
  /// The actors that an actor's parameters name, as they are now.
  std::shared_ptr<const actor_map> actors_for(const node& child);
  /// Why a child that ends now ends; empty for an orderly end.
  std::string reason_of(const node& child);
  /// Lets an actor's cell go; nobody waits for it but the end of the tree.
  void dismiss(node& child, leave_reason reason);
  void dismiss_predecessor(node& child, const caf::actor& heir);
  /// Removes a child and all below it. What still lives of it is told to leave.
  void erase_child(node_id id);
  /// Lets go of what children of a supervisor that is over have kept.
  void let_go_of_children(node& supervisor);
  /// Ends a pool that nobody needs any more, without waiting for it.
  void retire(std::shared_ptr<steward::pool> old);
  void after_stopped(node_id child);
  /// The start of this child fails. Its place may be gone by the time that its supervisor's start has failed, too.
  void note_failing(const node& child);
  void tell_end(const node& child, policy::exit_class how);
  void pool_has_stopped(node_id child, std::uint64_t incarnation);
  void pool_is_up(node_id child, std::uint64_t incarnation, const std::optional<cause>& problem);
  void pool_gave_up(node_id child, std::uint64_t incarnation, const cause& why);
  void when_all_left(std::function<void()> f);
  void check_all_left();
  /// What was told to end at once and has not must not hold up the end of the tree.
  void abandon_all_leaving();

  // kernel_admin.cpp
  node* supervisor_at(const std::string& path);
  node* child_node_at(const std::string& path);
  /// The child that a request is about. Without one, or when its supervisor is gone, answers and returns null.
  node* child_for(const std::string& path, const admin_callback& answer);
  policy::request_number ask(admin_callback answer, std::string path);
  child_info describe_child(const node& child);
  /// Starts that were asked for while a child of the same path was ending are tried again.
  void try_late_starts();
  /// `complete`: those that have no default must be there.
  std::vector<spec_fault> check_params(const child_spec& spec, const param_map& params, const std::string& path,
                                       bool complete) const;
  /// The same for a child and all below it.
  void check_all_params(const child_spec& spec, const std::string& path, std::vector<spec_fault>& faults,
                        bool complete = true) const;
  void check_all_params(const supervisor_spec& spec, const std::string& path, std::vector<spec_fault>& faults) const;
  void check_reload(const node& supervisor, const supervisor_spec& spec, std::vector<spec_fault>& faults);
  child_spec_ptr respecify(const child_spec& child, const child_spec& before, const child_spec_ptr& next) const;
  void reload_supervisor(node& supervisor, std::shared_ptr<supervisor_spec> spec, std::vector<reload_change>& changes);
  void reload_child(node& child, child_spec_ptr next, std::vector<reload_change>& changes);

  node* find(node_id id);
  node* find(const std::string& path);
  static pool_child* as_pool(node& x) {
    const auto* found = std::get_if<std::unique_ptr<pool_child>>(&x.what);
    return found != nullptr ? found->get() : nullptr;
  }
  static supervisor_child& as_supervisor(node& x) { return *std::get<std::unique_ptr<supervisor_child>>(x.what); }
  static const supervisor_child& as_supervisor(const node& x) {
    return *std::get<std::unique_ptr<supervisor_child>>(x.what);
  }
  void set_timer(node& child, clock_point at, due::purpose what, std::uint64_t token);
  void clear_timer(node& child, due::purpose what);
  clock_point now();
  void emit(const node& about, event e);

  kernel_environment env_;
  std::unordered_map<node_id, node> nodes_;
  std::unordered_map<std::string_view, node_id> by_path_;                  // views of places, without dynamic children
  std::map<std::uint64_t, std::shared_ptr<steward::pool>> retired_pools_;  // until they have stopped
  std::unordered_map<std::uint64_t, leaving_cell> leaving_;                // by serial
  std::size_t awaited_ = 0;                                                // of `leaving_`: not abandoned
  std::function<void()> all_left_;
  node_id last_id_ = 0;
  std::uint64_t last_serial_ = 0;
  node_id root_ = 0;
  std::string claimed_;                   // the root path, while it is ours
  std::deque<node_id> dirty_;             // supervisors whose desks hold actions
  bool busy_ = false;                     // `dirty_` is being worked off
  std::vector<policy::actions> in_hand_;  // of one of them
  timer_queue timers_;
  std::optional<clock_point> armed_;
  std::uint64_t last_request_ = 0;
  std::unordered_map<policy::request_number, std::pair<std::string, admin_callback>> requests_;
  std::vector<late_start> late_starts_;
  std::function<void(start_report)> on_started_;
  std::function<void(policy::exit_info)> on_ended_;
};

/// The path of a supervised actor; empty when it is not one.
std::string path_of(const caf::actor& handle);

template <class F>
bool kernel::tell(node& supervisor, F&& f) {
  const auto id = supervisor.id;
  const auto& desk = as_supervisor(supervisor).desk;
  if (!desk || !desk->feed(std::forward<F>(f))) return false;
  carry_out(id);
  return true;
}

}  // namespace steward::supervision
