#include "steward/port.hpp"

#include <caf/thread_hook.hpp>

#include <gtest/gtest.h>

#include <grp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace steward::port {
namespace {

using std::chrono::steady_clock;

/// Takes the room for threads, but for one, when it was found to be there: as another process of the same user does.
struct thief final : caf::thread_hook {
  void init(caf::actor_system&) override {
    const rlimit two{2, 2};
    ::setrlimit(RLIMIT_NPROC, &two);
  }
  void thread_started() override {}
  void thread_terminates() override {}
};

[[noreturn]] void make_one_without_room() {
  const auto nobody_else = static_cast<uid_t>(1'000'000 + ::getpid());
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (::setgroups(0, nullptr) != 0 || ::setgid(nobody_else) != 0 || ::setuid(nobody_else) != 0) ::_exit(1);
  caf::actor_system_config config;
  configure(config, scheduling::sharing, 2);
  config.add_thread_hook<thief>();
  const auto system = make_system(config);
  ::_exit(0);
}

TEST(actor_system_start, ends_the_program_when_its_room_for_threads_is_taken_meanwhile) {
  if (::geteuid() != 0) GTEST_SKIP() << "the limit on a user's threads is none for others to be tried with";
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) make_one_without_room();
  int status = 0;
  const auto until = steady_clock::now() + std::chrono::seconds{20};
  pid_t ended = 0;
  while ((ended = ::waitpid(child, &status, WNOHANG)) == 0 && steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  if (ended == 0) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    FAIL() << "it hangs in the destructor of what it could not make";
  }
  ASSERT_TRUE(WIFSIGNALED(status)) << "status " << status;
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
}

}  // namespace
}  // namespace steward::port
