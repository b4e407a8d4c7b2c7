// What /proc tells of a process.
#include "process/proc_status.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace steward::test {
namespace {

TEST(proc_status, knows_the_memory_of_a_process_that_lives) {
  const auto before = process::resident_bytes(::getpid());
  EXPECT_GT(before, 1U << 20);
  std::vector<char> more(std::size_t{64} << 20);
  std::memset(more.data(), 1, more.size());
  EXPECT_GT(process::resident_bytes(::getpid()), before + (std::size_t{32} << 20));
}

TEST(proc_status, tells_one_that_has_ended_from_one_that_has_not) {
  EXPECT_FALSE(process::is_ending(::getpid()));
  const int pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    for (;;) ::pause();
  }
  EXPECT_FALSE(process::is_ending(pid));
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  siginfo_t end{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(process::is_ending(pid)) << "nobody has reaped it";
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_TRUE(process::is_ending(pid));
  EXPECT_EQ(process::resident_bytes(pid), 0U);
}

}  // namespace
}  // namespace steward::test
