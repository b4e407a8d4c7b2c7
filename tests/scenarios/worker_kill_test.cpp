#include "tests/scenarios/program.hpp"

#include <algorithm>
#include <csignal>
#include <deque>
#include <stdexcept>

namespace steward::test {
namespace {

/// While `front` works, the workers of `spare` have nothing to do; after that they get their tasks.
std::string two_pools(int rounds) {
  return R"(scenario: kills
tree:
  children:
    - id: front
      pool: {task: wait_ms, runs_in: processes, workers: 3}
    - id: spare
      pool: {task: wait_ms, runs_in: processes, workers: 3}
run:
  - map: {pool: front, inputs: {values: [31, 32, 33], times: )" +
         std::to_string(rounds) + R"(}, print: [results]}
  - map: {pool: spare, inputs: {values: [1, 2, 3], times: 4}, print: [results]}
)";
}

std::string all_results(int rounds) {
  std::string out = "Results: [31, 32, 33";
  for (int i = 1; i < rounds; ++i) out += ", 31, 32, 33";
  return out + "]\nResults: [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]\n";
}

class worker_kill : public program_test {
protected:
  /// The first worker processes of each pool.
  struct family {
    std::vector<int> front;
    std::vector<int> spare;
  };

  /// Waits until both pools are up, and reads their workers' pids from the events. Throws when they are not there.
  static family wait_for_workers(running& program) {
    if (program.wait_for(of_kind("ready", "/root/spare")).is_null()) throw std::runtime_error("the pools are not up");
    family out;
    for (const auto& e : all_of_kind(program.events(), "ready")) {
      const auto actor = e.at("actor").get<std::string>();
      if (actor.starts_with("/root/front/")) out.front.push_back(e.at("pid"));
      if (actor.starts_with("/root/spare/")) out.spare.push_back(e.at("pid"));
    }
    if (out.front.size() != 3 || out.spare.size() != 3) throw std::runtime_error("there are not three workers a pool");
    return out;
  }

  /// Kills one process; never a group or everything, whatever the number is.
  static bool kill_one(int pid) { return pid > 1 && ::kill(pid, SIGKILL) == 0; }

  static std::function<bool(const json&)> crash_of(int pid) {
    return [pid](const json& e) { return e.at("kind") == "crash" && e.value("pid", 0) == pid; };
  }

  /// Kills a worker and returns the event that tells of it.
  static json kill_and_see(running& program, int pid) {
    if (!kill_one(pid)) return {};
    return program.wait_for(crash_of(pid));
  }

  static void expect_named(const json& crash, const std::string& pool) {
    ASSERT_FALSE(crash.is_null()) << "no crash event came";
    EXPECT_TRUE(crash.at("actor").get<std::string>().starts_with(pool + "/")) << crash;
    EXPECT_EQ(crash.at("cause").at("class"), "signal") << crash;
    EXPECT_EQ(crash.at("cause").at("signal"), "SIGKILL") << crash;
  }

  static void expect_nothing_lost(const finished& out, int rounds) {
    EXPECT_TRUE(out.in_time);
    EXPECT_EQ(out.code, 0) << out.err;
    EXPECT_EQ(out.out, all_results(rounds)) << out.err;
    expect_sound_events(out.events, 0);
  }
};

TEST_F(worker_kill, costs_no_result_when_the_worker_is_busy) {
  constexpr int rounds = 40;
  const auto program = start_scenario(write("kills.yaml", two_pools(rounds)));
  const auto workers = wait_for_workers(*program);
  // A worker may be hit before it got a task, or between two. Then the one that has been up for longest is next.
  constexpr std::size_t tries = 12;
  json crash;
  std::deque<int> pids{workers.front.begin(), workers.front.end()};
  for (std::size_t i = 1; i <= tries && !crash.contains("task"); ++i) {
    crash = kill_and_see(*program, pids.front());
    expect_named(crash, "/root/front");
    const auto back = program->wait_for(of_kind("recover"), i);
    ASSERT_FALSE(back.is_null()) << json(program->events()).dump();
    pids.pop_front();
    pids.push_back(back.at("pid"));
  }
  ASSERT_TRUE(crash.contains("task")) << crash;
  EXPECT_EQ(crash["task"]["name"], "wait_ms");
  EXPECT_EQ(crash["task_fate"], "requeued");
  const auto out = program->wait();
  expect_nothing_lost(out, rounds);
  EXPECT_NE(out.err.find("SIGKILL"), std::string::npos) << out.err;
}

TEST_F(worker_kill, costs_no_result_when_the_worker_is_idle) {
  constexpr int rounds = 40;
  const auto program = start_scenario(write("kills.yaml", two_pools(rounds)));
  const auto workers = wait_for_workers(*program);
  const auto crash = kill_and_see(*program, workers.spare[1]);
  expect_named(crash, "/root/spare");
  EXPECT_FALSE(crash.contains("task")) << crash;
  const auto actor = crash.value("actor", "");
  const auto back = program->wait_for(of_kind("recover", actor));
  ASSERT_FALSE(back.is_null());
  EXPECT_EQ(back.at("incarnation"), 2);
  const auto out = program->wait();
  expect_nothing_lost(out, rounds);
  EXPECT_NE(out.err.find("SIGKILL"), std::string::npos) << out.err;
}

TEST_F(worker_kill, costs_no_result_when_every_worker_dies_at_once) {
  constexpr int rounds = 30;
  const auto program = start_scenario(write("kills.yaml", two_pools(rounds)));
  const auto workers = wait_for_workers(*program);
  for (const int pid : workers.front) ASSERT_TRUE(kill_one(pid));
  for (const int pid : workers.front) expect_named(program->wait_for(crash_of(pid)), "/root/front");
  expect_nothing_lost(program->wait(), rounds);
}

TEST_F(worker_kill, costs_no_result_when_the_zygote_dies) {
  constexpr int rounds = 30;
  const auto program = start_scenario(write("kills.yaml", two_pools(rounds)));
  const auto workers = wait_for_workers(*program);
  const auto zygote = children_of(program->pid()).front();
  ASSERT_EQ(std::ranges::count(workers.front, zygote) + std::ranges::count(workers.spare, zygote), 0);
  ASSERT_TRUE(kill_one(zygote));
  // Workers are started without it now.
  expect_named(kill_and_see(*program, workers.front[0]), "/root/front");
  ASSERT_FALSE(program->wait_for(of_kind("recover")).is_null());
  expect_nothing_lost(program->wait(), rounds);
}

TEST_F(worker_kill, of_a_busy_and_an_idle_worker_costs_no_result_fifty_times_in_a_row) {
  constexpr int wanted = under_asan ? 10 : 50;
  constexpr int rounds = 6;
  const auto scenario = write("kills.yaml", two_pools(rounds));
  int hit = 0;
  int missed = 0;
  while (hit < wanted && missed < wanted && !HasFailure()) {
    const auto program = start_scenario(scenario);
    const auto workers = wait_for_workers(*program);
    const int busy = workers.front[static_cast<std::size_t>(hit) % 3];
    const int idle = workers.spare[static_cast<std::size_t>(hit) % 3];
    kill_one(busy);  // it may be gone already: then the run is not counted
    kill_one(idle);
    const auto out = program->wait();
    expect_nothing_lost(out, rounds);
    // On a machine that is busy elsewhere the run may be over before the kill; such a run proves nothing.
    const auto seen = [&](int pid) { return std::ranges::any_of(out.events, crash_of(pid)); };
    if (seen(busy) && seen(idle))
      ++hit;
    else
      ++missed;
    for (const auto& e : all_of_kind(out.events, "crash")) EXPECT_EQ(e.at("cause").value("signal", ""), "SIGKILL") << e;
  }
  EXPECT_EQ(hit, wanted) << missed << " runs ended before they were hit";
}

}  // namespace
}  // namespace steward::test
