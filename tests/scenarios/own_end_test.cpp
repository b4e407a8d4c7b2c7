#include "tests/scenarios/program.hpp"
#include "tests/support/sanitized.hpp"

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

// How a program with tasks and actors of its own ends: by its own fault, by signals, and as process 1.
namespace steward::test {
namespace {

using clock = subprocess::clock;

struct end_of_program {
  exit_status how;
  std::string out;
  std::string err;
};

class own_end : public testing::Test {
protected:
  own_end() { adopt_orphans(); }
  void TearDown() override { EXPECT_TRUE(reap_children(clock::now() + run_limit).empty()) << "processes are left"; }

  static end_of_program end_of(subprocess& program) {
    auto status = program.wait(clock::now() + run_limit);
    EXPECT_TRUE(status.has_value()) << "it hangs: " << program.err();
    if (!status) {
      program.signal(SIGKILL);
      status = program.wait(clock::now() + run_limit);
    }
    return {status.value_or(exit_status{}), program.out(), program.err()};
  }

  static end_of_program die(const std::string& where, const std::string& how) {
    subprocess program{{STEWARD_FRAGILE, where, how}, {}};
    return end_of(program);
  }

  static bool until_ready(subprocess& program) {
    return program.read_until([&] { return program.out().find("ready") != std::string::npos; },
                              clock::now() + run_limit);
  }

  /// The program as process 1 of a namespace of its own; null where there can be none.
  static std::unique_ptr<subprocess> as_process_1(const std::vector<std::string>& command) {
    std::vector<std::string> words{"/usr/bin/unshare", "-pf", "--mount-proc", "--kill-child"};
    subprocess probe{{"/usr/bin/unshare", "-pf", "--mount-proc", "/bin/true"}, {}};
    if (const auto ended = probe.wait(clock::now() + run_limit); !ended || ended->code != 0) return nullptr;
    words.insert(words.end(), command.begin(), command.end());
    return std::make_unique<subprocess>(words, subprocess::options{});
  }

  /// The process 1 below `unshare`.
  static int process_1_of(const subprocess& shell) {
    const auto children = children_of(shell.pid());
    return children.empty() ? -1 : children.front();
  }
};

void expect_words(const end_of_program& end, std::initializer_list<const char*> words) {
  for (const auto* word : words) EXPECT_NE(end.err.find(word), std::string::npos) << word << " is not in\n" << end.err;
}

#if !STEWARD_SANITIZED

TEST_F(own_end, by_a_segfault_in_an_actor_is_told_with_the_actor_and_its_message) {
  const auto end = die("actor", "segfault");
  EXPECT_EQ(end.how.signal, SIGSEGV) << "the wait status stays true";
  expect_words(
      end, {"CRASH", "/root/mortal", "SIGSEGV at 0x0", "die", "the program itself dies while it handled", "segfault"});
}

TEST_F(own_end, by_a_stack_that_runs_out_in_an_actor_is_told) {
  const auto end = die("actor", "overflow");
  EXPECT_EQ(end.how.signal, SIGSEGV);
  expect_words(end, {"/root/mortal", "stack overflow", "the program itself dies"});
}

TEST_F(own_end, by_a_segfault_in_a_task_on_a_thread_is_told_with_the_task) {
  const auto end = die("task", "segfault");
  EXPECT_EQ(end.how.signal, SIGSEGV);
  expect_words(end, {"tasks", "SIGSEGV at 0x0", "the program itself dies", "task 1 die", "attempt 1 of 3"});
}

TEST_F(own_end, by_a_stack_that_runs_out_in_a_task_on_a_thread_is_told) {
  const auto end = die("task", "overflow");
  EXPECT_EQ(end.how.signal, SIGSEGV);
  expect_words(end, {"stack overflow", "task 1 die"});
}

TEST_F(own_end, by_abort_is_told) {
  const auto end = die("actor", "abort");
  EXPECT_EQ(end.how.signal, SIGABRT);
  expect_words(end, {"/root/mortal", "SIGABRT"});
}

TEST_F(own_end, by_an_exception_on_a_thread_of_somebody_elses_is_told_with_its_text) {
  const auto end = die("actor", "thread_throws");
  EXPECT_EQ(end.how.signal, SIGABRT);
  expect_words(end, {"runtime_error", "nobody catches this"});
}

TEST_F(own_end, by_a_signal_that_nobody_handles_is_told) {
  for (const int signal : {SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPWR, SIGRTMIN + 3}) {
    const auto end = die("task", "signal " + std::to_string(signal));
    EXPECT_EQ(end.how.signal, signal);
    expect_words(end, {"CRASH", "the program itself dies"});
  }
}

TEST_F(own_end, leaves_no_copy_that_a_task_or_an_actor_has_forked) {
  for (const auto* where : {"task", "actor"}) {
    const auto end = die(where, "fork");
    EXPECT_EQ(end.how.code, 0) << where << ": " << end.err;
    EXPECT_TRUE(reap_children(clock::now() + run_limit).empty()) << where;
  }
}

#endif

TEST_F(own_end, by_an_exit_in_an_actor_is_told_and_is_no_success) {
  const auto end = die("actor", "exit");
  EXPECT_EQ(end.how.code, 70);
  expect_words(end, {"/root/mortal", "exit(0) was called", "while it handled"});
}

TEST_F(own_end, by_an_exit_in_a_task_on_a_thread_is_told_and_is_no_success) {
  for (const auto* how : {"exit", "quick_exit"}) {
    const auto end = die("task", how);
    EXPECT_EQ(end.how.code, 70) << how;
    expect_words(end, {"was called", "task 1 die"});
  }
}

TEST_F(own_end, by_the_end_of_a_thread_of_actors_is_told_with_the_actor_and_its_message) {
  const auto end = die("actor", "leave_thread");
  EXPECT_EQ(end.how.code, 70) << end.err;
  expect_words(end, {"CRASH", "/root/mortal", "pthread_exit in an actor", "while it handled", "leave_thread"});
}

TEST_F(own_end, by_the_end_of_a_thread_in_the_start_of_an_actor_is_told_with_the_actor) {
  const auto end = die("start", "leave_thread");
  EXPECT_EQ(end.how.code, 70) << end.err;
  expect_words(end, {"CRASH", "/root/mortal", "pthread_exit in an actor"});
}

TEST_F(own_end, by_the_end_of_the_thread_of_a_pool_is_told) {
  const auto end = die("callback", "leave_thread");
  EXPECT_EQ(end.how.code, 70) << end.err;
  expect_words(end, {"CRASH", "pthread_exit in a callback of a pool"});
}

TEST_F(own_end, for_want_of_memory_where_nobody_contains_it_is_an_exit_with_the_reason) {
  const auto end = die("actor", "thread_lacks");
  EXPECT_EQ(end.how.code, 70);
  expect_words(end, {"out of memory"});
}

TEST_F(own_end, of_a_run_is_in_its_events) {
  const auto folder = std::filesystem::temp_directory_path() / ("own_end." + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto events = (folder / "events").string();
  const auto run_file = [&](const std::string& how) {
    const auto file = (folder / "s.yaml").string();
    std::ofstream{file} << "scenario: s\ntree: {children: [{id: p, pool: {task: die, runs_in: threads, workers: 1}}]}\n"
                           "run: [{map: {pool: p, inputs: ["
                        << how << "]}}]\n";
    std::filesystem::remove(events);
    subprocess program{{STEWARD_FRAGILE, "main", "run", file, "--events", events}, {}};
    const auto end = end_of(program);
    auto all = parse_lines(read_file(events));
    return std::pair{end, all};
  };
  const auto [exited, of_exit] = run_file("exit");
  EXPECT_EQ(exited.how.code, 70) << exited.err;
  expect_sound_events(of_exit, 70);
  EXPECT_FALSE(all_of_kind(of_exit, "crash").empty());
  if (!under_asan) {
    const auto [crashed, of_crash] = run_file("segfault");
    EXPECT_EQ(crashed.how.signal, SIGSEGV) << crashed.err;
    expect_sound_events(of_crash, 128 + SIGSEGV);
    const auto crashes = all_of_kind(of_crash, "crash");
    ASSERT_EQ(crashes.size(), 1U);
    EXPECT_EQ(crashes[0].at("actor"), "/root/p");
  }
  std::filesystem::remove_all(folder);
}

TEST_F(own_end, by_a_signal_stops_the_trees_in_order_and_the_body_goes_on) {
  subprocess program{{STEWARD_FRAGILE, "stop"}, {}};
  ASSERT_TRUE(until_ready(program));
  program.signal(SIGTERM);
  const auto end = end_of(program);
  EXPECT_EQ(end.how.code, 143) << end.err;
  EXPECT_NE(end.out.find("the tree is over"), std::string::npos);
}

TEST_F(own_end, by_a_signal_does_not_wait_for_a_body_that_goes_on_for_ever) {
  subprocess program{{STEWARD_FRAGILE, "deaf"}, {}};
  ASSERT_TRUE(until_ready(program));
  program.signal(SIGINT);
  const auto end = end_of(program);
  EXPECT_EQ(end.how.code, 130);
  expect_words(end, {"stopped by SIGINT", "500ms"});
}

TEST_F(own_end, comes_at_once_with_a_second_signal) {
  subprocess program{{STEWARD_FRAGILE, "deaf"}, {}};
  ASSERT_TRUE(until_ready(program));
  program.signal(SIGINT);
  program.signal(SIGTERM);
  // Several threads take signals: which of two that come together is first is open.
  const auto end = end_of(program);
  EXPECT_TRUE(end.how.code == 128 + SIGINT || end.how.code == 128 + SIGTERM) << end.how.code;
  EXPECT_EQ(end.err.find("has not ended"), std::string::npos) << "one signal alone ends it so: " << end.err;
}

TEST_F(own_end, of_process_1_comes_with_sigterm) {
  const auto shell = as_process_1({STEWARD_FRAGILE, "stop"});
  if (!shell) GTEST_SKIP() << "there is no namespace of processes to be had";
  ASSERT_TRUE(until_ready(*shell));
  ::kill(process_1_of(*shell), SIGTERM);
  const auto end = end_of(*shell);
  EXPECT_EQ(end.how.code, 143) << end.err;
  EXPECT_NE(end.out.find("the tree is over"), std::string::npos);
}

TEST_F(own_end, of_a_subreaper_comes_with_sigterm) {
  subprocess program{{STEWARD_FRAGILE, "below_a_subreaper", "stop"}, {}};
  ASSERT_TRUE(until_ready(program)) << program.err();
  const auto below = children_of(program.pid());
  ASSERT_EQ(below.size(), 1U);
  EXPECT_FALSE(children_of(below[0]).empty()) << "the program itself runs below it, with its zygote";
  program.signal(SIGTERM);
  const auto end = end_of(program);
  EXPECT_EQ(end.how.code, 143) << end.err;
  EXPECT_NE(end.out.find("the tree is over"), std::string::npos);
}

TEST_F(own_end, of_orphans_leaves_no_zombies_where_the_program_is_a_subreaper) {
  subprocess program{{STEWARD_FRAGILE, "below_a_subreaper", "orphans"}, {}};
  ASSERT_TRUE(until_ready(program)) << program.err();
  EXPECT_LE(children_of(program.pid()).size(), 1U) << "it has the program and no zombies";
  program.signal(SIGKILL);
  end_of(program);
}

TEST_F(own_end, of_orphans_leaves_no_zombies_where_the_program_is_process_1) {
  const auto shell = as_process_1({STEWARD_FRAGILE, "orphans"});
  if (!shell) GTEST_SKIP() << "there is no namespace of processes to be had";
  ASSERT_TRUE(until_ready(*shell)) << shell->err();
  const int first = process_1_of(*shell);
  const auto left = children_of(first);
  EXPECT_LE(left.size(), 1U) << "process 1 has the program and no zombies";
  ::kill(first, SIGKILL);
  end_of(*shell);
}

}  // namespace
}  // namespace steward::test
