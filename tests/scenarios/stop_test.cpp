#include "tests/scenarios/program.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace steward::test {
namespace {

using clock = subprocess::clock;

constexpr auto long_run = R"(scenario: long_run
tree:
  children:
    - {id: total, actor: counter}
    - id: workers
      pool: {task: wait_ms, runs_in: processes, workers: 3}
run:
  - map: {pool: workers, inputs: {value: 30000, times: 6}}
)";

/// A thread cannot be killed, so the orderly stop of this one takes its time.
constexpr auto slow_to_stop = R"(scenario: slow_to_stop
tree:
  children:
    - id: workers
      shutdown: 20s
      pool: {task: wait_ms, runs_in: threads, workers: 1, shutdown: 20s}
run:
  - map: {pool: workers, inputs: [20000]}
)";

constexpr auto smallest = R"(scenario: smallest
tree:
  children:
    - {id: total, actor: counter}
run: []
)";

constexpr auto stop_limit = milliseconds{5'000};
constexpr auto orphan_limit = milliseconds{2'000};

class stop : public program_test {
protected:
  /// A run whose pool is up.
  std::unique_ptr<running> start_long_run(const char* yaml) {
    auto program = start_scenario(write("scenario.yaml", yaml));
    EXPECT_FALSE(program->wait_for(of_kind("ready", "/root/workers")).is_null());
    return program;
  }

  void expect_orderly_stop_on(int signal) {
    const auto program = start_long_run(long_run);
    const auto children = children_of(program->pid());
    EXPECT_EQ(children.size(), 4U) << "the zygote and three workers";
    const auto began = clock::now();
    program->signal(signal);
    const auto out = program->wait();
    EXPECT_LT(clock::now() - began, stop_limit);
    EXPECT_TRUE(out.in_time);
    EXPECT_EQ(out.code, 128 + signal) << out.err;
    expect_sound_events(out.events, 128 + signal);
    EXPECT_TRUE(all_of_kind(out.events, "crash").empty()) << "a worker that is told to stop has not crashed";
    for (const int pid : children) EXPECT_EQ(::kill(pid, 0), -1) << "process " << pid << " is left";
    // Children stop in the reverse order of their start.
    std::vector<std::string> stopped;
    for (const auto& e : all_of_kind(out.events, "stop")) stopped.push_back(e.at("actor"));
    const auto workers = std::ranges::find(stopped, "/root/workers");
    const auto total = std::ranges::find(stopped, "/root/total");
    ASSERT_NE(workers, stopped.end());
    ASSERT_NE(total, stopped.end());
    EXPECT_LT(workers, total);
  }
};

TEST_F(stop, on_sigterm_is_orderly_and_exits_with_143) { expect_orderly_stop_on(SIGTERM); }

TEST_F(stop, on_sigint_is_orderly_and_exits_with_130) { expect_orderly_stop_on(SIGINT); }

TEST_F(stop, of_a_tree_that_waits_for_an_actor_does_not_wait_on) {
  const auto program = start_scenario(write("scenario.yaml", R"(scenario: waits
tree:
  children:
    - {id: list, actor: shared_list}
    - {id: adder, actor: adder, restart: transient, with: {list: list, count: 1000, interval: 1m}}
run:
  - wait_for: {children: [adder], within: 10m}
)"));
  ASSERT_FALSE(program->wait_for(of_kind("ready", "/root/adder")).is_null());
  program->signal(SIGTERM);
  const auto out = program->wait();
  EXPECT_EQ(out.code, 143) << out.err;
  expect_sound_events(out.events, 143);
}

TEST_F(stop, is_at_once_on_a_second_signal) {
  const auto program = start_long_run(slow_to_stop);
  const auto began = clock::now();
  program->signal(SIGINT);
  // Threads of tasks take signals as well as the main thread: which of two that come together is first would be open.
  ASSERT_TRUE(program->has_said("a second one ends it at once"));
  program->signal(SIGTERM);
  const auto out = program->wait();
  EXPECT_LT(clock::now() - began, stop_limit) << "the thread would have had 20 s";
  EXPECT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 143) << out.err;
  EXPECT_TRUE(all_of_kind(out.events, "run_end").empty());
  EXPECT_TRUE(reap_children(clock::now() + orphan_limit).empty());
}

TEST_F(stop, of_a_killed_program_takes_its_workers_and_the_zygote_along) {
  const auto program = start_long_run(long_run);
  const auto children = children_of(program->pid());
  ASSERT_EQ(children.size(), 4U);
  program->signal(SIGKILL);
  const auto out = program->wait();
  EXPECT_EQ(out.signal, SIGKILL);
  // They are this process's children now, and reaping is seeing them gone.
  const auto left = reap_children(clock::now() + orphan_limit);
  EXPECT_TRUE(left.empty()) << left.size() << " processes outlive the program";
  for (const int pid : children) EXPECT_EQ(::kill(pid, 0), -1) << "process " << pid << " is left";
}

TEST_F(stop, is_not_asked_for_by_a_signal_that_the_program_was_started_to_ignore) {
  const auto* script = R"(trap '' HUP
"$0" run shared_list --events "$1" &
run=$!
until grep -q '"kind":"ready"' "$1" 2>/dev/null; do :; done
kill -HUP $run
wait $run)";
  subprocess one{{"/bin/bash", "-c", script, program(), path("events.jsonl")}, environment()};
  const auto status = one.wait(clock::now() + run_limit);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 0) << one.err();
}

TEST_F(stop, is_no_matter_of_who_reads_the_output) {
  auto how = environment();
  how.unread_stdout = true;
  const auto events = path("events.jsonl");
  subprocess process{{program(), "run", "square", "--events", events}, how};
  const auto status = process.wait(clock::now() + run_limit);
  ASSERT_TRUE(status) << "it hangs without a reader";
  EXPECT_EQ(status->signal, 0) << "it died without a reader";
  EXPECT_EQ(status->code, 0) << process.err();
  expect_sound_events(parse_lines(read_file(events)), 0);
}

// More events than a pipe holds; the rest of the run, and its deadline, do not wait for who reads them.
TEST_F(stop, does_not_wait_for_a_late_reader_of_the_events) {
  const auto scenario = write("talks.yaml", R"(scenario: talks
tree:
  children:
    - id: squares
      pool: {task: square, workers: 1}
    - id: waits
      pool: {task: wait_ms, workers: 1, deadline: 50ms, grace: 50ms, attempts: 1}
run:
  - map: {pool: squares, inputs: 1..2000, print: [each]}
  - map: {pool: waits, inputs: [60000]}
)");
  auto how = environment();
  how.follow = path("events.pipe");
  how.late_stdout = true;
  running late{{program(), "run", scenario, "--json", "--events", how.follow}, how};
  EXPECT_FALSE(late.wait_for(of_kind("hang")).is_null());
  EXPECT_FALSE(late.wait_for(of_kind("run_end")).is_null()) << "it waits for a reader";
  const auto out = late.wait();
  EXPECT_EQ(out.code, 1) << out.err;
  EXPECT_GT(out.out.size(), 100'000u) << "the pipe took it all: this shows nothing";
  EXPECT_EQ(parse_lines(out.out), out.events);
}

TEST_F(stop, comes_by_itself_two_hundred_times_in_a_row) {
  constexpr int times = under_asan ? 20 : 200;
  const auto scenario = write("smallest.yaml", smallest);
  for (int i = 0; i < times && !HasFailure(); ++i) {
    const auto out = run({"run", scenario});
    EXPECT_EQ(out.code, 0) << "run " << i << ": " << out.err;
    EXPECT_EQ(out.out, "");
    EXPECT_TRUE(children_of(::getpid()).empty()) << "run " << i;
  }
}

}  // namespace
}  // namespace steward::test
