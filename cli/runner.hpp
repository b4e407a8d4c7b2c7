#pragma once

#include "cli/output.hpp"
#include "config/scenario.hpp"
#include "steward/admin.hpp"
#include "steward/supervisor.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace steward::cli {

/// Carries out the steps of a scenario against a running tree: first those `at: start`, then, beside those with
/// `every`, the others.
///
/// `run` is called once, on one thread; `interrupt` from any thread, also before `run`: it makes every step end soon.
class runner {
public:
  runner(runtime& rt, supervisor& tree, const config::scenario& what, const task_registry& tasks, output& out);
  ~runner();

  enum class then : std::uint8_t {
    ends,   ///< when all that have their turn are done
    stays,  ///< until the tree is over, by itself or by `interrupt`
    once,   ///< steps with a time of their own have their turn as well, once
  };
  /// Runs the scenario's steps. Returns false when a task had no value or an expectation did not hold.
  bool run(then what);

  /// Cancels what runs. `why` is told of the maps that it cuts off, such as "stopped by SIGTERM"; the first one counts.
  void interrupt(const std::string& why);

private:
  /// One run of one pool over inputs: what came out, and how long it took, start and stop of a fresh pool included.
  struct measured {
    std::vector<outcome<bytes>> outcomes;
    double seconds = 0.0;
    std::string problem;  ///< set when the pool could not be started
  };

  void stay();
  void perform(const config::step& step);
  /// On any thread; how often it has failed.
  std::uint64_t perform_counted(const config::step& step);
  void perform(const config::map_step& step);
  void perform(const config::compare_step& step);
  void perform(const config::wait_step& step);
  void perform(const config::show_step& step);
  void perform(const config::crash_step& step);
  void perform(const config::parallel_step& step);
  void perform(const config::start_child_step& step, const config::step& whole);
  void perform(const config::terminate_child_step& step, const config::step& whole);
  void perform(const config::restart_child_step& step, const config::step& whole);
  void perform(const config::kill_step& step, const config::step& whole);
  void perform(const config::children_step& step);
  void perform(const config::resize_step& step);

  /// Prints what came of a request, and fails the run when that is not what the step expects.
  void tell_result(const std::string& request, const admin_result& result, const config::step& whole);

  static map_options options_of(const config::map_step& step);
  /// Runs a map step's inputs on a pool, and prints what is to be printed as it comes.
  measured map_on(pool& target, const config::map_step& step, std::vector<bytes> inputs);
  void print_outcome(const config::map_step& step, std::size_t input, const outcome<bytes>& one);
  void print_map(const config::map_step& step, const measured& result, unsigned size);
  bool is_cancelled(const outcome<bytes>& one) const;
  void print_cancelled(std::size_t count);
  /// Says how many of a map's inputs have no result because of the interruption.
  void print_cut_off(const config::map_step& step, const measured& result);
  using work_on = std::function<measured(pool&)>;
  measured run_in_tree(const std::string& path, const work_on& work);
  measured run_fresh(const std::string& path, pool_spec spec, const work_on& work);
  /// One cell of a compare table.
  struct cell {
    double seconds = 0.0;
    std::string survived;
    std::size_t results = 0;
  };
  static std::string verdict_on(const config::compare_work& work, const std::vector<std::string>& pools,
                                const std::vector<cell>& row);
  cell compare_one(const std::string& pool, const config::compare_work& work);
  cell compare_contained(const pool& threads, const config::compare_work& work);

  /// The path that a step means: a path as it is, an id wherever in the tree it stands. Of a dynamic supervisor
  /// "conn-3" is the child of the template "conn".
  std::string absolute(const std::string& name) const;
  std::optional<std::string> show(const std::string& actor);
  /// How an actor that crashed is doing once that is settled: `running` in a later incarnation than the given one,
  /// `parked`, or `undefined` when it is over or gone; as it is when none of these comes in time.
  child_status status_after_crash(const std::string& actor, std::uint64_t incarnation);
  /// The children of a supervisor, once those that run have finished all that they had accepted; as they are when that
  /// does not come in a second. Without a value: the supervisor is gone.
  std::optional<std::vector<child_info>> settled_children(const std::string& path);
  std::vector<bytes> encode(const task_entry& entry, const std::vector<config::task_input>& inputs) const;
  /// Notes that a step uses a pool from now on; false when the run was interrupted, and the pool must be left alone.
  bool begin_step_on(const std::shared_ptr<pool>& target);
  void end_step_on(const std::shared_ptr<pool>& target);
  /// Fails the run, and says why unless it is because of the interruption.
  void failed(const std::string& text);
  /// The same, also of an interrupted run.
  void tell_failure(const std::string& text);
  bool interrupted() const { return interrupted_.load(); }

  runtime& rt_;
  const config::scenario& what_;
  supervisor& tree_;
  const task_registry& tasks_;
  output& out_;
  std::atomic<bool> ok_{true};
  std::atomic<bool> interrupted_{false};
  std::mutex mutex_;
  std::string interrupted_by_;
  std::vector<std::shared_ptr<pool>> busy_;  // pools with a step in them, which `interrupt` stops
};

}  // namespace steward::cli
