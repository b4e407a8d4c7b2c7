// Whether the system has room for what cannot be made half, and what a thread holds back meanwhile.
#include "process/room.hpp"
#include "tests/support/sanitized.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace steward::process {
namespace {

/// Runs `what` in a child process, which may lower its limits; its exit code, or minus the signal.
template <class F>
int in_a_child(F what) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(what());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::size_t entries_of(const char* folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

void lower(int what, rlim_t to) {
  rlimit now{};
  ::getrlimit(static_cast<__rlimit_resource>(what), &now);
  now.rlim_cur = to;
  ::setrlimit(static_cast<__rlimit_resource>(what), &now);
}

std::uint64_t address_space() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

TEST(room, for_threads_that_there_is_leaves_none_behind) {
  std::thread([] {}).join();  // a sanitizer makes one of its own beside the first
  const auto threads = entries_of("/proc/self/task");
  const auto descriptors = entries_of("/proc/self/fd");
  EXPECT_NO_THROW(expect_room_for_threads(0));
  EXPECT_NO_THROW(expect_room_for_threads(20));
  EXPECT_EQ(entries_of("/proc/self/task"), threads);
  EXPECT_EQ(entries_of("/proc/self/fd"), descriptors);
}

TEST(room, for_threads_that_there_is_not_is_told_with_how_many_there_are) {
#if STEWARD_SANITIZED
  GTEST_SKIP() << "sanitizers take the address space for themselves";
#endif
  const int code = in_a_child([] {
    // The stacks of three threads, and no fourth one.
    constexpr std::uint64_t each = std::uint64_t{64} << 20;
    pthread_attr_t with;
    ::pthread_attr_init(&with);
    ::pthread_attr_setstacksize(&with, each);
    ::pthread_setattr_default_np(&with);
    lower(RLIMIT_AS, address_space() + 3 * each + each / 2);
    try {
      expect_room_for_threads(8);
    } catch (const std::system_error& problem) {
      const std::string text = problem.what();
      if (problem.code() != std::errc::resource_unavailable_try_again) return 2;
      if (text.find("room for 8 more threads is needed") == std::string::npos) return 3;
      // What was made is given back.
      if (entries_of("/proc/self/task") != 1) return 4;
      expect_room_for_threads(1);
      return 0;
    }
    return 1;
  });
  EXPECT_EQ(code, 0);
}

sigset_t held_back() {
  sigset_t out;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &out);
  return out;
}

TEST(room, signals_blocked_hold_back_all_but_faults_while_they_live_and_in_threads_made_meanwhile) {
  sigset_t usr1;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  sigset_t original;
  ::pthread_sigmask(SIG_BLOCK, &usr1, &original);
  sigset_t of_thread;
  {
    const signals_blocked quiet;
    const auto mask = held_back();
    for (const int held : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGTSTP})
      EXPECT_EQ(::sigismember(&mask, held), 1) << held;
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, SIGXCPU})
      EXPECT_EQ(::sigismember(&mask, fault), 0) << fault;
    std::thread{[&] { of_thread = held_back(); }}.join();
  }
  EXPECT_EQ(::sigismember(&of_thread, SIGTERM), 1);
  EXPECT_EQ(::sigismember(&of_thread, SIGSEGV), 0);
  const auto after = held_back();
  EXPECT_EQ(::sigismember(&after, SIGUSR1), 1) << "what was held back before still is";
  EXPECT_EQ(::sigismember(&after, SIGTERM), 0);
  ::pthread_sigmask(SIG_SETMASK, &original, nullptr);
}

}  // namespace
}  // namespace steward::process
