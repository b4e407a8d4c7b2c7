// Faults of the matrix in what is around the workers: limits, signals, the program that owns them, and floods.
#include "fault_fixture.hpp"
#include "fault_program.hpp"
#include "process/zygote.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace steward::test {
namespace {

using ::testing::HasSubstr;

std::size_t resident_mib() {
  std::ifstream in("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >> 20;
}

class fault_matrix_around : public faulty_pool {};

TEST_F(fault_matrix_around, the_workers_of_a_program_that_is_killed_end_with_it) {
  if (!process::zygote_alive()) GTEST_SKIP() << "there is no zygote to end with it";
  gate go;
  program alone("--play=until_killed:" + go.path());
  std::vector<pid_t> pids;
  for (int i = 0; i < 3; ++i) pids.push_back(std::atoi(alone.line().c_str()));
  for (const auto pid : pids) ASSERT_GT(pid, 0) << alone.output();
  ASSERT_TRUE(holds_soon([&] { return go.begun_in(pids[0]) && go.begun_in(pids[1]); }));
  alone.kill();
  const auto all_gone = [&] { return is_gone(pids[0]) && is_gone(pids[1]) && is_gone(pids[2]); };
  EXPECT_TRUE(holds_soon(all_gone, std::chrono::seconds(1)));
  EXPECT_EQ(alone.wait(), -SIGKILL);
}

TEST_F(fault_matrix_around, what_a_worker_has_started_ends_with_it) {
  gate go;
  start(spec_of(1));
  const auto held = submit(fault_tasks().with_sleeper, go.path());
  const int worker = busy_pid(go);
  const int sleeper = go.pid_after(".sleeper.");
  ASSERT_GT(sleeper, 0);
  ASSERT_FALSE(is_gone(sleeper));
  ASSERT_EQ(::kill(worker, SIGKILL), 0);
  EXPECT_TRUE(holds_soon([&] { return is_gone(sleeper); }));
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  go.open();
  EXPECT_EQ(value(held), 1);
}

TEST_F(fault_matrix_around, a_kill_by_the_kernel_for_the_memory_of_a_cgroup_is_told_as_that) {
  program alone("--play=without_memory");
  const int code = alone.wait();
  if (code == play_not_possible) GTEST_SKIP() << alone.output();
  EXPECT_EQ(code, 0) << alone.output();
}

TEST_F(fault_matrix_around, a_flood_is_rejected_at_the_limit_and_takes_no_memory) {
  constexpr std::size_t flood = STEWARD_SANITIZED ? 100'000 : 1'000'000;
  constexpr std::size_t limit = 1'000;
  // A caller that is faster than the pool's thread has what it submits, and what is refused, waiting for that thread.
  constexpr std::size_t burst = 10'000;
  gate go;
  auto spec = spec_of(1);
  spec.limits.queue_limit = limit;
  start(spec);
  const auto held = submit(fault_tasks().hold, go.path());
  busy_pid(go);
  const auto before = resident_mib();
  std::atomic<std::size_t> values{0};
  std::atomic<std::size_t> rejected{0};
  std::atomic<std::size_t> others{0};
  for (std::size_t i = 0; i < flood; ++i) {
    bytes args;
    encode_all(args, static_cast<std::int64_t>(i));
    victim().submit(*tasks().square.entry, std::move(args), [&](const outcome<bytes>& got) {
      ++(got.ok() ? values : got.error().kind == outcome_kind::rejected ? rejected : others);
    });
    const std::size_t sent = i + 1;
    if (sent % burst == 0) {
      ASSERT_TRUE(holds_soon([&] { return rejected == sent - (limit - 1); })) << rejected;
    }
  }
  EXPECT_TRUE(holds_soon([&] { return rejected == flood - (limit - 1); })) << rejected;
  EXPECT_LT(resident_mib(), before + (STEWARD_SANITIZED ? 512 : 64));  // a sanitizer keeps what is freed
  go.open();
  EXPECT_EQ(value(held), 1);
  EXPECT_TRUE(holds_soon([&] { return values == limit - 1; })) << values;
  EXPECT_EQ(others, 0u);
}

TEST_F(fault_matrix_around, children_of_the_program_itself_and_workers_do_not_take_each_others_ends) {
  start(spec_of(2));
  std::atomic<bool> over{false};
  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  std::thread user([&] {
    while (!over) {
      const int status = std::system("exit 3");
      ++(WIFEXITED(status) && WEXITSTATUS(status) == 3 ? good : bad);
    }
  });
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(value(submit(fault_tasks().act, 7, std::string("exit3"))), 49);
    EXPECT_EQ(value(submit(fault_tasks().act, 7, std::string("segv"))), 49);
  }
  EXPECT_TRUE(holds_soon([&] { return good > 0; }));
  over = true;
  user.join();
  EXPECT_EQ(bad, 0);
  const auto all = crashes();
  ASSERT_EQ(all.size(), 10u);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].why->signal, i % 2 == 0 ? 0 : SIGSEGV);
}

TEST_F(fault_matrix_around, a_program_that_ignores_sigchld_loses_no_task) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  start(spec_of(2));
  const auto squares = submit_squares(1, 20);
  EXPECT_EQ(value(submit(fault_tasks().act, 7, std::string("segv"))), 49);
  expect_squares(squares, 1);
  EXPECT_EQ(crashes().size(), 1u);
  end_fault();
  std::signal(SIGCHLD, before);
}

}  // namespace
}  // namespace steward::test
