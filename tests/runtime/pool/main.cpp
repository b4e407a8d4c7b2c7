#include "pool/worker.hpp"
#include "process/child.hpp"
#include "tasks.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>

#include <sys/mman.h>
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

// Some pools of these tests have workers that never become ready. Their names tell.
int worker_or_faulty_start(const steward::process::child_context& context) {
  if (context.argument == "dies_at_start") return 9;
  if (context.argument == "never_ready") ::pause();
  return steward::pooling::run_pool_worker(context);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace steward;
  // So that no worker of these tests can begin under the least memory limit.
  constexpr std::size_t reserved = std::size_t{24} << 20;
  if (::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED) return 1;
  pooling::register_pool_worker(test::tasks().registry);
  process::register_child_main(pooling::worker_main_name, &worker_or_faulty_start);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  // Without a zygote, as under a sanitizer that has a thread of its own, children are spawned: slower, and no
  // different.
  process::start_zygote();
  ::testing::InitGoogleTest(&argc, argv);
  int result = RUN_ALL_TESTS();
  process::stop_zygote();
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != -1 || errno != ECHILD) {
    std::fprintf(stderr, "a child process is left over (pid %d)\n", info.si_pid);
    return 1;
  }
  return result;
}
