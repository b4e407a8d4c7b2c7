#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace steward::config {
namespace {

load_result load_sound(std::string_view text, std::vector<std::string> sets = {}) {
  auto result = load(text, {std::move(sets), {}});
  EXPECT_TRUE(result.value) << render_all(result.problems);
  return result;
}

scenario load_good(std::string_view text, std::vector<std::string> sets = {}) {
  auto result = load_sound(text, std::move(sets));
  return result.value ? *result.value : scenario{};
}

// A tree whose one child is an actor with these fields.
child_spec actor_with(const std::string& fields) {
  const auto got = load_good("scenario: t\ntree:\n  children:\n    - {id: c, actor: counter" +
                             (fields.empty() ? "" : ", " + fields) + "}\n");
  return got.tree.children.empty() ? child_spec{} : got.tree.children.front();
}

supervisor_spec tree_with(const std::string& fields) {
  return load_good("scenario: t\ntree: {" + fields + ", children: [{id: c, actor: counter}]}\n").tree;
}

const supervisor_spec& nested_in(const child_spec& x) { return *std::get<std::shared_ptr<supervisor_spec>>(x.what); }

TEST(supervision, reads_every_strategy) {
  EXPECT_EQ(tree_with("strategy: one_for_one").strategy, strategy::one_for_one);
  EXPECT_EQ(tree_with("strategy: one_for_all").strategy, strategy::one_for_all);
  EXPECT_EQ(tree_with("strategy: rest_for_one").strategy, strategy::rest_for_one);
  EXPECT_EQ(tree_with("strategy: simple_one_for_one").strategy, strategy::simple_one_for_one);
}

TEST(supervision, reads_when_a_supervisor_ends_by_itself) {
  EXPECT_EQ(tree_with("auto_shutdown: never").auto_shutdown, auto_shutdown::never);
  EXPECT_EQ(tree_with("auto_shutdown: any_significant").auto_shutdown, auto_shutdown::any_significant);
  EXPECT_EQ(tree_with("auto_shutdown: all_significant").auto_shutdown, auto_shutdown::all_significant);
  const auto got = load_good(
      "scenario: t\ntree: {auto_shutdown: any_significant, children: [{id: c, actor: counter, restart: transient, "
      "significant: true}, {id: d, actor: counter, significant: false}]}\n");
  EXPECT_TRUE(got.tree.children.at(0).significant);
  EXPECT_FALSE(got.tree.children.at(1).significant);
}

TEST(supervision, reads_the_crowd_of_a_dynamic_supervisor) {
  const auto plain = tree_with("strategy: simple_one_for_one");
  EXPECT_EQ(plain.initial, 0U);
  EXPECT_EQ(plain.partitions, 0U);
  const auto crowd = tree_with("strategy: simple_one_for_one, initial: 1000000, partitions: 1024");
  EXPECT_EQ(crowd.initial, 1'000'000U);
  EXPECT_EQ(crowd.partitions, 1'024U);
  EXPECT_EQ(tree_with("strategy: simple_one_for_one, partitions: 0").partitions, 0U);
  EXPECT_EQ(tree_with("strategy: simple_one_for_one, partitions: per_core").partitions,
            std::clamp(std::thread::hardware_concurrency(), 1U, 1'024U));
}

TEST(supervision, leaves_limits_unset_that_are_not_written) {
  const auto got = load_good(
      "scenario: t\ntree: {children: [{id: a, actor: counter}, {id: p, pool: {}}, {id: s, supervisor: {children: "
      "[]}}]}\n");
  for (const auto& child : got.tree.children) {
    EXPECT_FALSE(child.shutdown);
    EXPECT_FALSE(child.start_within);
  }
  EXPECT_EQ(shutdown_of(got.tree.children.at(1)), milliseconds{5'000});
  EXPECT_EQ(shutdown_of(got.tree.children.at(2)), infinity);
  EXPECT_EQ(start_within_of(got.tree.children.at(0)), milliseconds{5'000});
  EXPECT_EQ(start_within_of(got.tree.children.at(1)), infinity) << "the pool has its own";
  EXPECT_EQ(start_within_of(got.tree.children.at(2)), infinity);
}

TEST(supervision, lets_the_limits_that_a_pool_has_win_over_those_that_its_child_has_not) {
  child_spec child;
  pool_spec pool;
  pool.limits.start_within = pool.limits.shutdown = milliseconds{30'000};
  child.what = pool;
  EXPECT_EQ(start_within_of(child), infinity);
  EXPECT_EQ(shutdown_of(child), milliseconds{30'000});
  child.start_within = child.shutdown = milliseconds{7'000};
  EXPECT_EQ(start_within_of(child), milliseconds{7'000});
  EXPECT_EQ(shutdown_of(child), milliseconds{7'000});
}

TEST(supervision, reads_limits_and_the_words_that_stand_for_them) {
  EXPECT_EQ(actor_with("shutdown: 2s").shutdown, milliseconds{2'000});
  EXPECT_EQ(actor_with("shutdown: 0s").shutdown, brutal_kill);
  EXPECT_EQ(actor_with("shutdown: brutal_kill").shutdown, brutal_kill);
  EXPECT_EQ(actor_with("shutdown: infinity").shutdown, infinity);
  EXPECT_EQ(actor_with("start_within: 1h").start_within, milliseconds{3'600'000});
  EXPECT_EQ(actor_with("start_within: infinity").start_within, infinity);
}

TEST(supervision, reads_a_childs_own_limit_and_what_it_does) {
  const auto plain = actor_with("");
  EXPECT_FALSE(plain.intensity);
  EXPECT_EQ(plain.on_spent, spent_policy::escalate);
  const auto parked = actor_with("intensity: {restarts: 0, within: 1m}, on_spent: park, park_for: 30s");
  ASSERT_TRUE(parked.intensity);
  EXPECT_EQ(parked.intensity->restarts, 0U);
  EXPECT_EQ(parked.intensity->within, milliseconds{60'000});
  EXPECT_EQ(parked.on_spent, spent_policy::park);
  EXPECT_EQ(parked.park_for, milliseconds{30'000});
  const auto half = actor_with("intensity: {restarts: 1}, on_spent: park, park_for: 0s");
  EXPECT_EQ(half.intensity->within, milliseconds{5'000});
  EXPECT_EQ(half.park_for, milliseconds{0});
  EXPECT_EQ(actor_with("intensity: {restarts: 1}, on_spent: escalate").on_spent, spent_policy::escalate);
}

TEST(supervision, reads_that_a_spent_child_ends) {
  const auto got = actor_with("intensity: {restarts: 1}, on_spent: end");
  EXPECT_EQ(got.on_spent, spent_policy::end);
}

TEST(supervision, reads_how_often_a_first_start_is_tried_again) {
  EXPECT_EQ(actor_with("").start_retries, 0U);
  EXPECT_EQ(actor_with("start_retries: 10000").start_retries, 10'000U);
  const auto pool = load_good("scenario: t\ntree: {children: [{id: p, start_retries: 2, pool: {task: square}}]}\n");
  EXPECT_EQ(pool.tree.children.at(0).start_retries, 2U);
}

TEST(supervision, reads_how_many_children_a_dynamic_supervisor_may_have) {
  EXPECT_EQ(tree_with("strategy: simple_one_for_one").max_children, 0U);
  EXPECT_EQ(tree_with("strategy: simple_one_for_one, max_children: 0").max_children, 0U);
  const auto full = tree_with("strategy: simple_one_for_one, initial: 3, max_children: 3");
  EXPECT_EQ(full.max_children, 3U);
  EXPECT_EQ(full.initial, 3U);
}

TEST(supervision, reads_the_partitions_of_an_actor) {
  EXPECT_EQ(actor_with("").partitions, 0U);
  EXPECT_EQ(actor_with("partitions: 1024").partitions, 1'024U);
  EXPECT_GE(actor_with("partitions: per_core").partitions, 1U);
}

TEST(supervision, knows_partitions_of_an_actor_by_their_paths) {
  const std::string tree = "scenario: t\ntree: {children: [{id: cache, actor: counter, partitions: 2}]}\nrun:\n";
  load_good(tree + "  - {show: {actor: /root/cache/1}}\n  - {children: cache}\n  - {terminate_child: /root/cache/0}\n");
  const auto beyond = load(tree + "  - {show: {actor: /root/cache/2}}\n", {});
  ASSERT_FALSE(beyond.value);
  EXPECT_NE(render_all(beyond.problems).find("there is no child '/root/cache/2'"), std::string::npos)
      << render_all(beyond.problems);
  const auto whole = load(tree + "  - {show: {actor: cache}}\n", {});
  ASSERT_FALSE(whole.value);
  EXPECT_NE(render_all(whole.problems).find("'cache' is a supervisor"), std::string::npos)
      << render_all(whole.problems);
  const auto bare = load(tree + "  - {show: {actor: 0}}\n", {});
  EXPECT_FALSE(bare.value) << "a number alone names none of them";
}

TEST(supervision, knows_partitions_of_a_pool_by_their_paths) {
  const std::string tree =
      "scenario: t\ntree: {children: [{id: squares, partitions: 3, pool: {task: square}}]}\nrun:\n";
  const auto good = load_good(tree + "  - {map: {pool: /root/squares/2, inputs: 1..3}}\n");
  EXPECT_EQ(good.tree.children.front().partitions, 3U);
  const auto whole = load(tree + "  - {map: {pool: squares, inputs: 1..3}}\n", {});
  ASSERT_FALSE(whole.value);
  EXPECT_NE(render_all(whole.problems).find("'squares' is a supervisor"), std::string::npos)
      << render_all(whole.problems);
}

TEST(supervision, knows_what_is_below_partitions_of_a_supervisor_by_their_paths) {
  const std::string tree =
      "scenario: t\ntree:\n  children:\n    - id: orders\n      partitions: 2\n      supervisor:\n        children:\n"
      "          - {id: basket, actor: counter}\n          - {id: desks, partitions: 2, supervisor: {children: [{id: "
      "desk, actor: counter}]}}\nrun:\n";
  load_good(tree +
            "  - {show: {actor: /root/orders/1/basket}}\n  - {children: /root/orders/0}\n"
            "  - {show: {actor: /root/orders/1/desks/0/desk}}\n  - {children: orders}\n");
  const auto told = [&](const std::string& step) {
    const auto got = load(tree + "  - " + step + "\n", {});
    EXPECT_FALSE(got.value) << step;
    return render_all(got.problems);
  };
  const auto tells = [&](const std::string& step, const std::string& what) {
    const auto got = told(step);
    EXPECT_NE(got.find(what), std::string::npos) << got;
  };
  tells("{show: {actor: basket}}",
        "'basket' is in each of several partitions (expected a path such as /root/orders/0/basket)");
  tells("{show: {actor: desk}}", "(expected a path such as /root/orders/0/desks/0/desk)");
  tells("{show: {actor: /root/orders/2/basket}}",
        "'/root/orders' has the partitions 0 to 1 (expected a path that begins with /root/orders/0)");
  tells("{show: {actor: /root/orders/basket}}", "'/root/orders' has the partitions 0 to 1");
  tells("{show: {actor: /root/orders/1/baskt}}", "did you mean '/root/orders/0/basket'?");
}

TEST(supervision, lets_children_of_a_partition_name_each_other) {
  const auto tree = [](const std::string& list) {
    return "scenario: t\ntree: {children: [{id: office, partitions: 2, supervisor: {children: [{id: list, actor: "
           "shared_list}, {id: adder, actor: adder, with: {list: " +
           list + "}}]}}]}\n";
  };
  load_good(tree("list"));
  load_good(tree("/root/office/0/list"));
  EXPECT_FALSE(load(tree("lits"), {}).value);
}

TEST(supervision, reads_the_bound_of_a_mailbox) {
  EXPECT_EQ(actor_with("").mailbox.limit, 1'000'000U);
  EXPECT_EQ(actor_with("").mailbox.overflow, overflow_policy::reject);
  EXPECT_EQ(actor_with("mailbox: {limit: 1}").mailbox.limit, 1U);
  EXPECT_EQ(actor_with("mailbox: {limit: 4294967295}").mailbox.limit, 4'294'967'295U);
  EXPECT_EQ(actor_with("mailbox: {overflow: reject}").mailbox.overflow, overflow_policy::reject);
  EXPECT_EQ(actor_with("mailbox: {overflow: drop_oldest}").mailbox.overflow, overflow_policy::drop_oldest);
  EXPECT_EQ(actor_with("mailbox: {overflow: drop_newest}").mailbox.overflow, overflow_policy::drop_newest);
  EXPECT_EQ(actor_with("mailbox: {overflow: give_back}").mailbox.overflow, overflow_policy::give_back);
}

TEST(supervision, reads_what_happens_to_the_message_of_a_crash) {
  EXPECT_EQ(actor_with("").redeliver, 0U);
  EXPECT_EQ(actor_with("on_crash: drop").redeliver, 0U);
  EXPECT_EQ(actor_with("on_crash: {redeliver: 0}").redeliver, 0U);
  EXPECT_EQ(actor_with("on_crash: {redeliver: 100}").redeliver, 100U);
}

TEST(supervision, reads_what_counts_as_hung_and_what_follows) {
  EXPECT_EQ(actor_with("").hang_after, milliseconds{0});
  EXPECT_EQ(actor_with("hang_after: 0s").hang_after, milliseconds{0});
  const auto watched = actor_with("hang_after: 1s, on_hang: replace");
  EXPECT_EQ(watched.hang_after, milliseconds{1'000});
  EXPECT_EQ(watched.on_hang, hang_policy::replace);
  EXPECT_EQ(actor_with("hang_after: 1s, on_hang: report").on_hang, hang_policy::report);
}

TEST(supervision, reads_where_an_actor_lives) {
  EXPECT_EQ(actor_with("").runs_in, rung::thread);
  EXPECT_EQ(actor_with("runs_in: thread").runs_in, rung::thread);
  const auto got = actor_with(
      "runs_in: process, process: {memory_limit: 1GiB, cpu_limit: 10s, open_files: 64, sandbox: strict, "
      "environment: [A, B=c], working_directory: /tmp}, hang_after: 1s, on_hang: kill");
  EXPECT_EQ(got.runs_in, rung::process);
  EXPECT_EQ(got.process.memory_limit, std::uint64_t{1} << 30U);
  EXPECT_EQ(got.process.cpu_limit, milliseconds{10'000});
  EXPECT_EQ(got.process.open_files, 64U);
  EXPECT_EQ(got.process.sandbox, sandbox_level::strict);
  EXPECT_EQ(got.process.environment, (std::vector<std::string>{"A", "B=c"}));
  EXPECT_EQ(got.process.working_directory, "/tmp");
  EXPECT_EQ(got.on_hang, hang_policy::kill);
}

TEST(supervision, reads_what_becomes_of_what_waits_when_an_actor_is_stopped) {
  EXPECT_EQ(actor_with("").on_stop, stop_policy::discard);
  EXPECT_EQ(actor_with("on_stop: discard").on_stop, stop_policy::discard);
  EXPECT_EQ(actor_with("on_stop: drain").on_stop, stop_policy::drain);
}

TEST(supervision, takes_overrides_of_its_fields) {
  const auto got = load_good(
      "scenario: t\ntree: {children: [{id: c, actor: counter}, {id: s, supervisor: {strategy: simple_one_for_one, "
      "children: [{id: x, actor: counter}]}}]}\n",
      {"tree.strategy=rest_for_one", "tree.children.c.shutdown=infinity", "tree.children.c.intensity.restarts=9",
       "tree.children.c.on_crash={redeliver: 2}", "tree.children.s.supervisor.initial=3",
       "tree.children.c.mailbox.limit=5"});
  EXPECT_EQ(got.tree.strategy, strategy::rest_for_one);
  const auto& child = got.tree.children.at(0);
  EXPECT_EQ(child.shutdown, infinity);
  EXPECT_EQ(child.intensity->restarts, 9U);
  EXPECT_EQ(child.redeliver, 2U);
  EXPECT_EQ(child.mailbox.limit, 5U);
  EXPECT_EQ(nested_in(got.tree.children.at(1)).initial, 3U);
}

TEST(supervision, tells_where_each_written_value_stands) {
  const auto got = load_sound(
      "scenario: t\n"
      "tree:\n"
      "  intensity: {restarts: 7}\n"
      "  children:\n"
      "    - id: s\n"
      "      supervisor:\n"
      "        strategy: rest_for_one\n"
      "        children:\n"
      "          - {id: c, actor: counter, with: {start: 2}, shutdown: 1s}\n"
      "    - {id: p, pool: {task: square}}\n",
      {"tree.children.p.pool.workers=2", "tree.children.s.supervisor.children.c.shutdown=2s"});
  const auto& from = got.origins;
  EXPECT_EQ(from.at("/root").at("intensity.restarts"), "test.yaml:3");
  EXPECT_FALSE(from.at("/root").contains("intensity.within"));
  EXPECT_FALSE(from.at("/root").contains("children"));
  EXPECT_EQ(from.at("/root/s").at("supervisor.strategy"), "test.yaml:7");
  EXPECT_EQ(from.at("/root/s/c").at("with.start"), "test.yaml:9");
  EXPECT_EQ(from.at("/root/s/c").at("shutdown"), "--set");
  EXPECT_EQ(from.at("/root/p").at("pool.task"), "test.yaml:10");
  EXPECT_EQ(from.at("/root/p").at("pool.workers"), "--set");
}

const std::string dynamic_tree =
    "scenario: t\n"
    "tree:\n"
    "  children:\n"
    "    - {id: l, actor: shared_list}\n"
    "    - id: conns\n"
    "      supervisor:\n"
    "        strategy: simple_one_for_one\n"
    "        initial: 3\n"
    "        children:\n"
    "          - {id: conn, actor: adder, restart: transient, with: {list: /root/l}}\n"
    "    - {id: user, actor: shared_list}\n"
    "run:\n";

TEST(supervision, names_the_first_children_of_a_dynamic_supervisor_by_id_and_all_by_path) {
  const auto got = load_good(dynamic_tree +
                             "  - show: {actor: conn-3}\n"
                             "  - crash: {actor: /root/conns/conn-4}\n"
                             "  - wait_for: {children: [conn-1, /root/conns/conn-12]}\n");
  EXPECT_EQ(std::get<show_step>(got.run.at(0).what).actor, "conn-3");
  EXPECT_EQ(std::get<crash_step>(got.run.at(1).what).actor, "/root/conns/conn-4");
  EXPECT_EQ(std::get<wait_step>(got.run.at(2).what).children.size(), 2U);
}

TEST(supervision, names_children_of_a_partitioned_supervisor_and_what_is_below_them_by_path) {
  const auto got = load_good(
      "scenario: t\n"
      "tree:\n"
      "  children:\n"
      "    - id: conns\n"
      "      supervisor:\n"
      "        strategy: simple_one_for_one\n"
      "        partitions: 2\n"
      "        children:\n"
      "          - id: conn\n"
      "            supervisor:\n"
      "              children:\n"
      "                - {id: l, actor: shared_list}\n"
      "                - {id: a, actor: adder, with: {list: l}}\n"
      "run:\n"
      "  - show: {actor: /root/conns/p1/conn-5/l}\n"
      "  - children: /root/conns/p0\n"
      "  - children: /root/conns/p0/conn-1\n");
  EXPECT_EQ(std::get<show_step>(got.run.at(0).what).actor, "/root/conns/p1/conn-5/l");
}

TEST(supervision, gives_actor_parameters_a_child_that_is_there_from_the_start) {
  const auto got = load_good(
      "scenario: t\n"
      "tree:\n"
      "  children:\n"
      "    - id: lists\n"
      "      supervisor:\n"
      "        strategy: simple_one_for_one\n"
      "        initial: 2\n"
      "        children: [{id: list, actor: shared_list}]\n"
      "    - {id: a, actor: adder, with: {list: /root/lists/list-2}}\n");
  const auto& params = std::get<actor_spec>(got.tree.children.at(1).what).params;
  EXPECT_EQ(std::get<std::string>(params.at("list").value), "/root/lists/list-2");
}

TEST(supervision, reads_steps_of_administration) {
  const auto got =
      load_good(dynamic_tree +
                "  - start_child: {supervisor: conns}\n"
                "  - start_child: {supervisor: /root/conns, count: 5, with: {count: 3, list: /root/user}}\n"
                "    expect: failed\n"
                "  - terminate_child: l\n"
                "  - terminate_child: conn-2\n"
                "    expect: not_found\n"
                "  - restart_child: conns\n"
                "  - kill: l\n"
                "  - children: root\n"
                "  - children: conns\n");
  const auto& one = std::get<start_child_step>(got.run.at(0).what);
  EXPECT_EQ(one.supervisor, "conns");
  EXPECT_EQ(one.count, 1U);
  EXPECT_TRUE(one.with.empty());
  EXPECT_FALSE(got.run.at(0).expect);
  const auto& many = std::get<start_child_step>(got.run.at(1).what);
  EXPECT_EQ(many.count, 5U);
  EXPECT_EQ(many.with.size(), 2U) << "only what is given";
  EXPECT_EQ(std::get<std::int64_t>(many.with.at("count").value), 3);
  EXPECT_EQ(got.run.at(1).expect, "failed");
  EXPECT_EQ(std::get<terminate_child_step>(got.run.at(2).what).child, "l");
  EXPECT_EQ(std::get<terminate_child_step>(got.run.at(3).what).child, "conn-2");
  EXPECT_EQ(got.run.at(3).expect, "not_found");
  EXPECT_EQ(std::get<restart_child_step>(got.run.at(4).what).child, "conns");
  EXPECT_EQ(std::get<kill_step>(got.run.at(5).what).child, "l");
  EXPECT_EQ(std::get<children_step>(got.run.at(6).what).supervisor, "root");
  EXPECT_EQ(std::get<children_step>(got.run.at(7).what).supervisor, "conns");
}

}  // namespace
}  // namespace steward::config
