#include "tests/scenarios/program.hpp"

#include <gmp.h>

#include <algorithm>

namespace steward::test {
namespace {

class exit_code : public program_test {
protected:
  finished run_yaml(const std::string& yaml, const std::vector<std::string>& more = {}) {
    return run_scenario(write("scenario.yaml", yaml), more);
  }
};

TEST_F(exit_code, is_4_when_the_root_gives_up_on_an_actor) {
  const auto out = run_yaml(R"(scenario: crash_loop
tree:
  intensity: {restarts: 1, within: 1m}
  children:
    - {id: total, actor: counter}
run:
  - crash: {actor: total}
  - crash: {actor: total}
)");
  EXPECT_EQ(out.code, 4) << out.out << out.err;
  expect_sound_events(out.events, 4);
  const auto crashes = all_of_kind(out.events, "crash");
  ASSERT_EQ(crashes.size(), 2U);
  EXPECT_EQ(crashes[0]["decision"]["action"], "restart");
  EXPECT_EQ(crashes[0]["cause"]["exception"], "std::runtime_error");
  EXPECT_EQ(all_of_kind(out.events, "give_up").size(), 1U);
  EXPECT_NE(out.err.find("GIVE UP  /root"), std::string::npos) << out.err;
}

TEST_F(exit_code, is_4_when_the_root_gives_up_on_a_pool_whose_workers_die) {
  const auto out = run_yaml(R"(scenario: dying_pool
tree:
  intensity: {restarts: 0, within: 5s}
  children:
    - id: fragile
      pool: {task: square_unless, workers: 1, worker_restarts: {restarts: 0, within: 5s}}
run:
  - map: {pool: fragile, inputs: [[1, kill], [2, none]]}
)");
  EXPECT_EQ(out.code, 4) << out.out << out.err;
  expect_sound_events(out.events, 4);
  const auto gave_up = all_of_kind(out.events, "give_up");
  EXPECT_TRUE(std::ranges::any_of(gave_up, of_kind("give_up", "/root/fragile")));
  EXPECT_TRUE(std::ranges::any_of(gave_up, of_kind("give_up", "/root")));
}

TEST_F(exit_code, is_5_when_a_start_fails) {
  const auto out = run_yaml(R"(scenario: failed_start
tree:
  children:
    - {id: list, actor: shared_list}
    - {id: adder, actor: adder, with: {list: list, min: 5, max: 1}}
    - {id: never, actor: counter}
run:
  - show: {actor: list}
)");
  EXPECT_EQ(out.code, 5) << out.out << out.err;
  EXPECT_EQ(out.out, "") << "no step ran";
  EXPECT_NE(out.err.find("/root/adder failed to start: std::invalid_argument: adder: min is greater than max"),
            std::string::npos)
      << out.err;
  expect_sound_events(out.events, 5);
  EXPECT_TRUE(std::ranges::none_of(out.events, of_kind("start", "/root/never")))
      << "what comes after it is not started";
  EXPECT_TRUE(std::ranges::any_of(out.events, of_kind("stop", "/root/list"))) << "what came before it is stopped";
}

TEST_F(exit_code, is_5_when_a_nested_supervisor_overruns_its_start) {
  const auto out = run_yaml(R"(scenario: slow_start
tree:
  children:
    - id: nested
      start_within: 1ms
      supervisor:
        children:
          - {id: p, pool: {task: square, runs_in: processes, workers: 32}}
          - {id: q, pool: {task: square, runs_in: processes, workers: 32}}
run:
  - map: {pool: p, inputs: 1..10}
)");
  EXPECT_TRUE(out.in_time) << "an abandoned supervisor must not end the kernel";
  EXPECT_EQ(out.code, 5) << out.out << out.err;
  expect_sound_events(out.events, 5);
}

TEST_F(exit_code, is_5_when_there_are_no_descriptors_left) {
  // Each of these is in want of another one.
  for (const auto* limit : {"8", "10", "12", "14", "16", "18", "20"}) {
    const auto command = std::string{"ulimit -n "} + limit + "; exec \"$0\" run square";
    subprocess one{{"/bin/bash", "-c", command, program()}, environment()};
    const auto status = one.wait(std::chrono::steady_clock::now() + run_limit);
    ASSERT_TRUE(status) << "it hangs with " << limit;
    EXPECT_EQ(status->code, 5) << limit << ": " << one.err();
    EXPECT_NE(one.err().find("Too many open files"), std::string::npos) << limit << ": " << one.err();
  }
}

TEST_F(exit_code, is_70_when_stdout_cannot_be_written) {
  subprocess one{{"/bin/bash", "-c", "exec \"$0\" run square >/dev/full", program()}, environment()};
  const auto status = one.wait(std::chrono::steady_clock::now() + run_limit);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 70);
  EXPECT_NE(one.err().find("stdout: No space left on device"), std::string::npos) << one.err();
}

TEST_F(exit_code, is_0_whichever_standard_descriptor_is_closed) {
  for (const auto* closed : {"<&-", ">&-", "2>&-", "<&- >&- 2>&-"}) {
    std::filesystem::remove(path("events.jsonl"));
    const auto command = std::string{"exec \"$0\" run square --events \"$1\" "} + closed;
    subprocess one{{"/bin/bash", "-c", command, program(), path("events.jsonl")}, environment()};
    const auto status = one.wait(std::chrono::steady_clock::now() + run_limit);
    ASSERT_TRUE(status) << closed;
    EXPECT_EQ(status->code, 0) << closed << one.err();
    expect_sound_events(parse_lines(read_file(path("events.jsonl"))), 0);
  }
}

TEST_F(exit_code, is_1_when_a_task_fails_and_the_other_results_are_there) {
  const auto out = run_yaml(R"(scenario: overflow
tree:
  children:
    - {id: squares, pool: {task: square, workers: 2}}
run:
  - map: {pool: squares, inputs: [1, 5000000000, -3], print: [each, results]}
)");
  EXPECT_EQ(out.code, 1) << out.err;
  expect_sound_events(out.events, 1);
  const auto lines = lines_of(out.out);
  ASSERT_EQ(lines.size(), 4U) << out.out;
  EXPECT_EQ(lines[0], "1 -> 1");
  EXPECT_TRUE(lines[1].starts_with("FAILED: 5000000000: ")) << lines[1];
  EXPECT_NE(lines[1].find("std::overflow_error: the square of 5000000000 does not fit in 64 bits"), std::string::npos)
      << lines[1];
  EXPECT_EQ(lines[2], "-3 -> 9");
  EXPECT_EQ(lines[3], "Results: [1, failed, 9]");
  const auto failed = all_of_kind(out.events, "task_fail");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0]["cause"]["class"], "exception");
  EXPECT_EQ(failed[0]["task"]["args"], "5000000000");
  EXPECT_TRUE(all_of_kind(out.events, "crash").empty()) << "an exception is an answer, not a crash";
}

TEST_F(exit_code, is_1_when_a_task_kills_its_worker_in_every_attempt) {
  const auto out = run_yaml(R"(scenario: poison
tree:
  children:
    - {id: fragile, pool: {task: square_unless, workers: 2, attempts: 1}}
run:
  - map: {pool: fragile, inputs: [[1, none], [2, kill], [3, none]], print: [results]}
)");
  EXPECT_EQ(out.code, 1) << out.err;
  EXPECT_NE(out.out.find("Results: [1, failed, 9]"), std::string::npos) << out.out;
  const auto poison = all_of_kind(out.events, "task_quarantine");
  ASSERT_EQ(poison.size(), 1U);
  EXPECT_EQ(poison[0]["cause"]["signal"], "SIGKILL");
}

TEST_F(exit_code, is_1_when_a_task_runs_past_its_deadline) {
  const auto out = run_yaml(R"(scenario: endless
tree:
  children:
    - {id: fragile, pool: {task: square_unless, workers: 2, deadline: 200ms}}
run:
  - map: {pool: fragile, inputs: [[1, none], [2, loop], [3, none]], print: [results]}
)");
  EXPECT_EQ(out.code, 1) << out.err;
  EXPECT_NE(out.out.find("Results: [1, failed, 9]"), std::string::npos) << out.out;
  const auto failed = all_of_kind(out.events, "task_fail");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0]["cause"]["class"], "deadline");
}

TEST_F(exit_code, is_1_when_an_expectation_does_not_hold) {
  const std::string yaml = R"(scenario: expectation
tree:
  children:
    - {id: total, actor: counter, with: {start: 7}}
run:
  - show: {actor: total, label: Total, expect: "8"}
)";
  const auto wrong = run_yaml(yaml);
  EXPECT_EQ(wrong.code, 1);
  EXPECT_EQ(wrong.out, "Total: 7\nFAILED: total was expected to show \"8\" and shows \"7\"\n");
  const auto right = run_yaml(yaml, {"--set", "tree.children.total.with.start=8"});
  EXPECT_EQ(right.code, 0) << right.err;
  EXPECT_EQ(right.out, "Total: 8\n");
}

TEST_F(exit_code, is_7_with_strict_though_every_crash_was_recovered) {
  std::vector<std::string> more{"--strict", "--set", "run.0.map.inputs=[[1, none], [2, segfault]]"};
  if (under_asan) more.insert(more.end(), {"--set", "tree.children.fragile.pool.memory_limit=0B"});
  const auto out = run_scenario("crash_recovery", more);
  EXPECT_EQ(out.code, 7) << out.out << out.err;
  EXPECT_NE(out.out.find("Results: [1, 4]"), std::string::npos) << out.out;
  EXPECT_EQ(run_scenario("square", {"--strict"}).code, 0) << "nothing crashes there";
}

TEST_F(exit_code, is_that_of_the_first_scenario_that_went_wrong) {
  const auto bad = write("bad.yaml", R"(scenario: bad
tree:
  children:
    - {id: total, actor: counter}
run:
  - show: {actor: total, expect: "1"}
)");
  const auto out = run({"run", bad, "square"});
  EXPECT_EQ(out.code, 1);
  EXPECT_NE(out.out.find("Pool Size: 8"), std::string::npos) << "the other one is run all the same";
}

TEST_F(exit_code, is_70_when_the_event_file_cannot_take_any_more) {
  const auto out = run({"run", "square", "--events", "/dev/full"});
  EXPECT_EQ(out.code, 70) << out.err;
  EXPECT_NE(out.out.find("Pool Size: 8"), std::string::npos) << out.out;
  EXPECT_NE(out.err.find("events file /dev/full: No space left on device"), std::string::npos) << out.err;
}

/// n! by GMP, in decimal.
std::string factorial_of(unsigned long n) {
  mpz_t value;
  mpz_init(value);
  mpz_fac_ui(value, n);
  std::string digits(mpz_sizeinbase(value, 10) + 2, '\0');
  mpz_get_str(digits.data(), 10, value);
  mpz_clear(value);
  digits.resize(digits.find('\0'));
  return digits;
}

TEST_F(exit_code, is_0_for_factorials_of_any_size_which_are_right) {
  const auto out = run({"run", "factorial", "--set", "run.0.map.inputs=[100000, 0, 20, 25]"});
  EXPECT_EQ(out.code, 0) << out.err;
  const auto lines = lines_of(out.out);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_TRUE(lines[0] == "Factorial of 100000 is " + factorial_of(100000)) << "a number of 456574 digits is wrong";
  EXPECT_EQ(lines[0].size(), std::string{"Factorial of 100000 is "}.size() + 456'574);
  EXPECT_EQ(lines[1], "Factorial of 0 is 1");
  EXPECT_EQ(lines[2], "Factorial of 20 is 2432902008176640000");
  EXPECT_EQ(lines[3], "Factorial of 25 is 15511210043330985984000000");
}

}  // namespace
}  // namespace steward::test
