#pragma once

#include "policy/supervisor_machine.hpp"
#include "process/keeper.hpp"
#include "steward/actor.hpp"
#include "steward/event.hpp"
#include "steward/pool.hpp"
#include "supervision/cell.hpp"
#include "supervision/directory.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace steward::supervision {

class kernel;

/// Work that other threads hand to the kernel.
struct kernel_call {
  std::function<void(kernel&)> run;
};
/// Wakes the kernel for its next due timer.
struct kernel_tick {};

}  // namespace steward::supervision

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::kernel_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::kernel_tick)

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
  std::function<std::function<int()>(const std::string&, std::map<std::string, std::string>)> link_for;
  /// Told the path of each child that had to be left alone while it still ran.
  std::function<void(const std::string&)> on_abandoned;
  actor_args::printer print;
  std::uint64_t seed = 0;
};

/// How the start of a tree went: `failed_child` is empty when all is up.
struct start_report {
  std::string failed_child;
  cause why;
};

/// A child that is an actor; its cell is made at the first start.
struct actor_child {
  actor_spec spec;
  caf::actor cell;
  std::uint64_t serial = 0;
};
/// A child that is a pool; each incarnation is a new one.
struct pool_child {
  pool_spec spec;
  std::shared_ptr<steward::pool> pool;
};
/// A child, or the root, that is a supervisor itself.
struct supervisor_child {
  std::shared_ptr<supervisor_spec> spec;
  std::unique_ptr<policy::supervisor_machine> machine;
  std::vector<std::uint64_t> children;  ///< numbers of nodes, in start order
  bool asked_to_stop = false;
};
/// One place in the tree.
struct kernel_node {
  using number = std::uint64_t;

  number id = 0;
  number parent = 0;  // 0: the root
  policy::child_index index = 0;
  std::string path;
  std::uint64_t incarnation = 0;
  std::variant<actor_child, pool_child, supervisor_child> what;
  cell_report last;  // of the latest crash, for its event
};
/// A timer that a machine asked for.
struct due {
  kernel_node::number supervisor;
  std::uint64_t incarnation;  // of the supervisor
  policy::child_index child;
  std::uint64_t token;
};

/// The one actor that hosts every supervisor of a runtime.
///
/// It runs no user code: children's states are built and run in their own cells, so it answers while every worker
/// thread is busy. What to do is decided by one `policy::supervisor_machine` per supervisor; the kernel carries its
/// actions out and feeds it what happened. Runs detached in production and on a test scheduler in virtual time in
/// tests. Nothing in it blocks.
class kernel final : public caf::event_based_actor {
public:
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

private:
  using node = kernel_node;
  using node_id = kernel_node::number;

  using clock_point = std::chrono::steady_clock::time_point;

  void on_report(const cell_report& report);
  void on_tick();
  /// Queues actions of one supervisor's machine and carries out all that is queued, in order.
  void carry_out(node_id supervisor, policy::actions todo);
  void perform(node& supervisor, const policy::action::start_child& x);
  void perform(node& supervisor, const policy::action::stop_child& x);
  void perform(node& supervisor, const policy::action::abandon_child& x);
  void perform(node& supervisor, const policy::action::arm_timer& x);
  void perform(node& supervisor, policy::action::note x);
  void perform(node& supervisor, const policy::action::started& x);
  void perform(node& supervisor, const policy::action::start_failed& x);
  void perform(node& supervisor, const policy::action::ended& x);

  void start_actor(node& child);
  void start_pool(node& child);
  void start_supervisor(node& child);
  void make_children(node& supervisor);
  void drop_children(node& supervisor);
  /// Ends a pool that nobody needs any more, without waiting for it.
  void retire(std::shared_ptr<steward::pool> old);
  /// The actors that an actor's parameters name, as they are now.
  std::shared_ptr<const actor_map> actors_for(const node& child);
  void after_stopped(node_id child);
  void pool_is_up(node_id child, std::uint64_t incarnation, const std::optional<cause>& problem);
  void pool_gave_up(node_id child, std::uint64_t incarnation, const cause& why);

  node* find(node_id id);
  node& child_of(node& supervisor, policy::child_index index);
  supervisor_child& machine_of(node& supervisor) { return std::get<supervisor_child>(supervisor.what); }
  clock_point now();
  void emit(const node& about, event e);

  kernel_environment env_;
  std::unordered_map<node_id, node> nodes_;
  std::map<std::uint64_t, std::shared_ptr<steward::pool>> retired_pools_;  // until they have stopped
  node_id last_id_ = 0;
  std::uint64_t last_serial_ = 0;
  node_id root_ = 0;
  std::deque<std::pair<node_id, policy::any_action>> todo_;
  bool busy_ = false;  // `todo_` is being worked off
  std::multimap<clock_point, due> timers_;
  std::optional<clock_point> armed_;
  std::function<void(start_report)> on_started_;
  std::function<void(policy::exit_info)> on_ended_;
};

}  // namespace steward::supervision
