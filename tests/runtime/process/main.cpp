#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "process/child.hpp"
#include "tests/children/changing_children.hpp"
#include "tests/children/misbehaving_children.hpp"
#include "tests/children/probing_children.hpp"

// The tests are about what happens to a process that nothing protects, so the sanitizers leave its signals alone.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0";
}
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() {
  return "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0";
}
extern "C" const char* __ubsan_default_options();
extern "C" const char* __ubsan_default_options() {
  return "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:print_stacktrace=1";
}

int main(int argc, char** argv) {
  using namespace steward;
  test::register_misbehaving_children();
  test::register_probing_children();
  test::register_changing_children();
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  // Started again, so that these are in the memory that /proc shows, as a user's own are.
  if (std::getenv("STEWARD_TEST_SECRET") == nullptr) {
    ::setenv("STEWARD_TEST_SECRET", "from the very beginning", 1);
    ::setenv("LC_STEWARD", "seen", 1);
    ::execv("/proc/self/exe", argv);
    return 1;
  }
  // Set before the zygote exists: children get the environment that the program had then.
  ::setenv("STEWARD_TEST_MARK", "kept", 1);
  process::start_zygote();
  testing::InitGoogleTest(&argc, argv);
  int result = RUN_ALL_TESTS();
  process::stop_zygote();
  // Whatever the tests did: no child may be left, neither alive nor as a zombie.
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != -1 || errno != ECHILD) {
    std::fprintf(stderr, "a child process is left over (pid %d)\n", info.si_pid);
    return 1;
  }
  return result;
}
