#pragma once

#include "steward/spec.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace steward::config {

/// One input of a `map` step: the arguments of one task, as text.
using task_input = std::vector<std::string>;

/// Runs a pool's task over inputs and prints what came out.
struct map_step {
  std::string pool;  ///< id or path of a pool of the tree
  std::string task;  ///< complete: the pool's own task when YAML names none
  std::vector<task_input> inputs;
  unsigned chunk = 0;  ///< inputs that travel together; 0 as the pool says
  int priority = 0;
  unsigned window = 0;        ///< inputs that are handed to the pool ahead of their outcomes; 0: a few chunks a worker
  milliseconds within{0};     ///< what has no outcome by then is cancelled; 0: no limit
  bool as_completed = false;  ///< lines and results in the order in which they come
  failure_policy on_failure = failure_policy::collect_all;
  bool progress = true;                      ///< a bar, where there is a terminal
  std::vector<unsigned> workers;             ///< run once for each size in a fresh pool; empty: in the pool of the tree
  bool print_size = false;                   ///< "Pool Size: 4"
  bool print_each = false;                   ///< one line per input
  bool print_results = false;                ///< "Results: [1, 4, 9]"
  bool print_time = false;                   ///< "Time Taken: 0.0011 seconds"
  std::string each = "{input} -> {result}";  ///< of print_each; knows {input}, {result}, {1} .. {9}

  friend bool operator==(const map_step&, const map_step&) = default;
};

/// One kind of work of a `compare` step.
struct compare_work {
  std::string name;
  std::string task;
  std::vector<task_input> inputs;
  bool contain = false;  ///< on threads, run it in a sacrificial process, since it may end the program

  friend bool operator==(const compare_work&, const compare_work&) = default;
};

/// Runs the same work on several pools and prints a table of measured times and of what survived.
struct compare_step {
  std::vector<std::string> pools;
  std::vector<compare_work> work;
  std::string ratio;     ///< how to label "first pool's time : second pool's time"; empty for no ratio line
  bool verdict = false;  ///< whether to tell for each work which pool did it best
  std::string advice;    ///< printed below the table

  friend bool operator==(const compare_step&, const compare_step&) = default;
};

/// Waits until actors of the tree have ended by themselves.
struct wait_step {
  std::vector<std::string> children;
  milliseconds within{60'000};

  friend bool operator==(const wait_step&, const wait_step&) = default;
};

/// Asks an actor to describe itself and prints the answer.
struct show_step {
  std::string actor;
  std::string label;
  std::optional<std::string> expect;  ///< another answer makes the run end with exit code 1

  friend bool operator==(const show_step&, const show_step&) = default;
};

/// Sends an actor a `crash` request and shows the answer and what became of it.
struct crash_step {
  std::string actor;

  friend bool operator==(const crash_step&, const crash_step&) = default;
};

/// Makes more children of a dynamic supervisor.
struct start_child_step {
  std::string supervisor;
  unsigned count = 1;
  param_map with;  ///< in place of the template's

  friend bool operator==(const start_child_step&, const start_child_step&) = default;
};

/// Stops a child; it is not restarted by itself.
struct terminate_child_step {
  std::string child;

  friend bool operator==(const terminate_child_step&, const terminate_child_step&) = default;
};

/// Starts a child that was terminated, ended or parked.
struct restart_child_step {
  std::string child;

  friend bool operator==(const restart_child_step&, const restart_child_step&) = default;
};

/// Ends the incarnation of a child that is up now, as a crash.
struct kill_step {
  std::string child;

  friend bool operator==(const kill_step&, const kill_step&) = default;
};

/// Prints a table of a supervisor's children.
struct children_step {
  std::string supervisor;

  friend bool operator==(const children_step&, const children_step&) = default;
};

/// Changes the size of a pool and waits until it has it.
struct resize_step {
  std::string pool;
  unsigned workers = 1;                 ///< at most
  std::optional<unsigned> min_workers;  ///< none: as `workers`
  milliseconds within{10'000};

  friend bool operator==(const resize_step&, const resize_step&) = default;
};

struct step;

/// Runs steps at the same time; ends when all have.
struct parallel_step {
  std::vector<step> steps;

  friend bool operator==(const parallel_step& a, const parallel_step& b);
};

struct step {
  std::variant<map_step, compare_step, wait_step, show_step, crash_step, parallel_step, start_child_step,
               terminate_child_step, restart_child_step, kill_step, children_step, resize_step>
      what;
  std::string where;                  ///< file:line of the step
  std::optional<std::string> expect;  ///< of administration: name of the admin_code that is right; without it ok, or
                                      ///< ignored
  milliseconds every{0};              ///< again and again, beside the other steps; 0: once, in its turn
  bool at_start = false;              ///< once when the tree is up, before all others

  /// It is not one of those that are done in order, after which a run ends.
  bool is_timed() const noexcept { return every.count() > 0 || at_start; }

  /// Wherever it stands.
  friend bool operator==(const step& a, const step& b);
};

/// What a run leaves behind, and where.
struct state_spec {
  std::string directory;  ///< empty: it leaves nothing
  milliseconds max_age{0};
  std::uint64_t max_bytes = 0;
};

/// A checked scenario: everything a run needs, every default filled in.
struct scenario {
  std::string name;
  std::string file;
  std::string description;
  std::uint64_t seed = 0;
  state_spec state;
  supervisor_spec tree;
  std::vector<step> run;
  bool stays = false;  ///< no step is done in its turn, and `run` is not empty: the tree is a service, and stays up
};

/// What an actor's registration tells the validator.
struct actor_info {
  std::string name;
  std::vector<param_spec> params;
  std::vector<std::string> unannounced = {};  ///< types of its messages that cannot leave a process
};

/// What a task's registration tells the validator.
struct task_info {
  std::string name;
  std::string signature;
  std::size_t arity = 1;
  bool parsable = true;
  /// Checks the arguments of one call given as text; returns what is wrong with them.
  std::function<std::optional<std::string>(const task_input&)> check;
};

/// All names that a config may use.
struct catalog {
  std::vector<actor_info> actors;
  std::vector<task_info> tasks;
};

}  // namespace steward::config
