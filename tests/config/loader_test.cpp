#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <gtest/gtest.h>

namespace steward::config {
namespace {

scenario load_good(std::string_view text, load_options options = {}) {
  auto result = load(text, std::move(options));
  EXPECT_TRUE(result.value) << render_all(result.problems);
  EXPECT_TRUE(result.problems.empty());
  return result.value ? *result.value : scenario{};
}

TEST(loader, tells_pools_that_may_be_empty_from_those_of_one_size) {
  const auto got = load_good(
      "scenario: t\n"
      "tree:\n"
      "  children:\n"
      "    - {id: p, pool: {}}\n"
      "    - {id: q, pool: {min_workers: 0}}\n"
      "run:\n"
      "  - resize: {pool: p, workers: 2}\n"
      "  - resize: {pool: p, workers: 2, min_workers: 0}\n");
  EXPECT_FALSE(std::get<pool_spec>(got.tree.children.at(0).what).size.min_workers);
  EXPECT_EQ(std::get<pool_spec>(got.tree.children.at(1).what).size.min_workers, 0U);
  EXPECT_FALSE(std::get<resize_step>(got.run.at(0).what).min_workers);
  EXPECT_EQ(std::get<resize_step>(got.run.at(1).what).min_workers, 0U);
}

TEST(loader, fills_in_every_default) {
  const auto got = load_good(
      "scenario: t\n"
      "tree:\n"
      "  children:\n"
      "    - {id: a, actor: counter}\n"
      "    - {id: p, pool: {}}\n");
  EXPECT_EQ(got.name, "t");
  EXPECT_EQ(got.file, "test.yaml");
  EXPECT_EQ(got.description, "");
  EXPECT_EQ(got.seed, 0U);
  EXPECT_TRUE(got.run.empty());
  EXPECT_EQ(got.tree.strategy, strategy::one_for_one);
  EXPECT_EQ(got.tree.intensity.restarts, 3U);
  EXPECT_EQ(got.tree.intensity.within, milliseconds{5'000});
  ASSERT_EQ(got.tree.children.size(), 2U);
  const auto& child = got.tree.children[0];
  EXPECT_EQ(child.restart, restart_type::permanent);
  EXPECT_EQ(child.shutdown, child_spec{}.shutdown);
  EXPECT_EQ(child.start_within, child_spec{}.start_within);
  EXPECT_EQ(child.backoff.min, milliseconds{100});
  EXPECT_EQ(child.backoff.max, milliseconds{10'000});
  EXPECT_EQ(child.backoff.factor, 2.0);
  EXPECT_EQ(child.backoff.jitter, 0.2);
  EXPECT_EQ(child.backoff.healthy, milliseconds{30'000});
  const auto& actor = std::get<actor_spec>(child.what);
  EXPECT_EQ(actor.type, "counter");
  EXPECT_EQ(std::get<std::int64_t>(actor.params.at("start").value), 0);
  const auto& pool = std::get<pool_spec>(got.tree.children[1].what);
  EXPECT_EQ(pool.task, "");
  EXPECT_EQ(pool.runs_in, rung::process);
  EXPECT_EQ(pool.size.workers, 0U);
  EXPECT_EQ(pool.limits.attempts, 3U);
  EXPECT_EQ(pool.limits.queue_limit, 1'000'000U);
  EXPECT_EQ(pool.restarts.worker_restarts.restarts, 20U);
  EXPECT_EQ(pool.restarts.worker_backoff.min, milliseconds{10});
  EXPECT_EQ(pool.restarts.worker_backoff.max, milliseconds{1'000});
  EXPECT_EQ(pool.restarts.worker_backoff.healthy, milliseconds{5'000});
}

TEST(loader, reads_every_field_of_a_tree) {
  const auto got = load_good(
      "scenario: t\n"
      "description: d\n"
      "seed: 42\n"
      "tree:\n"
      "  strategy: one_for_one\n"
      "  intensity: {restarts: 7, within: 1m}\n"
      "  children:\n"
      "    - id: words\n"
      "      actor: dictionary\n"
      "      restart: temporary\n"
      "      shutdown: 1s\n"
      "      start_within: 2s\n"
      "      backoff: {min: 1ms, max: 2ms, factor: 3, jitter: 0, healthy: 4s}\n"
      "    - id: p\n"
      "      restart: transient\n"
      "      pool: {task: square, runs_in: processes, workers: 4, attempts: 5, on_exception: retry, deadline: 2s,\n"
      "             queue_limit: 9, memory_limit: 256MiB, recycle_after: 6, worker_restarts: {restarts: 8, within: "
      "9s},\n"
      "             worker_backoff: {min: 3ms, max: 4ms, factor: 1.5, jitter: 1, healthy: 5s}, start_within: 7s,\n"
      "             min_workers: 2, max_workers: 6, idle_exit: 11s, spares: 1, soft_deadline: 1s, grace: 12ms,\n"
      "             heartbeat: 13s, on_full: block, chunk: 14, cpu_limit: 15s, open_files: 64, recycle_jitter: 0.5,\n"
      "             recycle_memory: 1GiB, sandbox: basic, environment: [LANGUAGE, MODE=fast], working_directory: "
      "/tmp,\n"
      "             shutdown: 8s, actors: [words]}\n");
  EXPECT_EQ(got.description, "d");
  EXPECT_EQ(got.seed, 42U);
  EXPECT_EQ(got.tree.intensity.restarts, 7U);
  EXPECT_EQ(got.tree.intensity.within, milliseconds{60'000});
  const auto& child = got.tree.children.at(0);
  EXPECT_EQ(child.restart, restart_type::temporary);
  EXPECT_EQ(child.shutdown, milliseconds{1'000});
  EXPECT_EQ(child.start_within, milliseconds{2'000});
  EXPECT_EQ(child.backoff.min, milliseconds{1});
  EXPECT_EQ(child.backoff.max, milliseconds{2});
  EXPECT_EQ(child.backoff.factor, 3.0);
  EXPECT_EQ(child.backoff.jitter, 0.0);
  EXPECT_EQ(child.backoff.healthy, milliseconds{4'000});
  EXPECT_EQ(got.tree.children.at(1).restart, restart_type::transient);
  const auto& pool = std::get<pool_spec>(got.tree.children.at(1).what);
  EXPECT_EQ(pool.task, "square");
  EXPECT_EQ(pool.size.workers, 4U);
  EXPECT_EQ(pool.limits.attempts, 5U);
  EXPECT_EQ(pool.on_exception, exception_policy::retry);
  EXPECT_EQ(pool.limits.deadline, milliseconds{2'000});
  EXPECT_EQ(pool.limits.queue_limit, 9U);
  EXPECT_EQ(pool.process.memory_limit, 256U * 1'048'576U);
  EXPECT_EQ(pool.restarts.recycle_after, 6U);
  EXPECT_EQ(pool.size.min_workers, 2U);
  EXPECT_EQ(pool.size.max_workers, 6U);
  EXPECT_EQ(pool.size.idle_exit, milliseconds{11'000});
  EXPECT_EQ(pool.size.spares, 1U);
  EXPECT_EQ(pool.limits.soft_deadline, milliseconds{1'000});
  EXPECT_EQ(pool.limits.grace, milliseconds{12});
  EXPECT_EQ(pool.limits.heartbeat, milliseconds{13'000});
  EXPECT_EQ(pool.limits.on_full, full_policy::block);
  EXPECT_EQ(pool.chunk, 14U);
  EXPECT_EQ(pool.process.cpu_limit, milliseconds{15'000});
  EXPECT_EQ(pool.process.open_files, 64U);
  EXPECT_EQ(pool.restarts.recycle_jitter, 0.5);
  EXPECT_EQ(pool.restarts.recycle_memory, std::uint64_t{1} << 30);
  EXPECT_EQ(pool.process.sandbox, sandbox_level::basic);
  EXPECT_EQ(pool.process.environment, (std::vector<std::string>{"LANGUAGE", "MODE=fast"}));
  EXPECT_EQ(pool.process.working_directory, "/tmp");
  EXPECT_EQ(pool.restarts.worker_restarts.restarts, 8U);
  EXPECT_EQ(pool.restarts.worker_restarts.within, milliseconds{9'000});
  EXPECT_EQ(pool.restarts.worker_backoff.min, milliseconds{3});
  EXPECT_EQ(pool.restarts.worker_backoff.max, milliseconds{4});
  EXPECT_EQ(pool.restarts.worker_backoff.factor, 1.5);
  EXPECT_EQ(pool.restarts.worker_backoff.jitter, 1.0);
  EXPECT_EQ(pool.restarts.worker_backoff.healthy, milliseconds{5'000});
  EXPECT_EQ(pool.limits.start_within, milliseconds{7'000});
  EXPECT_EQ(pool.limits.shutdown, milliseconds{8'000});
  EXPECT_EQ(pool.actors, std::vector<std::string>{"words"});
}

TEST(loader, reads_parameters_of_every_type) {
  const auto got = load_good(
      "scenario: t\n"
      "tree:\n"
      "  children:\n"
      "    - {id: t, actor: typed, with: {ratio: 2, loud: true, title: 5}}\n"
      "    - id: group\n"
      "      supervisor: {children: [{id: l, actor: shared_list}]}\n"
      "    - {id: a, actor: adder, with: {list: /root/group/l, count: 3, interval: 50ms}}\n");
  const auto& typed = std::get<actor_spec>(got.tree.children.at(0).what).params;
  EXPECT_EQ(std::get<double>(typed.at("ratio").value), 2.0);
  EXPECT_TRUE(std::get<bool>(typed.at("loud").value));
  EXPECT_EQ(std::get<std::string>(typed.at("title").value), "5");
  const auto& adder = std::get<actor_spec>(got.tree.children.at(2).what).params;
  EXPECT_EQ(adder.size(), 5U);
  EXPECT_EQ(std::get<std::string>(adder.at("list").value), "/root/group/l");
  EXPECT_EQ(std::get<std::int64_t>(adder.at("count").value), 3);
  EXPECT_EQ(std::get<milliseconds>(adder.at("interval").value), milliseconds{50});
  EXPECT_EQ(std::get<std::int64_t>(adder.at("max").value), 100);
}

TEST(loader, reads_the_pool_that_a_parameter_names) {
  const auto got = load_good(
      "scenario: t\n"
      "tree:\n"
      "  children:\n"
      "    - {id: squares, pool: {task: square}}\n"
      "    - {id: a, actor: cruncher, with: {pool: squares}}\n"
      "    - {id: b, actor: cruncher, with: {pool: /root/squares}}\n");
  const auto named = [&](std::size_t child) {
    return std::get<std::string>(std::get<actor_spec>(got.tree.children.at(child).what).params.at("pool").value);
  };
  EXPECT_EQ(named(1), "squares");
  EXPECT_EQ(named(2), "/root/squares");
}

TEST(loader, lets_the_same_id_stand_under_different_supervisors) {
  const auto got = load_good(
      "scenario: t\n"
      "tree:\n"
      "  children:\n"
      "    - {id: x, supervisor: {intensity: {restarts: 0}, children: [{id: a, actor: counter}]}}\n"
      "    - {id: a, actor: counter}\n"
      "run: [{crash: {actor: /root/x/a}}]\n");
  const auto& inner = *std::get<std::shared_ptr<supervisor_spec>>(got.tree.children.at(0).what);
  EXPECT_EQ(inner.intensity.restarts, 0U);
  EXPECT_EQ(inner.children.at(0).id, "a");
  EXPECT_EQ(std::get<crash_step>(got.run.at(0).what).actor, "/root/x/a");
}

TEST(loader, gives_a_pool_of_threads_a_deadline_and_actors) {
  const auto got = load_good(
      "scenario: t\ntree: {children: [{id: w, actor: dictionary}, {id: p, pool: {runs_in: threads, deadline: 1s, "
      "actors: [w]}}]}\n");
  const auto& pool = std::get<pool_spec>(got.tree.children.at(1).what);
  EXPECT_EQ(pool.runs_in, rung::thread);
  EXPECT_EQ(pool.limits.deadline, milliseconds{1'000});
  EXPECT_EQ(pool.actors, std::vector<std::string>{"w"});
}

TEST(loader, puts_actors_of_a_group_and_all_below_a_supervisor_into_one_process) {
  const auto got = load_good(
      "scenario: t\ntree:\n  children:\n"
      "    - {id: a, actor: dictionary, runs_in: process, process: {group: tables, spare: false}}\n"
      "    - id: s\n      runs_in: process\n      process: {memory_limit: 2GiB}\n"
      "      supervisor: {children: [{id: b, actor: dictionary}]}\n");
  EXPECT_EQ(got.tree.children.at(0).process.group, "tables");
  const auto& s = got.tree.children.at(1);
  EXPECT_EQ(s.runs_in, rung::process);
  EXPECT_EQ(s.process.memory_limit, std::uint64_t{2} << 30U);
  EXPECT_EQ(std::get<std::shared_ptr<supervisor_spec>>(s.what)->children.at(0).runs_in, rung::thread)
      << "it says nothing of it itself";
}

const std::string tree_of_steps =
    "scenario: t\n"
    "tree:\n"
    "  children:\n"
    "    - {id: a, actor: counter, restart: transient}\n"
    "    - {id: p, pool: {task: square}}\n"
    "    - {id: q, pool: {}}\n"
    "run:\n";

TEST(loader, reads_map_steps) {
  const auto got =
      load_good(tree_of_steps +
                "  - map: {pool: p, inputs: 1..3}\n"
                "  - map: {pool: /root/q, task: factorial, inputs: [4], workers: [2, 4], print: [pool_size, "
                "results, time, each], each: '{input}! = {result}'}\n");
  const auto& plain = std::get<map_step>(got.run.at(0).what);
  EXPECT_EQ(got.run.at(0).where, "test.yaml:8");
  EXPECT_EQ(plain.task, "square");
  EXPECT_EQ(plain.inputs, (std::vector<task_input>{{"1"}, {"2"}, {"3"}}));
  EXPECT_TRUE(plain.workers.empty());
  EXPECT_TRUE(plain.print_each);
  EXPECT_FALSE(plain.print_size || plain.print_results || plain.print_time);
  EXPECT_EQ(plain.each, "{input} -> {result}");
  const auto& full = std::get<map_step>(got.run.at(1).what);
  EXPECT_EQ(full.pool, "/root/q");
  EXPECT_EQ(full.task, "factorial");
  EXPECT_EQ(full.workers, (std::vector<unsigned>{2, 4}));
  EXPECT_TRUE(full.print_each && full.print_size && full.print_results && full.print_time);
  EXPECT_EQ(full.each, "{input}! = {result}");
}

TEST(loader, reads_compare_steps) {
  const auto got = load_good(tree_of_steps +
                             "  - compare: {pools: [p, q], ratio: r, verdict: true, advice: b, work: [{name: n, task: "
                             "wait_ms, inputs: {value: "
                             "5, times: 2}, contain: true}, {name: m, task: square, inputs: [1]}]}\n");
  const auto& compare = std::get<compare_step>(got.run.at(0).what);
  EXPECT_EQ(compare.pools, (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(compare.ratio, "r");
  EXPECT_TRUE(compare.verdict);
  EXPECT_EQ(compare.advice, "b");
  ASSERT_EQ(compare.work.size(), 2U);
  EXPECT_EQ(compare.work[0].name, "n");
  EXPECT_EQ(compare.work[0].task, "wait_ms");
  EXPECT_EQ(compare.work[0].inputs.size(), 2U);
  EXPECT_TRUE(compare.work[0].contain);
  EXPECT_FALSE(compare.work[1].contain);
}

TEST(loader, reads_wait_show_crash_and_parallel_steps) {
  const auto got = load_good(tree_of_steps +
                             "  - wait_for: {children: [a]}\n"
                             "  - wait_for: {children: [a], within: 3s}\n"
                             "  - show: {actor: a}\n"
                             "  - show: {actor: a, label: L, expect: \"[]\"}\n"
                             "  - parallel: [{crash: {actor: a}}, {parallel: [{show: {actor: a}}]}]\n");
  EXPECT_EQ(std::get<wait_step>(got.run.at(0).what).within, milliseconds{60'000});
  EXPECT_EQ(std::get<wait_step>(got.run.at(1).what).within, milliseconds{3'000});
  EXPECT_EQ(std::get<wait_step>(got.run.at(1).what).children, std::vector<std::string>{"a"});
  EXPECT_EQ(std::get<show_step>(got.run.at(2).what).label, "a");
  EXPECT_EQ(std::get<show_step>(got.run.at(2).what).expect, std::nullopt);
  EXPECT_EQ(std::get<show_step>(got.run.at(3).what).label, "L");
  EXPECT_EQ(std::get<show_step>(got.run.at(3).what).expect, "[]");
  const auto& both = std::get<parallel_step>(got.run.at(4).what).steps;
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(std::get<crash_step>(both[0].what).actor, "a");
  EXPECT_EQ(std::get<parallel_step>(both[1].what).steps.size(), 1U);
}

TEST(loader, takes_a_run_without_steps) {
  EXPECT_TRUE(load_good("scenario: t\ntree: {children: []}\nrun:\n").run.empty());
  EXPECT_TRUE(load_good("scenario: t\ntree: {children: []}\nrun: []\n").run.empty());
}

TEST(loader, puts_a_state_directory_beside_the_file) {
  const auto state_of = [](const std::string& state) {
    const auto loaded = load_text("scenario: t\n" + state + "tree: {children: []}\n", "some/where.yaml", {});
    EXPECT_TRUE(loaded.value.has_value());
    return loaded.value ? loaded.value->state : state_spec{};
  };
  EXPECT_EQ(state_of("").directory, "");
  EXPECT_EQ(state_of("state: {dir: kept}\n").directory, "some/kept");
  EXPECT_EQ(state_of("state: {dir: kept}\n").max_age, std::chrono::hours{30 * 24});
  EXPECT_EQ(state_of("state: {dir: kept}\n").max_bytes, std::uint64_t{1} << 30U);
  const auto other = state_of("state: {dir: /var/kept, max_age: 2h, max_size: 32MiB}\n");
  EXPECT_EQ(other.directory, "/var/kept");
  EXPECT_EQ(other.max_age, std::chrono::hours{2});
  EXPECT_EQ(other.max_bytes, std::uint64_t{32} << 20U);
}

TEST(loader, prefers_the_seed_of_the_options) {
  EXPECT_EQ(load_good("scenario: t\nseed: 1\ntree: {children: []}\n", {{}, 18'446'744'073'709'551'615U}).seed,
            18'446'744'073'709'551'615U);
}

}  // namespace
}  // namespace steward::config
