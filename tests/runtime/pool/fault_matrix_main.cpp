#include "fault_program.hpp"
#include "fault_tasks.hpp"
#include "pool/worker.hpp"
#include "process/child.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

// The tests are about what happens to processes that nothing protects, so the sanitizers leave their signals alone.
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
  return "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0";
}

namespace {

using steward::test::notes;

/// How the workers of a pool start, by the pool's name.
int start_as_named(const steward::process::child_context& context) {
  steward::test::in_worker_process() = true;
  const auto name = context.argument.substr(0, context.argument.find('\0'));
  if (name == "dies_at_start") return 9;
  if (name == "never_ready") ::pause();
  if (name == "slow_start") std::this_thread::sleep_for(std::chrono::milliseconds(200));
  // The first start is good, the next two are not.
  if (name == "restart_dies") {
    const int before = notes().starts.fetch_add(1);
    if (before == 1 || before == 2) return 9;
  }
  return steward::pooling::run_pool_worker(context);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace steward;
  test::notes();
  test::fault_tasks();
  pooling::register_pool_worker(test::tasks().registry);
  process::register_child_main(pooling::worker_main_name, &start_as_named);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  if (argc == 2 && std::strncmp(argv[1], "--play=", 7) == 0) return test::play_alone(argv[1] + 7);
  // Without a zygote, as under a sanitizer that has a thread of its own, children are spawned: slower, and no
  // different.
  process::start_zygote();
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  process::stop_zygote();
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != -1 || errno != ECHILD) {
    std::fprintf(stderr, "a child process is left over (pid %d)\n", info.si_pid);
    return 1;
  }
  return result;
}
