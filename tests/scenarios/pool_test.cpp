// What the YAML of a pool says is what happens: each test is a real run.
#include "tests/scenarios/program.hpp"

#include <algorithm>
#include <csignal>

namespace steward::test {
namespace {

class pool_run : public program_test {};

TEST_F(pool_run, asks_then_ends_a_task_that_runs_too_long) {
  const auto out = run_scenario(write("slow.yaml", R"(scenario: slow
tree:
  children:
    - id: p
      pool: {task: wait_ms, workers: 2, spares: 1, soft_deadline: 50ms, deadline: 200ms, grace: 100ms}
run:
  - map: {pool: p, inputs: [1, 20000, 2], print: [results]}
)"));
  ASSERT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 1);
  EXPECT_NE(out.out.find("\nResults: [1, failed, 2]\n"), std::string::npos) << out.out;
  EXPECT_NE(out.out.find("FAILED: 20000: task 2 wait_ms ran past its deadline: longer than 200ms (attempt 1 in w"),
            std::string::npos)
      << out.out;
  const auto hangs = all_of_kind(out.events, "hang");
  ASSERT_EQ(hangs.size(), 2u) << out.err;
  EXPECT_EQ(hangs[0]["task_fate"], "asked to stop");
  EXPECT_EQ(hangs[1]["task_fate"], "none") << "it may still answer";
  const auto fails = all_of_kind(out.events, "task_fail");
  ASSERT_EQ(fails.size(), 1u) << out.err;
  EXPECT_EQ(fails[0]["task_fate"], "failed");
  EXPECT_NE(out.err.find("ran past its deadline"), std::string::npos) << out.err;
  expect_sound_events(out.events, 1);
}

TEST_F(pool_run, cancels_the_rest_at_the_first_error) {
  const auto out = run_scenario(write("first.yaml", R"(scenario: first
tree:
  children:
    - {id: p, pool: {task: square_unless, workers: 1}}
run:
  - map:
      pool: p
      inputs: [[1, none], [2, exception], [3, none], [4, none], [5, none], [6, none]]
      chunk: 1
      on_failure: first_error
      print: [each]
  - map: {pool: p, inputs: [[7, none]], print: [results]}
)"));
  ASSERT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 1);
  EXPECT_NE(out.err.find("this attempt was told to throw"), std::string::npos) << out.err;
  EXPECT_NE(out.out.find("Results: [49]"), std::string::npos) << "the pool lives: " << out.out;
}

TEST_F(pool_run, counts_the_many_inputs_that_an_error_cancels) {
  const auto out = run_scenario(write("many.yaml", R"(scenario: many
tree:
  children:
    - {id: p, pool: {task: square_unless, workers: 2}}
run:
  - map:
      pool: p
      inputs: {values: [[2, exception], [3, none]], times: 5000}
      on_failure: first_error
      print: [time]
)"));
  ASSERT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 1);
  EXPECT_NE(out.out.find(" more inputs were cancelled\n"), std::string::npos);
  EXPECT_NE(out.out.find("was cancelled: "), std::string::npos);
  EXPECT_LT(std::count(out.out.begin(), out.out.end(), '\n'), 5'000);
}

TEST_F(pool_run, resizes_a_pool_and_prints_what_comes_first) {
  const auto out = run_scenario(write("sizes.yaml", R"(scenario: sizes
tree:
  children:
    - {id: p, pool: {task: wait_ms, workers: 1}}
    - {id: t, pool: {task: wait_ms, workers: 1, runs_in: threads}}
run:
  - resize: {pool: p, workers: 2}
  - map: {pool: p, inputs: [400, 1], chunk: 1, order: completion, print: [pool_size, each, results]}
  - resize: {pool: p, workers: 1}
  - map: {pool: p, inputs: [5], print: [pool_size]}
  - resize: {pool: t, workers: 3, min_workers: 2}
)"));
  ASSERT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(out.out,
            "Resized /root/p: from 1 to 2 workers\n1 -> 1\n400 -> 400\nPool Size: 2\nResults: [1, 400]\n"
            "Resized /root/p: from 2 to 1 worker\nPool Size: 1\nResized /root/t: 2 to 3 workers, now 2\n");
  EXPECT_EQ(all_of_kind(out.events, "operator").size(), 3u);
  EXPECT_EQ(all_of_kind(out.events, "crash").size(), 0u);
}

TEST_F(pool_run, has_workers_only_while_there_are_tasks_where_none_need_be) {
  const auto file = write("rare.yaml", R"(scenario: rare
tree:
  children:
    - {id: p, pool: {task: square, min_workers: 0, max_workers: 2, idle_exit: 50ms}}
run:
  - map: {pool: p, inputs: [3, 4], print: [results]}
  - resize: {pool: p, workers: 3, min_workers: 0}
)");
  const auto out = run_scenario(file);
  ASSERT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(out.out.find("Results: [9, 16]\nResized /root/p: 0 to 3 workers, now "), 0u) << out.out;
  EXPECT_EQ(all_of_kind(out.events, "crash").size(), 0u);
  const auto plan = run({"plan", file});
  EXPECT_NE(plan.out.find("pool of up to 2 processes"), std::string::npos) << plan.out;
  EXPECT_NE(plan.out.find("started when tasks come"), std::string::npos) << plan.out;
}

TEST_F(pool_run, cancels_a_map_that_takes_too_long) {
  const auto out = run_scenario(write("within.yaml", R"(scenario: within
tree:
  children:
    - {id: p, pool: {task: wait_ms, workers: 1, grace: 50ms}}
run:
  - map: {pool: p, inputs: [1, 60000, 2], chunk: 1, window: 3, within: 300ms, print: [results]}
  - map: {pool: p, inputs: [3], print: [results]}
)"));
  ASSERT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 1);
  EXPECT_NE(out.out.find("\nResults: [1, failed, failed]\nResults: [3]\n"), std::string::npos) << out.out;
  EXPECT_NE(out.out.find("was cancelled: the time for the map is over; it was not started"), std::string::npos)
      << out.out;
}

TEST_F(pool_run, says_at_validation_what_threads_cannot_do) {
  const auto file = write("threads.yaml", R"(scenario: threads
tree:
  children:
    - {id: t, pool: {task: square, workers: 1, runs_in: threads, deadline: 1s}}
    - {id: p, pool: {task: square, workers: 1}}
)");
  const auto out = run({"validate", file});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(out.out, file +
                         ": ok\n  note: /root/t: on threads a task that segfaults or aborts ends the whole program; "
                         "processes contain it\n  note: /root/t: threads cannot be killed: a task past its deadline is "
                         "abandoned and goes on, its thread is replaced\n");
}

TEST_F(pool_run, reaches_actors_from_workers_in_a_sandbox) {
  for (const auto* level : {"basic", "strict"}) {
    const auto out =
        run({"run", "shared_state", "--set", std::string{"tree.children.processes.pool.sandbox="} + level});
    EXPECT_TRUE(out.in_time) << level;
    EXPECT_EQ(out.code, 0) << level << out.err;
    EXPECT_NE(out.out.find("Totals: {processes: 100, threads: 100}"), std::string::npos) << level << out.out;
  }
}

TEST_F(pool_run, replaces_a_worker_that_somebody_stopped) {
  const auto program = start_scenario(write("frozen.yaml", R"(scenario: frozen
tree:
  children:
    - {id: p, pool: {task: wait_ms, workers: 2, heartbeat: 200ms}}
run:
  - map: {pool: p, inputs: {value: 30, times: 40}, chunk: 1, print: [time]}
)"));
  const auto ready = program->wait_for(of_kind("ready", "/root/p/w1"));
  ASSERT_FALSE(ready.is_null());
  ASSERT_EQ(::kill(ready.at("pid").get<int>(), SIGSTOP), 0);
  const auto out = program->wait();
  ASSERT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 0) << out.err;
  const auto crashes = all_of_kind(out.events, "crash");
  ASSERT_EQ(crashes.size(), 1u);
  EXPECT_EQ(crashes[0]["cause"]["class"], "heartbeat") << crashes[0];
}

}  // namespace
}  // namespace steward::test
