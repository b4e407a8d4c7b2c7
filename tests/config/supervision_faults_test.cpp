#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace steward::config {
namespace {

// A document with one mistake, and the one fault that is expected.
struct bad_tree {
  std::string name;
  std::string text;
  std::size_t line;
  std::size_t col;
  std::string path;
  std::string message;  // all that is rendered behind the path
};

std::ostream& operator<<(std::ostream& out, const bad_tree& x) { return out << x.name; }

// The mistake stands at 5:7.
std::string actor_with(const std::string& fields) {
  return "scenario: t\ntree:\n  children:\n    - id: c\n      " + fields + "\n      actor: counter\n";
}

std::string pool_with(const std::string& fields) {
  return "scenario: t\ntree:\n  children:\n    - id: c\n      " + fields + "\n      pool: {task: square}\n";
}

// The mistake stands at 3:3.
std::string tree_with(const std::string& fields, const std::string& child = "{id: c, actor: counter}") {
  return "scenario: t\ntree:\n  " + fields + "\n  children: [" + child + "]\n";
}

// The step stands at 12:5; `conns` makes three children "conn", `fans` two partitions of "fan".
std::string step_with(const std::string& step) {
  return "scenario: t\n"
         "tree:\n"
         "  children:\n"
         "    - {id: a, actor: counter}\n"
         "    - id: conns\n"
         "      supervisor: {strategy: simple_one_for_one, initial: 3, children: [{id: conn, actor: counter}]}\n"
         "    - id: fans\n"
         "      supervisor: {strategy: simple_one_for_one, initial: 4, partitions: 2, children: [{id: fan, pool: "
         "{}}]}\n"
         "    - id: empty\n"
         "      supervisor: {strategy: simple_one_for_one, children: [{id: e, supervisor: {children: [{id: x, actor: "
         "counter}]}}]}\n"
         "run:\n"
         "  - " +
         step + "\n";
}

const std::string child = "tree.children[0].";

std::vector<bad_tree> faulty_supervisors() {
  const auto dynamic = [](const std::string& fields) { return tree_with("strategy: simple_one_for_one\n  " + fields); };
  return {
      {"misspelt_strategy", tree_with("strategy: rest_for_all"), 3, 13, "tree.strategy",
       "unknown value 'rest_for_all' (expected one_for_one, one_for_all, rest_for_one or simple_one_for_one; did you "
       "mean 'rest_for_one'?)"},
      {"misspelt_auto_shutdown", tree_with("auto_shutdown: any_signifcant"), 3, 18, "tree.auto_shutdown",
       "unknown value 'any_signifcant' (expected never, any_significant or all_significant; did you mean "
       "'any_significant'?)"},
      {"window_of_nothing", tree_with("intensity: {within: 0s}"), 3, 23, "tree.intensity.within",
       "0ms is too small (expected a duration such as 200ms or 5s from 1ms to 24h)"},
      {"window_without_end", tree_with("intensity: {within: infinity}"), 3, 23, "tree.intensity.within",
       "'infinity' is not a duration (expected a whole number with a unit, such as 200ms, 5s, 2m or 1h)"},
      {"initial_without_template", tree_with("initial: 2"), 3, 12, "tree.initial",
       "initial is for dynamic children (expected it only with strategy: simple_one_for_one)"},
      {"partitions_without_template", tree_with("partitions: per_core"), 3, 15, "tree.partitions",
       "partitions is for dynamic children (expected it only with strategy: simple_one_for_one)"},
      {"too_many_at_the_start", dynamic("initial: 1000001"), 4, 12, "tree.initial",
       "1000001 is too large (expected an integer from 0 to 1000000)"},
      {"too_many_partitions", dynamic("partitions: 1025"), 4, 15, "tree.partitions",
       "1025 is too large (expected an integer, 0 or from 1 to 1024 or per_core)"},
      {"misspelt_per_core", dynamic("partitions: percore"), 4, 15, "tree.partitions",
       "'percore' is not an integer (expected an integer, 0 or from 1 to 1024 or per_core; did you mean 'per_core'?)"},
      {"two_templates", tree_with("strategy: simple_one_for_one", "{id: a, actor: counter}, {id: b, actor: counter}"),
       4, 13, "tree.children",
       "2 children with simple_one_for_one (expected exactly one, the template of the children to come)"},
      {"no_template", tree_with("strategy: simple_one_for_one", ""), 4, 13, "tree.children",
       "0 children with simple_one_for_one (expected exactly one, the template of the children to come)"},
      {"dynamic_that_ends_by_itself", dynamic("auto_shutdown: all_significant"), 4, 18, "tree.auto_shutdown",
       "'all_significant' with simple_one_for_one, whose children are not significant (expected never, or another "
       "strategy)"},
      {"significant_template",
       tree_with("strategy: simple_one_for_one", "{id: c, actor: counter, restart: transient, significant: true}"), 4,
       71, child + "significant",
       "a child of simple_one_for_one cannot be significant (expected false, or another strategy)"},
      {"significant_without_auto_shutdown", actor_with("restart: transient\n      significant: true"), 6, 20,
       child + "significant",
       "the supervisor's auto_shutdown is never (expected auto_shutdown: any_significant or all_significant)"},
      {"significant_and_permanent",
       tree_with("auto_shutdown: any_significant", "{id: c, actor: counter, significant: true}"), 4, 51,
       child + "significant", "a permanent child never ends by itself (expected restart: transient or temporary)"},
      {"max_children_of_listed_ones", tree_with("max_children: 5"), 3, 17, "tree.max_children",
       "max_children is for dynamic children (expected it only with strategy: simple_one_for_one)"},
      {"more_at_the_start_than_max_children", dynamic("initial: 3\n  max_children: 2"), 4, 12, "tree.initial",
       "3 children at the start, and max_children is 2 (expected at most `max_children`)"},
      {"max_children_in_other_words", dynamic("maxchildren: 2"), 4, 3, "tree.maxchildren",
       "unknown key (did you mean 'max_children'?)"},
      {"nested_initial",
       tree_with("strategy: one_for_all", "{id: s, supervisor: {initial: 1, children: [{id: c, actor: counter}]}}"), 4,
       44, child + "supervisor.initial",
       "initial is for dynamic children (expected it only with strategy: simple_one_for_one)"},
  };
}

std::vector<bad_tree> faulty_children() {
  const auto on_pool = [](const std::string& field, const std::string& name) {
    const auto key = field.substr(0, field.find(':'));
    return bad_tree{name, pool_with(field), 5, 7, child + key, "belongs to an actor, and this child is a pool"};
  };
  return {
      {"misspelt_word_of_shutdown", actor_with("shutdown: brutal_kil"), 5, 17, child + "shutdown",
       "'brutal_kil' is not a duration (expected a duration such as 200ms or 5s from 0ms to 1h or brutal_kill or "
       "infinity; did you mean 'brutal_kill'?)"},
      {"word_of_shutdown_in_quotes", actor_with("shutdown: 'infinity'"), 5, 17, child + "shutdown",
       "found text in quotes (expected a duration such as 200ms or 5s from 0ms to 1h or brutal_kill or infinity)"},
      {"start_by_brutal_kill", actor_with("start_within: brutal_kill"), 5, 21, child + "start_within",
       "'brutal_kill' is not a duration (expected a duration such as 200ms or 5s from 1ms to 1h or infinity)"},
      {"start_within_nothing", actor_with("start_within: 0s"), 5, 21, child + "start_within",
       "0ms is too small (expected a duration such as 200ms or 5s from 1ms to 1h or infinity)"},
      {"significant_in_other_words", actor_with("significant: yes"), 5, 20, child + "significant",
       "'yes' is not a boolean (expected true or false; did you mean 'true'?)"},
      {"own_window_of_nothing", actor_with("intensity: {restarts: 1, within: 0ms}"), 5, 40, child + "intensity.within",
       "0ms is too small (expected a duration such as 200ms or 5s from 1ms to 24h)"},
      {"own_limit_is_a_number", actor_with("intensity: 3"), 5, 18, child + "intensity",
       "found text (expected a map such as {restarts: 3, within: 5s})"},
      {"misspelt_on_spent", actor_with("on_spent: prak"), 5, 17, child + "on_spent",
       "unknown value 'prak' (expected escalate, park or end; did you mean 'park'?)"},
      {"parked_without_a_limit", actor_with("on_spent: park"), 5, 17, child + "on_spent",
       "a child without a restart limit of its own cannot be parked (expected an intensity of this child)"},
      {"ended_without_a_limit", actor_with("on_spent: end"), 5, 17, child + "on_spent",
       "a child without a restart limit of its own cannot be ended by it (expected an intensity of this child)"},
      {"retries_of_supervisord", actor_with("startretries: 3"), 5, 7, child + "startretries",
       "unknown key (did you mean 'start_retries'?)"},
      {"too_many_retries", actor_with("start_retries: 10001"), 5, 22, child + "start_retries",
       "10001 is too large (expected an integer from 0 to 10000)"},
      {"too_many_partitions", actor_with("partitions: 1025"), 5, 19, child + "partitions",
       "1025 is too large (expected an integer, 0 or from 1 to 1024 or per_core)"},
      {"partitions_in_other_words", actor_with("partitions: auto"), 5, 19, child + "partitions",
       "'auto' is not an integer (expected an integer, 0 or from 1 to 1024 or per_core; did you mean 'per_core'?)"},
      {"partitions_of_a_dynamic_child",
       "scenario: t\ntree:\n  children:\n    - id: c\n      partitions: 2\n      supervisor: {strategy: "
       "simple_one_for_one, "
       "children: [{id: x, actor: counter}]}\n",
       5, 19, child + "partitions",
       "a supervisor with simple_one_for_one has partitions of its own (expected `partitions` beside its strategy)"},
      {"park_for_without_park", actor_with("park_for: 5s"), 5, 17, child + "park_for",
       "the child is never parked (expected on_spent: park)"},
      {"parked_for_ever", actor_with("on_spent: park\n      intensity: {restarts: 1}\n      park_for: infinity"), 7, 17,
       child + "park_for",
       "'infinity' is not a duration (expected a whole number with a unit, such as 200ms, 5s, 2m or 1h; did you mean "
       "'0s'?)"},
      {"mailbox_for_nothing", actor_with("mailbox: {limit: 0}"), 5, 24, child + "mailbox.limit",
       "0 is too small (expected an integer from 1 to 4294967295)"},
      {"mailbox_beyond_32_bits", actor_with("mailbox: {limit: 4294967296}"), 5, 24, child + "mailbox.limit",
       "4294967296 is too large (expected an integer from 1 to 4294967295)"},
      {"misspelt_overflow", actor_with("mailbox: {overflow: drop_oldst}"), 5, 27, child + "mailbox.overflow",
       "unknown value 'drop_oldst' (expected reject, drop_oldest, drop_newest or give_back; did you mean "
       "'drop_oldest'?)"},
      {"misspelt_key_of_mailbox", actor_with("mailbox: {limt: 5}"), 5, 17, child + "mailbox.limt",
       "unknown key (did you mean 'limit'?)"},
      {"misspelt_on_crash", actor_with("on_crash: dorp"), 5, 17, child + "on_crash",
       "unknown value 'dorp' (expected drop or {redeliver: N}; did you mean 'drop'?)"},
      {"on_crash_list", actor_with("on_crash: [drop]"), 5, 17, child + "on_crash",
       "found a list (expected drop or {redeliver: N})"},
      {"on_crash_of_nothing", actor_with("on_crash: {}"), 5, 17, child + "on_crash",
       "the key 'redeliver' is missing (expected an integer from 0 to 100)"},
      {"redelivered_too_often", actor_with("on_crash: {redeliver: 101}"), 5, 29, child + "on_crash.redeliver",
       "101 is too large (expected an integer from 0 to 100)"},
      {"hang_without_unit", actor_with("hang_after: 5"), 5, 19, child + "hang_after",
       "a duration needs a unit: say 5s"},
      {"misspelt_on_hang", actor_with("on_hang: repalce\n      hang_after: 1s"), 5, 16, child + "on_hang",
       "unknown value 'repalce' (expected report, replace or kill; did you mean 'replace'?)"},
      {"replaced_without_a_limit", actor_with("on_hang: replace"), 5, 16, child + "on_hang",
       "no handler counts as hung without a limit (expected a hang_after)"},
      {"killed_on_a_thread", actor_with("on_hang: kill\n      hang_after: 1s"), 5, 16, child + "on_hang",
       "a thread cannot be killed (expected replace, or an actor with runs_in: process)"},
      {"replaced_in_a_process", actor_with("on_hang: replace\n      hang_after: 1s\n      runs_in: process"), 5, 16,
       child + "on_hang", "the process of an actor that hangs is killed (expected kill)"},
      {"foreign_word_for_runs_in", actor_with("runs_in: subprocess"), 5, 16, child + "runs_in",
       "unknown value 'subprocess' (expected thread or process; did you mean 'process'?)"},
      {"limit_of_a_thread", actor_with("process: {memory_limit: 1GiB}"), 5, 31, child + "process.memory_limit",
       "a thread has no such limit (expected it only with runs_in: process)"},
      {"misspelt_limit_of_a_process", actor_with("process: {memory_limt: 1GiB}\n      runs_in: process"), 5, 17,
       child + "process.memory_limt", "unknown key (did you mean 'memory_limit'?)"},
      {"pool_beyond_reach",
       "scenario: t\ntree:\n  children:\n    - {id: p, pool: {task: square}}\n    - {id: c, actor: cruncher, with: "
       "{pool: p}, runs_in: process}\n",
       5, 45, "tree.children[1].with.pool",
       "a pool is not within reach of another process (expected an actor on a thread, which asks the pool for it)"},
      {"messages_that_cannot_travel",
       "scenario: t\ntree:\n  children:\n    - {id: c, actor: teller, runs_in: process}\n", 4, 22, child + "actor",
       "its messages have the type shop::order, which is not announced and so cannot leave a process (expected "
       "app.message_type<shop::order>(\"NAME\") in the program, or the actor on a thread)"},
      {"messages_that_cannot_leave_a_supervisor",
       "scenario: t\ntree:\n  children:\n    - id: s\n      runs_in: process\n      supervisor:\n          children: "
       "[{id: c, actor: teller}]\n",
       7, 37, child + "supervisor.children[0].actor",
       "its messages have the type shop::order, which is not announced and so cannot leave a process (expected "
       "app.message_type<shop::order>(\"NAME\") in the program, or the actor on a thread)"},
      on_pool("runs_in: process", "runs_in_of_a_pool"),
      on_pool("process: {sandbox: basic}", "process_of_a_pool"),
      on_pool("mailbox: {limit: 5}", "mailbox_of_a_pool"),
      on_pool("on_crash: drop", "on_crash_of_a_pool"),
      on_pool("hang_after: 1s", "hang_after_of_a_pool"),
      on_pool("on_hang: report", "on_hang_of_a_pool"),
      on_pool("on_stop: drain", "on_stop_of_a_pool"),
      {"misspelt_on_stop", actor_with("on_stop: drian"), 5, 16, child + "on_stop",
       "unknown value 'drian' (expected discard or drain; did you mean 'drain'?)"},
      {"foreign_word_for_on_stop", actor_with("on_stop: graceful"), 5, 16, child + "on_stop",
       "unknown value 'graceful' (expected discard or drain; did you mean 'drain'?)"},
      {"drained_without_time", actor_with("on_stop: drain\n      shutdown: brutal_kill"), 5, 16, child + "on_stop",
       "a child with shutdown: brutal_kill has no time to drain (expected a shutdown longer than 0ms)"},
      {"mailbox_of_a_supervisor",
       "scenario: t\ntree:\n  children:\n    - id: c\n      mailbox: {limit: 1}\n      supervisor: {children: []}\n", 5,
       7, child + "mailbox", "belongs to an actor, and this child is a supervisor"},
      {"workers_upside_down", "scenario: t\ntree: {children: [{id: p, pool: {worker_backoff: {min: 2s}}}]}\n", 2, 56,
       child + "pool.worker_backoff.min", "min is 2s and max is 1s (expected min no longer than max)"},
      {"delays_upside_down_by_max", actor_with("backoff: {max: 1ms}"), 5, 16, child + "backoff.min",
       "min is 100ms and max is 1ms (expected min no longer than max)"},
  };
}

std::vector<bad_tree> faulty_steps() {
  return {
      {"child_that_is_made_later", step_with("show: {actor: conn-4}"), 12, 19, "run[0].show.actor",
       "'conn-4' is not there from the start: '/root/conns' starts with conn-1 to conn-3 (expected one of these, or "
       "the "
       "path of one that a step makes: /root/conns/conn-4)"},
      {"child_of_an_empty_crowd", step_with("terminate_child: e-1"), 12, 22, "run[0].terminate_child",
       "'e-1' is not there from the start: '/root/empty' starts with no children (expected the path of one that a step "
       "makes: /root/empty/e-1)"},
      {"child_of_a_partition", step_with("restart_child: fan-1"), 12, 20, "run[0].restart_child",
       "'fan-1' may be in any partition of '/root/fans' (expected a path such as /root/fans/p0/fan-1)"},
      {"partition_that_is_not", step_with("terminate_child: /root/fans/p2/fan-1"), 12, 22, "run[0].terminate_child",
       "the dynamic supervisor '/root/fans' makes no such child (expected a path such as /root/fans/p0/fan-1)"},
      {"the_template_itself", step_with("crash: {actor: conn}"), 12, 20, "run[0].crash.actor",
       "'conn' is the template of the children of '/root/conns' (expected a path such as /root/conns/conn-1)"},
      {"path_of_the_template", step_with("crash: {actor: /root/conns/conn}"), 12, 20, "run[0].crash.actor",
       "the dynamic supervisor '/root/conns' makes no such child (expected a path such as /root/conns/conn-1)"},
      {"number_zero", step_with("crash: {actor: /root/conns/conn-0}"), 12, 20, "run[0].crash.actor",
       "the dynamic supervisor '/root/conns' makes no such child (expected a path such as /root/conns/conn-1)"},
      {"part_of_a_template", step_with("crash: {actor: x}"), 12, 20, "run[0].crash.actor",
       "'x' is in the template of the children of '/root/empty' (expected a path such as /root/empty/e-1/x)"},
      {"dynamic_child_of_another_kind", step_with("map: {pool: conn-1, task: square, inputs: 1..2}"), 12, 17,
       "run[0].map.pool", "'conn-1' is an actor (expected a pool)"},
      {"start_under_an_actor", step_with("start_child: {supervisor: a}"), 12, 31, "run[0].start_child.supervisor",
       "'a' is an actor (expected a supervisor)"},
      {"start_under_a_static_supervisor", step_with("start_child: {supervisor: root}"), 12, 31,
       "run[0].start_child.supervisor",
       "'root' is not dynamic (expected a supervisor with strategy: simple_one_for_one)"},
      {"every_no_time", step_with("{show: {actor: a}, every: 0s}"), 12, 31, "run[0].every",
       "0ms is too small (expected a duration such as 200ms or 5s from 10ms to 24h)"},
      {"at_noon", step_with("{show: {actor: a}, at: noon}"), 12, 28, "run[0].at",
       "unknown value 'noon' (expected start)"},
      {"every_in_parallel", step_with("parallel: [{show: {actor: a}, every: 1s}]"), 12, 35, "run[0].parallel[0].every",
       "a step of `parallel` has no time of its own (expected it beside `parallel`)"},
      {"start_under_nobody", step_with("start_child: {supervisor: cons}"), 12, 31, "run[0].start_child.supervisor",
       "there is no child 'cons' (expected a supervisor of the tree: conns, empty, fans, root; did you mean 'conns'?)"},
      {"start_of_none", step_with("start_child: {supervisor: conns, count: 0}"), 12, 45, "run[0].start_child.count",
       "0 is too small (expected an integer from 1 to 1000000)"},
      {"start_with_unknown_parameter", step_with("start_child: {supervisor: conns, with: {strat: 1}}"), 12, 45,
       "run[0].start_child.with.strat",
       "the actor 'counter' has no such parameter (expected one of start; did you mean 'start'?)"},
      {"start_with_a_wrong_parameter", step_with("start_child: {supervisor: conns, with: {start: x}}"), 12, 52,
       "run[0].start_child.with.start", "'x' is not an integer (expected decimal digits such as 8 or 1000)"},
      {"start_of_a_pool_with_parameters", step_with("start_child: {supervisor: fans, with: {}}"), 12, 37,
       "run[0].start_child.with", "belongs to an actor, and the template is none"},
      {"termination_of_the_root", step_with("terminate_child: root"), 12, 22, "run[0].terminate_child",
       "there is no child 'root' (expected a child of the tree: a, conns, empty, fans)"},
      {"termination_of_a_map", step_with("terminate_child: {actor: a}"), 12, 22, "run[0].terminate_child",
       "found a map (expected text)"},
      {"children_of_an_actor", step_with("children: a"), 12, 15, "run[0].children",
       "'a' is an actor (expected a supervisor)"},
      {"misspelt_expectation", step_with("{terminate_child: a, expect: not_fuond}"), 12, 34, "run[0].expect",
       "unknown value 'not_fuond' (expected ok, ignored, already_started, already_present, not_found, running, "
       "restarting, unsupported, failed, invalid, max_children, noproc or timed_out; did you mean 'not_found'?)"},
      {"expectation_of_a_table", step_with("{children: conns, expect: ok}"), 12, 23, "run[0].expect",
       "a step of 'children' has no such result (expected it only with start_child, terminate_child, restart_child or "
       "kill)"},
      {"misspelt_step", step_with("{terminate_chld: a}"), 12, 6, "run[0].terminate_chld",
       "unknown key (did you mean 'terminate_child'?)"},
      {"parameter_that_is_made_later",
       "scenario: t\ntree:\n  children:\n    - id: s\n      supervisor: {strategy: simple_one_for_one, initial: 1, "
       "children: [{id: l, actor: shared_list}]}\n    - {id: a, actor: adder, with: {list: /root/s/l-2}}\n",
       6, 42, "tree.children[1].with.list",
       "'/root/s/l-2' may not be there when this child starts (expected an actor that is there from the start; of a "
       "dynamic supervisor, one up to its 'initial', without partitions)"},
      {"parameter_that_is_a_template",
       "scenario: t\ntree:\n  children:\n    - id: s\n      supervisor: {strategy: simple_one_for_one, initial: 1, "
       "children: [{id: l, actor: shared_list}]}\n    - {id: a, actor: adder, with: {list: /root/s/l}}\n",
       6, 42, "tree.children[1].with.list",
       "the dynamic supervisor '/root/s' makes no such child (expected a path such as /root/s/l-1)"},
  };
}

class bad_trees : public testing::TestWithParam<bad_tree> {};

TEST_P(bad_trees, get_one_fault_at_its_place) {
  const auto& expected = GetParam();
  const auto result = load(expected.text);
  EXPECT_FALSE(result.value);
  ASSERT_EQ(result.problems.size(), 1U) << render_all(result.problems);
  const auto& fault = result.problems.front();
  EXPECT_EQ(fault.line, expected.line) << render(fault);
  EXPECT_EQ(fault.col, expected.col) << render(fault);
  EXPECT_EQ(fault.path, expected.path) << render(fault);
  const auto text = render(fault);
  EXPECT_NE(text.find("error: " + expected.path + ": " + expected.message + "\n"), std::string::npos)
      << text << "expected: " << expected.message;
}

std::string name_of(const testing::TestParamInfo<bad_tree>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(of_supervisors, bad_trees, testing::ValuesIn(faulty_supervisors()), name_of);
INSTANTIATE_TEST_SUITE_P(of_supervision, bad_trees, testing::ValuesIn(faulty_children()), name_of);
INSTANTIATE_TEST_SUITE_P(of_administration, bad_trees, testing::ValuesIn(faulty_steps()), name_of);

std::string places_of(std::string_view text) {
  std::string result;
  for (const auto& one : load(text).problems) {
    result += one.path + "\n";
  }
  return result;
}

TEST(supervision_faults, of_different_children_are_reported_at_once) {
  EXPECT_EQ(places_of("scenario: t\n"
                      "tree:\n"
                      "  initial: 1\n"
                      "  children:\n"
                      "    - {id: a, actor: counter, on_spent: park}\n"
                      "    - {id: b, actor: counter, restart: alwys}\n"
                      "    - id: s\n"
                      "      supervisor: {auto_shutdown: any_significant, children: [{id: c, actor: counter, "
                      "significant: true}]}\n"),
            "tree.initial\n"
            "tree.children[0].on_spent\n"
            "tree.children[1].restart\n"
            "tree.children[2].supervisor.children[0].significant\n");
}

TEST(supervision_faults, that_follow_from_a_misspelt_word_are_not_reported_as_well) {
  EXPECT_EQ(places_of("scenario: t\ntree: {strategi: simple_one_for_one, initial: 2, children: [{id: a, actor: "
                      "counter}]}\n"),
            "tree.strategi\n");
  EXPECT_EQ(places_of("scenario: t\ntree: {strategy: simple_one_for_on, initial: 2, children: [{id: a, actor: "
                      "counter}]}\n"),
            "tree.strategy\n");
  EXPECT_EQ(places_of("scenario: t\ntree: {auto_shutdown: ani, children: [{id: a, actor: counter, restart: transient, "
                      "significant: true}]}\n"),
            "tree.auto_shutdown\n");
  EXPECT_EQ(places_of("scenario: t\ntree: {children: [{id: a, actor: counter, intensty: {restarts: 1}, on_spent: "
                      "park}]}\n"),
            "tree.children[0].intensty\n");
  for (const std::string wrong : {"partitons: 4", "partitions: four"}) {
    EXPECT_EQ(places_of("scenario: t\ntree: {children: [{id: a, actor: counter, " + wrong +
                        "}]}\nrun: [{show: {actor: /root/a/2}}, {restart_child: /root/a/1}]\n"),
              "tree.children[0]." + wrong.substr(0, wrong.find(':')) + "\n");
  }
}

TEST(supervision_faults, of_an_override_stand_in_the_override) {
  const auto result =
      load("scenario: t\ntree: {children: [{id: a, actor: counter}]}\n", {{"tree.children.a.on_spent=park"}, {}});
  EXPECT_EQ(render_all(result.problems),
            "--set:1:26: error: tree.children[0].on_spent: a child without a restart limit of its own cannot be parked "
            "(expected an intensity of this child)\n"
            "  tree.children.a.on_spent=park\n"
            "                           ^\n");
}

}  // namespace
}  // namespace steward::config
