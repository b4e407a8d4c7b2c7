#include "cli/plan.hpp"

#include "test_catalog.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace steward::cli {
namespace {

using nlohmann::json;

const std::string text =
    "scenario: t\n"
    "tree:\n"
    "  strategy: rest_for_one\n"
    "  intensity: {restarts: 2}\n"
    "  children:\n"
    "    - {id: a, actor: counter, with: {start: 2}, mailbox: {limit: 5}}\n"
    "    - id: b\n"
    "      actor: mute\n"
    "      restart: transient\n"
    "      backoff: {jitter: 0}\n"
    "      intensity: {restarts: 1, within: 1m}\n"
    "      on_spent: park\n"
    "    - {id: once, actor: mute, restart: temporary, shutdown: brutal_kill}\n"
    "    - id: conns\n"
    "      supervisor:\n"
    "        strategy: simple_one_for_one\n"
    "        initial: 3\n"
    "        partitions: 2\n"
    "        children: [{id: conn, pool: {runs_in: threads, task: square}}]\n";

struct planned {
  config::scenario what;
  config::origin_map origins;
};

planned plan_of(std::string_view yaml, std::vector<std::string> sets = {}) {
  auto loaded = config::load(yaml, {std::move(sets), {}});
  EXPECT_TRUE(loaded.value) << config::render_all(loaded.problems);
  return loaded.value ? planned{std::move(*loaded.value), std::move(loaded.origins)} : planned{};
}

TEST(plan, tells_when_steps_are_done_that_have_a_time_of_their_own) {
  const auto planned = plan_of(
      "scenario: t\ntree: {children: [{id: a, actor: counter}]}\nrun:\n"
      "  - {show: {actor: a}, every: 10s}\n  - {show: {actor: a}, at: start, every: 1h}\n  - {show: {actor: a}, at: "
      "start}\n");
  EXPECT_TRUE(planned.what.stays);
  const auto told = render_plan(planned.what, planned.origins);
  EXPECT_NE(told.find(":4: every 10s\n"), std::string::npos) << told;
  EXPECT_NE(told.find(":5: at start, and then every 1h\n"), std::string::npos) << told;
  EXPECT_NE(told.find(":6: at start\n"), std::string::npos) << told;
  const auto data = json::parse(render_plan_json(planned.what, planned.origins));
  ASSERT_EQ(data.at("timed_steps").size(), 3U);
  EXPECT_EQ(data.at("timed_steps")[0].at("every_ms"), 10'000);
  EXPECT_EQ(data.at("timed_steps")[2].at("at_start"), true);
}

TEST(plan, notes_a_limit_that_the_back_off_keeps_a_child_below) {
  const auto notes = [](const std::string& delay) {
    return notes_on(
        plan_of("scenario: t\ntree: {children: [{id: a, actor: counter, intensity: {restarts: 3, within: 5s}, "
                "backoff: {min: " +
                delay + "}}]}\n")
            .what);
  };
  EXPECT_EQ(notes("5s"), std::vector<std::string>{"/root/a: its limit of 3 restarts within 5s is never reached, since "
                                                  "its back-off is slower"});
  EXPECT_EQ(notes("100ms"), std::vector<std::string>{});
}

TEST(plan, shows_the_tree_in_start_order_with_the_origin_of_each_value) {
  const auto got = plan_of(text, {"tree.children.conns.supervisor.children.conn.pool.workers=4"});
  EXPECT_EQ(
      render_plan(got.what, got.origins),
      "t (test.yaml): started from top to bottom, stopped from bottom to top\n"
      "/root  supervisor, rest_for_one\n"
      "  budget: 2 restarts of its children within 5s, one more and it gives up, exit code 4\n"
      "  strategy            rest_for_one  test.yaml:3\n"
      "  intensity.restarts  2             test.yaml:4\n"
      "  intensity.within    5s            default\n"
      "  /root/a  actor counter, on a thread\n"
      "    with.start     2          test.yaml:6\n"
      "    mailbox.limit  5          test.yaml:6\n"
      "    restart        permanent  default\n"
      "    shutdown       5s         default\n"
      "    start_within   5s         default\n"
      "    restarts: at once, 100ms, 200ms, 400ms, ... 10s (+ up to 20% jitter)\n"
      "    if it crashes at once every time: at the 3rd crash, after 100ms to 120ms, /root gives up\n"
      "  /root/b  actor mute, on a thread\n"
      "    restart             transient  test.yaml:9\n"
      "    shutdown            5s         default\n"
      "    start_within        5s         default\n"
      "    backoff.jitter      0          test.yaml:10\n"
      "    intensity.restarts  1          test.yaml:11\n"
      "    intensity.within    1m         test.yaml:11\n"
      "    on_spent            park       test.yaml:12\n"
      "    restarts: only after a crash: at once, 100ms, 200ms, 400ms, ... 10s\n"
      "    if it crashes at once every time: at the 2nd crash, after 0ms, it is parked until restart_child\n"
      "  /root/once  actor mute, on a thread\n"
      "    restart       temporary    test.yaml:13\n"
      "    shutdown      brutal_kill  test.yaml:13\n"
      "    start_within  5s           default\n"
      "    restarts: never\n"
      "  /root/conns  supervisor, simple_one_for_one\n"
      "    budget: 3 restarts of its children within 5s, one more and it fails as a child of its own supervisor\n"
      "    dynamic: 3 at the start, more by start_child, spread over p0 to p1\n"
      "    restart                        permanent           default\n"
      "    shutdown                       infinity            default\n"
      "    start_within                   infinity            default\n"
      "    supervisor.strategy            simple_one_for_one  test.yaml:16\n"
      "    supervisor.intensity.restarts  3                   default\n"
      "    supervisor.intensity.within    5s                  default\n"
      "    supervisor.initial             3                   test.yaml:17\n"
      "    supervisor.partitions          2                   test.yaml:18\n"
      "    restarts: at once, 100ms, 200ms, 400ms, ... 10s (+ up to 20% jitter)\n"
      "    if it crashes at once every time: at the 3rd crash, after 100ms to 120ms, /root gives up\n"
      "    /root/conns/pK/conn-N  pool of 4 threads\n"
      "      on threads a task that segfaults or aborts ends the whole program; processes contain it\n"
      "      pool.task      square     test.yaml:19\n"
      "      pool.runs_in   threads    test.yaml:19\n"
      "      pool.workers   4          --set\n"
      "      pool.attempts  3          default\n"
      "      restart        permanent  default\n"
      "      shutdown       5s         default\n"
      "      start_within   infinity   default\n"
      "      restarts of a worker: at once, 10ms, 20ms, 40ms, ... 1s (+ up to 20% jitter)\n"
      "      if it crashes at once every time: never gives up: the back-off is slower than the window of 20 within 5s\n"
      "      restarts: at once, 100ms, 200ms, 400ms, ... 10s (+ up to 20% jitter)\n"
      "      if it crashes at once every time: at the 4th crash, after 300ms to 360ms, /root/conns/pK gives up\n");
}

TEST(plan, shows_partitions_limits_and_tries_that_are_written) {
  const auto got = plan_of(
      "scenario: t\ntree:\n  children:\n"
      "    - {id: cache, actor: counter, partitions: 4, start_retries: 2}\n"
      "    - {id: squares, partitions: 2, pool: {task: square, workers: 3}}\n"
      "    - {id: orders, partitions: 2, supervisor: {children: [{id: basket, actor: counter}]}}\n"
      "    - {id: gone, actor: mute, intensity: {restarts: 1, within: 1m}, on_spent: end}\n"
      "    - {id: conns, supervisor: {strategy: simple_one_for_one, initial: 1, max_children: 9, children: [{id: c, "
      "actor: mute}]}}\n");
  const auto shown = render_plan(got.what, got.origins);
  for (const auto* part :
       {"/root/cache  actor counter, on a thread, 4 partitions 0 to 3\n", "    start_retries  2",
        "/root/cache gives up", "/root/squares  pool of 3 processes, 2 partitions 0 to 1\n",
        "/root/orders  supervisor, one_for_one, 2 partitions 0 to 1\n", "/root/orders/K/basket  actor counter",
        "/root/orders/K gives up", "it ends for good, and its siblings live on",
        "dynamic: 1 at the start, more by start_child, 9 at most\n"})
    EXPECT_NE(shown.find(part), std::string::npos) << part << "\n" << shown;
}

TEST(plan, says_who_shares_a_process) {
  const auto got = plan_of(
      "scenario: t\ntree:\n  children:\n"
      "    - {id: a, actor: counter, runs_in: process, process: {group: g}}\n"
      "    - {id: s, runs_in: process, supervisor: {children: [{id: b, actor: counter}]}}\n"
      "    - {id: c, actor: counter}\n");
  const auto shown = render_plan(got.what, got.origins);
  for (const auto* part :
       {"/root/a  actor counter, in the process of group g\n",
        "/root/s  supervisor, one_for_one, all below it in one process\n",
        "/root/s/b  actor counter, in the process of /root/s\n", "/root/c  actor counter, on a thread\n"})
    EXPECT_NE(shown.find(part), std::string::npos) << part << "\n" << shown;
}

TEST(plan, is_told_to_programs_with_every_value) {
  const auto got = plan_of(text);
  const auto out = json::parse(render_plan_json(got.what, got.origins));
  EXPECT_EQ(out.at("scenario"), "t");
  const auto& root = out.at("tree");
  EXPECT_EQ(root.at("path"), "/root");
  ASSERT_EQ(root.at("children").size(), 4U);
  const auto& a = root.at("children").at(0);
  EXPECT_EQ(a.at("kind"), "actor");
  EXPECT_EQ(a.at("runs_in"), "thread");
  std::map<std::string, std::pair<std::string, std::string>> values;
  for (const auto& one : a.at("values")) values[one.at("field")] = {one.at("value"), one.at("from")};
  EXPECT_EQ(values.at("with.start"), (std::pair<std::string, std::string>{"2", "test.yaml:6"}));
  EXPECT_EQ(values.at("on_hang"), (std::pair<std::string, std::string>{"report", "default"}));
  EXPECT_EQ(a.at("restarts").at(0).at("gives_up_after_ms"), 100);
  EXPECT_EQ(a.at("restarts").at(0).at("gives_up_at_most_after_ms"), 120);
  EXPECT_EQ(root.at("children").at(2).at("restarts").at(0).at("ever"), false);
  const auto& pool = root.at("children").at(3).at("children").at(0);
  EXPECT_GE(pool.at("workers"), 1);
  EXPECT_TRUE(pool.at("restarts").at(0).at("gives_up_after_ms").is_null()) << "workers";
}

TEST(plan, of_every_shipped_scenario_can_be_shown) {
  for (const auto* name : {"shared_list", "factorial", "square", "threads_vs_processes", "pool_reuse", "shared_state",
                           "crash_recovery", "supervision", "service", "process_actors"}) {
    const auto got = plan_of(config::read_scenario(name));
    EXPECT_NE(render_plan(got.what, got.origins).find("/root  supervisor"), std::string::npos) << name;
    EXPECT_FALSE(json::parse(render_plan_json(got.what, got.origins)).empty()) << name;
  }
}

backoff_spec delays(int min, int max, double factor, double jitter = 0.0) {
  return {milliseconds{min}, milliseconds{max}, factor, jitter, milliseconds{1'000}};
}

TEST(plan, shows_a_ladder_up_to_its_longest_delay) {
  EXPECT_EQ(describe_ladder({}), "at once, 100ms, 200ms, 400ms, ... 10s (+ up to 20% jitter)");
  EXPECT_EQ(describe_ladder(delays(10, 25, 2.0)), "at once, 10ms, 20ms, 25ms each time from then on");
  EXPECT_EQ(describe_ladder(delays(50, 50, 2.0, 0.5)), "at once, 50ms each time from then on (+ up to 50% jitter)");
  EXPECT_EQ(describe_ladder(delays(50, 1'000, 1.0)), "at once, then 50ms each time");
}

TEST(plan, tells_how_soon_a_limit_is_met) {
  const auto after = [](unsigned restarts, int within, const backoff_spec& how) {
    return time_to_give_up({restarts, milliseconds{within}}, how);
  };
  EXPECT_EQ(after(0, 5'000, {}), milliseconds{0}) << "the first crash is one too many";
  EXPECT_EQ(after(1, 5'000, {}), milliseconds{0}) << "the first restart is immediate";
  EXPECT_EQ(after(3, 5'000, {}), milliseconds{300});
  EXPECT_EQ(after(5, 5'000, {}), milliseconds{1'500});
  EXPECT_EQ(after(3, 300, {}), milliseconds{300}) << "the window includes its end";
  EXPECT_EQ(after(3, 299, {}), std::nullopt) << "the back-off is slower";
  EXPECT_EQ(after(10'000, 5'000, delays(1, 1, 1.0)), std::nullopt);
  EXPECT_EQ(after(1'000, 5'000, delays(1, 1, 1.0)), milliseconds{999});
}

TEST(plan, says_when_jitter_decides) {
  const auto got =
      plan_of("scenario: t\ntree: {intensity: {restarts: 3, within: 330ms}, children: [{id: a, actor: counter}]}\n");
  EXPECT_NE(render_plan(got.what, got.origins)
                .find("at the 4th crash, after 300ms, or with much jitter never, /root gives up\n"),
            std::string::npos)
      << render_plan(got.what, got.origins);
}

}  // namespace
}  // namespace steward::cli
