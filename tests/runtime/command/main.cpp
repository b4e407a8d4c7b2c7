#include "command/launch.hpp"
#include "process/child.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string_view>
#include <vector>

#include "live_commands.hpp"

// With --spawn, children are started without a zygote. With --keep, it is the program that is killed by a test.
int main(int argc, char** argv) {
  using namespace steward;
  command::register_launch_main();
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "--keep")
    return test::keep_programs(words.size() > 1 && words[1] == "--spawn");
  process::start_zygote();
  testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  process::stop_zygote();
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != -1 || errno != ECHILD) {
    std::fprintf(stderr, "a child process is left over (pid %d)\n", info.si_pid);
    return 1;
  }
  return result;
}
