#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <ostream>

namespace steward::config {
namespace {

// A document with one mistake, and the one fault that is expected.
struct bad_document {
  std::string name;
  std::string text;
  std::size_t line;
  std::size_t col;
  std::string path;
  std::string message;  // as rendered behind the path, with what was expected and suggested
};

std::ostream& operator<<(std::ostream& out, const bad_document& x) { return out << x.name; }

// The mistake stands at 5:28.
std::string pool_with(const std::string& fields) {
  return "scenario: t\ntree:\n  children:\n    - id: p\n      pool: {task: square, " + fields + "}\n";
}

// The mistake stands at 5:7.
std::string child_with(const std::string& fields) {
  return "scenario: t\ntree:\n  children:\n    - id: c\n      " + fields + "\n";
}

// The step stands at 8:5; the tree has the actor `a`, the transient actor `once` and the pool `p`.
std::string step_with(const std::string& step) {
  return "scenario: t\ntree:\n  children:\n    - {id: a, actor: counter}\n    - {id: once, actor: counter, restart: "
         "transient}\n"
         "    - {id: p, pool: {task: square}}\nrun:\n  - " +
         step + "\n";
}

// The parameters stand at 6:14, below a list actor called `l`.
std::string adder_with(const std::string& params) {
  return "scenario: t\ntree:\n  children:\n    - {id: l, actor: shared_list}\n    - id: a\n      with: {" + params +
         "}\n      actor: adder\n";
}

// The step begins at 4:5; its options end it.
std::string pool_of_two_to_three(const std::string& options) {
  return "scenario: t\ntree: {children: [{id: p, pool: {task: square, workers: 2, min_workers: 2, max_workers: 3}}]}\n"
         "run:\n  - map: {pool: p, task: square, inputs: 1..2" +
         options + "}\n";
}

const std::string pool = "tree.children[0].pool.";
const std::string child = "tree.children[0]";

std::vector<bad_document> faulty_tops() {
  return {
      {"empty", "", 1, 1, "", "the file is empty (expected a scenario)"},
      {"only_a_comment", "# nothing\n", 1, 1, "", "the file is empty (expected a scenario)"},
      {"null_document", "---\n", 2, 1, "", "found nothing (expected a map)"},
      {"a_list", "- a\n", 1, 1, "", "found a list (expected a map)"},
      {"a_text", "hello\n", 1, 1, "", "found text (expected a map)"},
      {"no_scenario", "tree: {children: []}\n", 1, 1, "", "the key 'scenario' is missing (expected 1 to 64 letters"},
      {"no_tree", "scenario: t\n", 1, 1, "", "the key 'tree' is missing (expected a map)"},
      {"empty_tree", "scenario: t\ntree:\n", 2, 1, "tree", "found nothing (expected a map)"},
      {"no_children", "scenario: t\ntree: {}\n", 2, 7, "tree",
       "the key 'children' is missing (expected a list of maps)"},
      {"children_map", "scenario: t\ntree: {children: {}}\n", 2, 18, "tree.children",
       "found a map (expected a list of maps)"},
      {"unknown_top_key", "scenario: t\ntree: {children: []}\nruns: []\n", 3, 1, "runs",
       "unknown key (did you mean 'run'?)"},
      {"unknown_key_unlike_any", "scenario: t\ntree: {children: []}\nfrobnicate: 1\n", 3, 1, "frobnicate",
       "unknown key (expected one of description, run, scenario, seed, state, tree)"},
      {"duplicate_key", "scenario: t\nscenario: u\ntree: {children: []}\n", 2, 1, "",
       "duplicate key 'scenario', first at line 1"},
      {"bad_scenario_name", "scenario: a b\ntree: {children: []}\n", 1, 11, "scenario",
       "'a b' is not a name (expected 1 to"},
      {"negative_seed", "scenario: t\nseed: -1\ntree: {children: []}\n", 2, 7, "seed",
       "-1 is too small (expected an integer from 0 on)"},
      {"unknown_strategy", "scenario: t\ntree: {strategy: one_for_al, children: []}\n", 2, 18, "tree.strategy",
       "unknown value 'one_for_al' (expected one_for_one, one_for_all, rest_for_one or simple_one_for_one; did you "
       "mean "
       "'one_for_all'?)"},
      {"bare_window", "scenario: t\ntree: {intensity: {within: 5}, children: []}\n", 2, 28, "tree.intensity.within",
       "a duration needs a unit: say 5s"},
      {"negative_restarts", "scenario: t\ntree: {intensity: {restarts: -1}, children: []}\n", 2, 30,
       "tree.intensity.restarts", "-1 is too small (expected an integer from 0 to 10000)"},
      {"intensity_number", "scenario: t\ntree: {intensity: 3, children: []}\n", 2, 19, "tree.intensity",
       "found text (expected a map such as {restarts: 3, within: 5s})"},
      {"syntax", "scenario: t\ntree: {children: [\n", 2, 18, "", "this '[' is never closed (expected a ']')"},
      {"two_documents", "scenario: t\ntree: {children: []}\n---\na: 1\n", 3, 1, "",
       "text after the end of the document"},
      {"alias", "scenario: &n t\ntree: {children: []}\n", 1, 11, "", "anchors are not supported"},
  };
}

std::vector<bad_document> faulty_children() {
  return {
      {"child_text", "scenario: t\ntree: {children: [a]}\n", 2, 19, child, "found text (expected a map)"},
      {"child_without_id", "scenario: t\ntree: {children: [{actor: counter}]}\n", 2, 19, child,
       "the key 'id' is missing"},
      {"child_of_nothing", "scenario: t\ntree: {children: [{id: a}]}\n", 2, 19, child,
       "the child is nothing (expected exactly one of actor, pool, supervisor and command)"},
      {"child_of_two_kinds", child_with("actor: counter\n      pool: {task: square}"), 6, 7, child + ".pool",
       "the child has 'actor' already (expected exactly one of actor, pool, supervisor and command)"},
      {"misspelt_child_kind", child_with("pol: {task: square}"), 5, 7, child + ".pol",
       "unknown key (did you mean 'pool'?)"},
      {"bad_id", "scenario: t\ntree: {children: [{id: a/b, actor: counter}]}\n", 2, 24, child + ".id",
       "'a/b' is not a name"},
      {"same_id_twice",
       "scenario: t\ntree:\n  children:\n    - {id: a, actor: counter}\n    - {id: a, actor: counter}\n", 5, 12,
       "tree.children[1].id", "another child is called 'a', at line 4 (expected ids that are unique among siblings)"},
      {"unknown_actor", child_with("actor: conter"), 5, 14, child + ".actor",
       "no actor is registered as 'conter' (expected registered: adder, bounded_queue, consumer, counter, cruncher, "
       "dictionary, "
       "mute, producer, remover, shared_list, teller, typed; did you mean 'counter'?)"},
      {"actor_null", child_with("actor:"), 5, 7, child + ".actor", "found nothing (expected text)"},
      {"unknown_restart", child_with("actor: counter\n      restart: always"), 6, 16, child + ".restart",
       "unknown value 'always' (expected permanent, transient or temporary; did you mean 'permanent'?)"},
      {"shutdown_without_unit", child_with("actor: counter\n      shutdown: 5"), 6, 17, child + ".shutdown",
       "a duration needs a unit: say 5s"},
      {"shutdown_too_long", child_with("actor: counter\n      shutdown: 2h"), 6, 17, child + ".shutdown",
       "2h is too large (expected a duration such as 200ms or 5s from 0ms to 1h or brutal_kill or infinity)"},
      {"start_within_zero", child_with("actor: counter\n      start_within: 0s"), 6, 21, child + ".start_within",
       "0ms is too small"},
      {"pool_with_parameters", child_with("pool: {task: square}\n      with: {a: 1}"), 6, 7, child + ".with",
       "belongs to an actor, and this child is a pool"},
      {"supervisor_with_a_mailbox", child_with("supervisor: {children: []}\n      mailbox: {limit: 5}"), 6, 7,
       child + ".mailbox", "belongs to an actor, and this child is a supervisor"},
      {"factor_not_finite", child_with("actor: counter\n      backoff: {factor: .nan}"), 6, 25,
       child + ".backoff.factor", "'.nan' is not a number (expected a decimal number such as 2 or 0.5)"},
      {"factor_below_one", child_with("actor: counter\n      backoff: {factor: 0.5}"), 6, 25, child + ".backoff.factor",
       "0.5 is too small (expected a number from 1 to 100)"},
      {"jitter_above_one", child_with("actor: counter\n      backoff: {jitter: 1.5}"), 6, 25, child + ".backoff.jitter",
       "1.5 is too large (expected a number from 0 to 1)"},
      {"backoff_upside_down", child_with("actor: counter\n      backoff: {min: 20s}"), 6, 22, child + ".backoff.min",
       "min is 20s and max is 10s (expected min no longer than max)"},
      {"deep_child", child_with("supervisor: {children: [{id: x, actor: nope}]}"), 5, 46,
       child + ".supervisor.children[0].actor", "no actor is registered as 'nope'"},
  };
}

std::vector<bad_document> faulty_parameters() {
  const std::string with = "tree.children[1].with";
  return {
      {"missing_parameter", adder_with("count: 1"), 6, 13, with,
       "the parameter 'list' of 'adder' is missing (expected actor)"},
      {"missing_parameters", child_with("actor: adder"), 5, 14, child + ".actor",
       "the parameter 'list' of 'adder' is missing"},
      {"unknown_parameter", adder_with("list: l, cuont: 1"), 6, 23, with + ".cuont",
       "the actor 'adder' has no such parameter (expected one of count, interval, list, max, min; did you mean "
       "'count'?)"},
      {"parameters_of_an_actor_without", child_with("actor: dictionary\n      with: {a: 1}"), 6, 14, child + ".with.a",
       "the actor 'dictionary' has no such parameter (expected no parameters)"},
      {"parameters_list", child_with("actor: counter\n      with: [1]"), 6, 13, child + ".with",
       "found a list (expected a map)"},
      {"octal_parameter", adder_with("list: l, count: 010"), 6, 30, with + ".count",
       "'010' is not an integer (expected decimal digits such as 8 or 1000; did you mean '10'?)"},
      {"quoted_integer_parameter", adder_with("list: l, count: '10'"), 6, 30, with + ".count",
       "found text in quotes (expected integer)"},
      {"parameter_null", adder_with("list: l, count: ~"), 6, 23, with + ".count", "found nothing (expected integer)"},
      {"parameter_too_small", adder_with("list: l, count: 0"), 6, 30, with + ".count",
       "0 is too small (expected at least 1)"},
      {"parameter_too_large", adder_with("list: l, interval: 2m"), 6, 33, with + ".interval",
       "2m is too large (expected at most 1m)"},
      {"parameter_without_unit", adder_with("list: l, interval: 50"), 6, 33, with + ".interval",
       "a duration needs a unit: say 50s"},
      {"unknown_actor_parameter", adder_with("list: x"), 6, 20, with + ".list",
       "no actor 'x' is listed before this child (expected the id of an actor listed before this child, or the path "
       "of one "
       "under another supervisor)"},
      {"misspelt_actor_parameter",
       "scenario: t\ntree:\n  children:\n    - {id: numbers, actor: shared_list}\n"
       "    - {id: a, actor: adder, with: {list: nmubers}}\n",
       5, 42, with + ".list",
       "no actor 'nmubers' is listed before this child (expected the id of an actor listed before this child, or the "
       "path "
       "of one under another supervisor; did you mean 'numbers'?)"},
      {"actor_that_refers_to_itself", adder_with("list: a"), 6, 20, with + ".list",
       "no actor 'a' is listed before this child"},
      {"parameter_not_boolean", child_with("actor: typed\n      with: {title: x, loud: yes}"), 6, 30,
       child + ".with.loud", "'yes' is not a boolean (expected true or false; did you mean 'true'?)"},
      {"parameter_not_real", child_with("actor: typed\n      with: {title: x, ratio: inf}"), 6, 31,
       child + ".with.ratio", "'inf' is not a number"},
      {"parameter_that_is_a_pool",
       "scenario: t\ntree:\n  children:\n    - {id: p, pool: {}}\n    - {id: a, actor: adder, with: {list: p}}\n", 5,
       42, with + ".list", "'p' is a pool (expected an actor)"},
      {"parameter_that_is_no_pool",
       "scenario: t\ntree:\n  children:\n    - {id: l, actor: counter}\n    - {id: a, actor: cruncher, with: {pool: "
       "l}}\n",
       5, 45, with + ".pool", "'l' is an actor (expected a pool)"},
      {"pool_that_starts_later",
       "scenario: t\ntree:\n  children:\n    - {id: a, actor: cruncher, with: {pool: p}}\n    - {id: p, pool: {}}\n", 4,
       45, child + ".with.pool", "no pool 'p' is listed before this child"},
      {"misspelt_pool_parameter",
       "scenario: t\ntree:\n  children:\n    - {id: squares, pool: {}}\n"
       "    - {id: a, actor: cruncher, with: {pool: sqaures}}\n",
       5, 45, with + ".pool",
       "no pool 'sqaures' is listed before this child (expected the id of a pool listed before this child, or the path "
       "of one under another supervisor; did you mean 'squares'?)"},
  };
}

std::vector<bad_document> faulty_pools() {
  return {
      {"unknown_task", child_with("pool: {task: sqare}"), 5, 20, pool + "task",
       "no task is registered as 'sqare' (expected registered: count_primes, factorial, opaque, square, square_unless, "
       "tally, wait_ms; did you mean 'square'?)"},
      {"misspelt_workers", pool_with("wrokers: 4"), 5, 28, pool + "wrokers", "unknown key (did you mean 'workers'?)"},
      {"no_workers", pool_with("workers: 0"), 5, 37, pool + "workers",
       "0 is too small (expected an integer from 1 to 1024)"},
      {"negative_workers", pool_with("workers: -4"), 5, 37, pool + "workers", "-4 is too small"},
      {"huge_pool", pool_with("workers: 1025"), 5, 37, pool + "workers", "1025 is too large"},
      {"workers_beyond_64_bits", pool_with("workers: 99999999999999999999"), 5, 37, pool + "workers",
       "'99999999999999999999' does not fit 64 bits"},
      {"octal_workers", pool_with("workers: 010"), 5, 37, pool + "workers",
       "'010' is not an integer (expected decimal digits such as 8 or 1000; did you mean '10'?)"},
      {"hexadecimal_workers", pool_with("workers: 0x10"), 5, 37, pool + "workers", "'0x10' is not an integer"},
      {"exponent_workers", pool_with("workers: 1e3"), 5, 37, pool + "workers", "'1e3' is not an integer"},
      {"signed_workers", pool_with("workers: +5"), 5, 37, pool + "workers",
       "'+5' is not an integer (expected decimal digits such as 8 or 1000; did you mean '5'?)"},
      {"grouped_digits", pool_with("queue_limit: 1_000"), 5, 41, pool + "queue_limit", "'1_000' is not an integer"},
      {"fractional_workers", pool_with("workers: 2.5"), 5, 37, pool + "workers", "'2.5' is not an integer"},
      {"quoted_workers", pool_with("workers: \"4\""), 5, 37, pool + "workers",
       "found text in quotes (expected an integer from 1 to 1024)"},
      {"list_of_workers", pool_with("workers: [4]"), 5, 37, pool + "workers", "found a list (expected an integer"},
      {"workers_null", pool_with("workers: "), 5, 28, pool + "workers", "found nothing (expected an integer"},
      {"no_attempts", pool_with("attempts: 0"), 5, 38, pool + "attempts", "0 is too small"},
      {"unknown_rung", pool_with("runs_in: process"), 5, 37, pool + "runs_in",
       "unknown value 'process' (expected threads or processes; did you mean 'processes'?)"},
      {"unknown_policy", pool_with("on_exception: ignore"), 5, 42, pool + "on_exception",
       "unknown value 'ignore' (expected fail or retry)"},
      {"bare_deadline", pool_with("deadline: 2"), 5, 38, pool + "deadline", "a duration needs a unit: say 2s"},
      {"deadline_in_days", pool_with("deadline: 2d"), 5, 38, pool + "deadline", "'2d' is not a duration"},
      {"negative_deadline", pool_with("deadline: -2s"), 5, 38, pool + "deadline", "'-2s' is not a duration"},
      {"decimal_megabytes", pool_with("memory_limit: 64MB"), 5, 42, pool + "memory_limit",
       "'64MB' is not a size (expected a whole number with a unit, such as 64MiB or 1GiB; did you mean '64MiB'?)"},
      {"bare_size", pool_with("memory_limit: 64"), 5, 42, pool + "memory_limit", "a size needs a unit: say 64MiB"},
      {"tiny_memory_limit", pool_with("memory_limit: 1MiB"), 5, 42, pool + "memory_limit",
       "1MiB is too small (expected a size such as 64MiB or 1GiB, 0B or from 16MiB to 1024GiB)"},
      {"memory_limit_of_threads", pool_with("memory_limit: 64MiB, runs_in: threads"), 5, 28, pool + "memory_limit",
       "threads have no such limit (expected this key only with runs_in: processes)"},
      {"recycled_threads", pool_with("runs_in: threads, recycle_after: 1"), 5, 46, pool + "recycle_after",
       "threads have no such limit (expected this key only with runs_in: processes)"},
      {"sandboxed_threads", pool_with("runs_in: threads, sandbox: basic"), 5, 46, pool + "sandbox",
       "threads have no such limit (expected this key only with runs_in: processes)"},
      {"unknown_sandbox", pool_with("sandbox: string"), 5, 37, pool + "sandbox",
       "unknown value 'string' (expected none, basic or strict; did you mean 'strict'?)"},
      {"unknown_initializer", pool_with("initializer: squar"), 5, 41, pool + "initializer",
       "no task is registered as 'squar'"},
      {"initializer_with_arguments", pool_with("initializer: square"), 5, 41, pool + "initializer",
       "0 arguments for 'square', int64(int64) (expected 1 in initializer_args)"},
      {"initializer_with_too_many", pool_with("initializer: square, initializer_args: [1, 2]"), 5, 67,
       pool + "initializer_args", "2 arguments for 'square', int64(int64) (expected 1 in initializer_args)"},
      {"initializer_with_a_wrong_one", pool_with("initializer: square, initializer_args: [x]"), 5, 67,
       pool + "initializer_args", "not an input of 'square', int64(int64): "},
      {"arguments_without_initializer", pool_with("initializer_args: [1]"), 5, 46, pool + "initializer_args",
       "there is no initializer that takes them (expected `initializer`, too)"},
      {"late_soft_deadline", pool_with("deadline: 1s, soft_deadline: 2s"), 5, 57, pool + "soft_deadline",
       "it is not before the deadline"},
      {"more_least_workers_than_workers", pool_with("workers: 2, min_workers: 3"), 5, 53, pool + "min_workers",
       "3 are more than the 2 workers of the start"},
      {"more_least_workers_than_most", pool_with("min_workers: 6, max_workers: 3"), 5, 41, pool + "min_workers",
       "6 are more than the 3 of max_workers"},
      {"least_workers_beyond_all_bounds", pool_with("min_workers: 2000"), 5, 41, pool + "min_workers",
       "2000 is too large"},
      {"fewer_most_workers_than_workers", pool_with("workers: 4, max_workers: 3"), 5, 53, pool + "max_workers",
       "3 are fewer than the 4 workers of the start"},
      {"short_heartbeat", pool_with("heartbeat: 1ms"), 5, 39, pool + "heartbeat", "1ms is too small"},
      {"nameless_variable", pool_with("environment: [=x]"), 5, 41, pool + "environment", "a variable without a name"},
      {"worker_backoff_unknown_key", pool_with("worker_backoff: {mni: 1s}"), 5, 45, pool + "worker_backoff.mni",
       "unknown key (did you mean 'min'?)"},
      {"unknown_actor_of_a_pool", pool_with("actors: [words]"), 5, 37, pool + "actors[0]",
       "no actor 'words' is listed before this child"},
      {"actors_not_a_list", pool_with("actors: words"), 5, 36, pool + "actors",
       "found text (expected a list such as [a, b]; did you mean '[words]'?)"},
  };
}

std::vector<bad_document> faulty_steps() {
  return {
      {"step_text", step_with("map"), 8, 5, "run[0]", "found text (expected a map)"},
      {"empty_step", step_with("{}"), 8, 5, "run[0]",
       "the step does nothing (expected one of map, compare, wait_for, show, crash, parallel, start_child, "
       "terminate_child, restart_child, kill, children and resize)"},
      {"misspelt_step", step_with("mpa: {pool: p, inputs: 1..2}"), 8, 5, "run[0].mpa",
       "unknown key (did you mean 'map'?)"},
      {"step_of_two_kinds", step_with("{show: {actor: a}, crash: {actor: a}}"), 8, 24, "run[0].crash",
       "the step has 'show' already (expected one key in each step)"},
      {"resize_of_an_actor", step_with("resize: {pool: a, workers: 2}"), 8, 20, "run[0].resize.pool",
       "'a' is an actor (expected a pool)"},
      {"resize_without_a_size", step_with("resize: {pool: p}"), 8, 13, "run[0].resize", "the key 'workers' is missing"},
      {"resize_to_nothing", step_with("resize: {pool: p, workers: 0}"), 8, 32, "run[0].resize.workers",
       "0 is too small (expected an integer from 1 to 1024)"},
      {"resize_the_wrong_way_round", step_with("resize: {pool: p, workers: 2, min_workers: 3}"), 8, 35,
       "run[0].resize.min_workers", "3 is more than `workers`, 2 (expected at most 2)"},
      {"map_in_what_order", step_with("map: {pool: p, inputs: 1..2, order: random}"), 8, 41, "run[0].map.order",
       "unknown value 'random' (expected inputs or completion)"},
      {"map_within_what", step_with("map: {pool: p, inputs: 1..2, within: soon}"), 8, 42, "run[0].map.within",
       "'soon' is not a duration (expected a whole number with a unit, such as 200ms, 5s, 2m or 1h)"},
      {"map_without_pool", step_with("map: {inputs: 1..2, task: square}"), 8, 10, "run[0].map",
       "the key 'pool' is missing"},
      {"map_without_inputs", step_with("map: {pool: p}"), 8, 10, "run[0].map", "the key 'inputs' is missing"},
      {"unknown_pool", step_with("map: {pool: q, inputs: 1..2}"), 8, 17, "run[0].map.pool",
       "there is no child 'q' (expected a pool of the tree: p)"},
      {"map_on_an_actor", step_with("map: {pool: a, task: square, inputs: 1..2}"), 8, 17, "run[0].map.pool",
       "'a' is an actor (expected a pool)"},
      {"map_with_unknown_task", step_with("map: {pool: p, task: cube, inputs: 1..2}"), 8, 26, "run[0].map.task",
       "no task is registered as 'cube'"},
      {"map_size_zero", step_with("map: {pool: p, inputs: 1..2, workers: [2, 0]}"), 8, 47, "run[0].map.workers[1]",
       "0 is too small (expected a list of integers from 1 to 1024)"},
      {"map_size_below_the_pools_least", pool_of_two_to_three(", workers: [3, 1]"), 4, 61, "run[0].map.workers[1]",
       "1 is less than the min_workers of the pool 'p', 2 (expected at least 2)"},
      {"map_size_above_the_pools_most", pool_of_two_to_three(", workers: [4]"), 4, 58, "run[0].map.workers[0]",
       "4 is more than the max_workers of the pool 'p', 3 (expected at most 3)"},
      {"map_sizes_not_a_list", step_with("map: {pool: p, inputs: 1..2, workers: 2}"), 8, 43, "run[0].map.workers",
       "found text (expected a list of integers"},
      {"unknown_print", step_with("map: {pool: p, inputs: 1..2, print: [tiem]}"), 8, 42, "run[0].map.print[0]",
       "unknown value 'tiem' (expected a list of pool_size, each, results or time; did you mean 'time'?)"},
      {"unknown_placeholder", step_with("map: {pool: p, inputs: 1..2, each: '{inptu}'}"), 8, 40, "run[0].map.each",
       "unknown placeholder '{inptu}' (expected {input}, {result}, or {1} for the first argument; did you mean "
       "'input'?)"},
      {"each_that_nobody_prints", step_with("map: {pool: p, inputs: 1..2, print: [time], each: x}"), 8, 49,
       "run[0].map.each", "a line for each input, but 'print' does not ask for one (expected print: [each])"},
      {"compare_of_no_pools", step_with("compare: {pools: [], work: [{name: n, task: square, inputs: 1..2}]}"), 8, 22,
       "run[0].compare.pools", "the list is empty"},
      {"compare_of_no_work", step_with("compare: {pools: [p], work: []}"), 8, 33, "run[0].compare.work",
       "the list is empty"},
      {"ratio_of_one_pool", step_with("compare: {pools: [p], ratio: r, work: [{name: n, task: square, inputs: 1..2}]}"),
       8, 34, "run[0].compare.ratio", "a ratio of 1 pools (expected two pools)"},
      {"contain_in_quotes",
       step_with("compare: {pools: [p], work: [{name: n, task: square, inputs: 1..2, contain: 'true'}]}"), 8, 81,
       "run[0].compare.work[0].contain", "found text in quotes (expected true or false)"},
      {"work_without_task", step_with("compare: {pools: [p], work: [{name: n, inputs: 1..2}]}"), 8, 34,
       "run[0].compare.work[0]", "the key 'task' is missing (expected text)"},
      {"wait_for_a_permanent_child", step_with("wait_for: {children: [a]}"), 8, 27, "run[0].wait_for.children[0]",
       "'a' is permanent: when it ends it is started again (expected an actor with restart: transient or temporary)"},
      {"wait_for_a_pool", step_with("wait_for: {children: [p]}"), 8, 27, "run[0].wait_for.children[0]",
       "'p' is a pool (expected an actor)"},
      {"wait_for_nobody", step_with("wait_for: {children: []}"), 8, 26, "run[0].wait_for.children",
       "the list is empty"},
      {"wait_without_unit", step_with("wait_for: {children: [once], within: 30}"), 8, 42, "run[0].wait_for.within",
       "a duration needs a unit: say 30s"},
      {"show_of_nobody", step_with("show: {actor: /root/b}"), 8, 19, "run[0].show.actor",
       "there is no child '/root/b' (expected an actor of the tree: /root/a, /root/once; did you mean '/root/a'?)"},
      {"expectation_without_quotes", step_with("show: {actor: a, expect: []}"), 8, 30, "run[0].show.expect",
       "found a list (expected text)"},
      {"crash_of_a_pool", step_with("crash: {actor: p}"), 8, 20, "run[0].crash.actor",
       "'p' is a pool (expected an actor)"},
      {"parallel_map", step_with("parallel: {crash: {actor: a}}"), 8, 15, "run[0].parallel",
       "found a map (expected a list of maps; did you mean '- crash: ...'?)"},
      {"nothing_in_parallel", step_with("parallel: []"), 8, 15, "run[0].parallel", "the list is empty"},
      {"fault_within_parallel", step_with("parallel: [{crash: {actor: b}}]"), 8, 32, "run[0].parallel[0].crash.actor",
       "there is no child 'b'"},
      {"pool_without_task",
       "scenario: t\ntree: {children: [{id: p, pool: {}}]}\nrun:\n  - map: {pool: p, inputs: 1..2}\n", 4, 10,
       "run[0].map", "neither the step nor the pool 'p' names a task (expected a key 'task')"},
      {"ambiguous_id",
       "scenario: t\ntree:\n  children:\n    - {id: x, supervisor: {children: [{id: a, actor: counter}]}}\n"
       "    - {id: a, actor: counter}\nrun:\n  - crash: {actor: a}\n",
       7, 20, "run[0].crash.actor", "several children are called 'a' (expected a path: /root/a, /root/x/a)"},
  };
}

class bad_documents : public testing::TestWithParam<bad_document> {};

TEST_P(bad_documents, get_one_fault_at_its_place) {
  const auto& expected = GetParam();
  const auto result = load(expected.text);
  EXPECT_FALSE(result.value);
  ASSERT_EQ(result.problems.size(), 1U) << render_all(result.problems);
  const auto& fault = result.problems.front();
  EXPECT_EQ(fault.file, "test.yaml");
  EXPECT_EQ(fault.line, expected.line) << render(fault);
  EXPECT_EQ(fault.col, expected.col) << render(fault);
  EXPECT_EQ(fault.path, expected.path) << render(fault);
  const auto text = render(fault);
  EXPECT_NE(text.find(": " + expected.message), std::string::npos) << text << "expected: " << expected.message;
}

std::string name_of(const testing::TestParamInfo<bad_document>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(of_the_top, bad_documents, testing::ValuesIn(faulty_tops()), name_of);
INSTANTIATE_TEST_SUITE_P(of_children, bad_documents, testing::ValuesIn(faulty_children()), name_of);
INSTANTIATE_TEST_SUITE_P(of_parameters, bad_documents, testing::ValuesIn(faulty_parameters()), name_of);
INSTANTIATE_TEST_SUITE_P(of_pools, bad_documents, testing::ValuesIn(faulty_pools()), name_of);
INSTANTIATE_TEST_SUITE_P(of_steps, bad_documents, testing::ValuesIn(faulty_steps()), name_of);

TEST(loader_faults, five_mistakes_are_reported_at_once_each_at_its_place) {
  const auto result = load(
      "scenario: squares\n"
      "tree:\n"
      "  intensity: {restarts: 3, within: 5}\n"
      "  children:\n"
      "    - id: squares\n"
      "      restart: allways\n"
      "      pool: {task: sqaure, wrokers: 4}\n"
      "run:\n"
      "  - map: {pool: sqares, task: square, inputs: 1..10}\n");
  EXPECT_EQ(
      render_all(result.problems),
      "test.yaml:3:36: error: tree.intensity.within: a duration needs a unit: say 5s\n"
      "    intensity: {restarts: 3, within: 5}\n"
      "                                     ^\n"
      "test.yaml:6:16: error: tree.children[0].restart: unknown value 'allways' (expected permanent, transient or "
      "temporary)\n"
      "        restart: allways\n"
      "                 ^\n"
      "test.yaml:7:20: error: tree.children[0].pool.task: no task is registered as 'sqaure' (expected registered: "
      "count_primes, factorial, opaque, square, square_unless, tally, wait_ms; did you mean 'square'?)\n"
      "        pool: {task: sqaure, wrokers: 4}\n"
      "                     ^\n"
      "test.yaml:7:28: error: tree.children[0].pool.wrokers: unknown key (did you mean 'workers'?)\n"
      "        pool: {task: sqaure, wrokers: 4}\n"
      "                             ^\n"
      "test.yaml:9:17: error: run[0].map.pool: there is no child 'sqares' (expected a pool of the tree: squares; did "
      "you mean 'squares'?)\n"
      "    - map: {pool: sqares, task: square, inputs: 1..10}\n"
      "                  ^\n");
}

TEST(loader_faults, a_faulty_child_raises_no_second_fault_where_it_is_referred_to) {
  const auto result = load("scenario: t\ntree: {children: [{id: a}]}\nrun:\n  - crash: {actor: a}\n");
  EXPECT_EQ(result.problems.size(), 1U) << render_all(result.problems);
}

TEST(loader_faults, a_hundred_are_shown_and_the_rest_are_counted) {
  std::string text = "scenario: t\ntree: {children: []}\n";
  for (int i = 0; i < 250; ++i) {
    text += "k" + std::to_string(i) + ": 1\n";
  }
  const auto result = load(text);
  ASSERT_EQ(result.problems.size(), fault_log::max_faults + 1);
  EXPECT_EQ(result.problems.back().message, "150 more faults are not shown");
}

TEST(loader_faults, a_missing_file_is_one) {
  const auto result = load_file("/nonexistent/x.yaml", make_catalog());
  EXPECT_FALSE(result.value);
  EXPECT_EQ(render_all(result.problems),
            "/nonexistent/x.yaml: error: cannot read the file: No such file or directory\n");
}

TEST(loader_faults, a_missing_file_is_told_with_one_that_is_there) {
  const std::string folder = STEWARD_SCENARIO_DIR;
  const auto advice = [&](const std::string& name) {
    return load_file(folder + "/" + name, make_catalog()).problems.at(0).suggestion.value_or("none");
  };
  EXPECT_EQ(advice("square"), folder + "/square.yaml");
  EXPECT_EQ(advice("square.yml"), folder + "/square.yaml");
  EXPECT_EQ(advice("sqaure.yaml"), folder + "/square.yaml");
  EXPECT_EQ(advice("SharedState"), folder + "/shared_state.yaml");
  EXPECT_EQ(advice("frobnicate"), "none");
}

TEST(loader_faults, a_directory_is_one) {
  const auto result = load_file(STEWARD_SCENARIO_DIR, make_catalog());
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems[0].message, "this is a directory, not a file");
}

TEST(loader_faults, a_file_without_end_is_one) {
  const auto result = load_file("/dev/zero", make_catalog());
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems[0].message, "the file is too large");
}

}  // namespace
}  // namespace steward::config
