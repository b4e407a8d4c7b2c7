#include "fault_program.hpp"

#include "fault_fixture.hpp"
#include "process/child.hpp"
#include "process/zygote.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace steward::test {

program::program(const std::string& argument, const std::string& file) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  ::posix_spawn_file_actions_adddup2(&files, ends[1], 2);
  std::string name = "fault_row";
  std::string copy = argument;
  char* argv[] = {name.data(), copy.data(), nullptr};
  const int problem = ::posix_spawn(&pid_, file.c_str(), &files, nullptr, argv, environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::close(ends[1]);
  fd_ = ends[0];
  if (problem != 0) throw std::runtime_error("the program cannot be started once more");
}

program::~program() {
  if (pid_ > 0) {
    kill();
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(fd_);
}

std::string program::line() {
  std::string out;
  for (char c = 0;;) {
    pollfd in{fd_, POLLIN, 0};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    if (::poll(&in, 1, static_cast<int>(limit)) <= 0 || ::read(fd_, &c, 1) != 1) return out;
    output_ += c;
    if (c == '\n') return out;
    out += c;
  }
}

void program::kill() { ::kill(pid_, SIGKILL); }

int program::wait() {
  while (!line().empty()) {
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

char state_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(in, stat);
  const auto end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos || end_of_name + 2 >= stat.size()) return 0;
  return stat[end_of_name + 2];
}

bool ignores_sigterm(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("SigIgn:", 0) == 0) return (std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
  }
  return false;
}

bool is_gone(pid_t pid) {
  const char state = state_of(pid);
  return state == 0 || state == 'Z' || state == 'X';
}

namespace {

constexpr int nobody = 65534;

int fail(const char* what) {
  std::printf("%s\n", what);
  return 1;
}

bool all_squares(process_pool& pool, std::int64_t count) {
  const auto inputs = numbers(1, static_cast<std::size_t>(count));
  return pool.map(tasks().square, inputs) == squares_of(inputs);
}

/// A pool in which one worker cannot be started again until the zygote may make processes again. As another user than
/// root, whom the limit does not bind.
int without_processes() {
  if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0))
    return fail("cannot become another user");
  if (!process::start_zygote()) return fail("no zygote");
  surroundings around;
  process_pool pool(around.environment(), "faults", spec_of(2));
  if (pool.start()) return fail("the pool does not start");
  rlimit before{};
  if (::prlimit(process::zygote_pid(), RLIMIT_NPROC, nullptr, &before) != 0) return fail("no limit to read");
  const rlimit none{1, before.rlim_max};
  if (::prlimit(process::zygote_pid(), RLIMIT_NPROC, &none, nullptr) != 0) return fail("the limit cannot be set");
  ::kill(pool.stats().each[0].pid, SIGKILL);
  if (!around.events.wait_for(event_kind::backoff, 2)) return fail("no start was refused");
  if (!all_squares(pool, 20)) return fail("the other worker does not go on");
  if (::prlimit(process::zygote_pid(), RLIMIT_NPROC, &before, nullptr) != 0) return fail("the limit cannot be lifted");
  if (!around.events.wait_for(event_kind::recover)) return fail("the worker does not come back");
  for (const auto& e : around.events.all(event_kind::crash)) {
    const bool killed = e.why->signal == SIGKILL;
    const bool refused = e.why->message.find("Resource temporarily unavailable") != std::string::npos;
    if (!killed && !(e.why->cls == cause_class::start && refused)) return fail(describe(*e.why).c_str());
  }
  if (!all_squares(pool, 20)) return fail("the pool does not go on");
  pool.stop();
  process::stop_zygote();
  return 0;
}

/// A pool whose zygote dies: workers are spawned from then on.
int without_zygote() {
  if (!process::start_zygote()) return fail("no zygote");
  {
    surroundings around;
    process_pool pool(around.environment(), "faults", spec_of(2));
    if (pool.start()) return fail("the pool does not start");
    ::kill(pool.stats().each[0].pid, SIGKILL);
    ::kill(process::zygote_pid(), SIGKILL);
    ::kill(pool.stats().each[1].pid, SIGKILL);
    if (!all_squares(pool, 50)) return fail("results are missing");
    if (!around.events.wait_for(event_kind::recover, 2)) return fail("the workers do not come back");
    pool.stop();
  }
  process::stop_zygote();
  return 0;
}

/// A pool whose program can no longer be executed, and is deleted later: workers are spawned from it. This is a copy of
/// the test program.
int without_program() {
  std::error_code problem;
  const auto file = std::filesystem::read_symlink("/proc/self/exe", problem);
  if (problem || file.filename() != "copy_for_row_26") return fail("this is not the copy");
  surroundings around;
  process_pool pool(around.environment(), "faults", spec_of(2));
  if (pool.start()) return fail("the pool does not start");
  if (::chmod(file.c_str(), 0600) != 0) return fail("its mode cannot be changed");
  ::kill(pool.stats().each[0].pid, SIGKILL);
  if (!around.events.wait_for(event_kind::backoff, 2)) return fail("no start was refused");
  if (!all_squares(pool, 20)) return fail("the other worker does not go on");
  if (::chmod(file.c_str(), 0700) != 0) return fail("its mode cannot be changed back");
  if (!around.events.wait_for(event_kind::recover)) return fail("the worker does not come back");
  for (const auto& e : around.events.all(event_kind::crash)) {
    const bool refused = e.why->message.find("Permission denied") != std::string::npos;
    if (e.why->signal != SIGKILL && !(e.why->cls == cause_class::start && refused))
      return fail(describe(*e.why).c_str());
  }
  // Of a program that is deleted, or replaced by a newer one, workers are still made from what runs.
  if (::unlink(file.c_str()) != 0) return fail("it cannot be deleted");
  ::kill(pool.stats().each[1].pid, SIGKILL);
  if (!around.events.wait_for(event_kind::recover, 2)) return fail("the second worker does not come back");
  if (!all_squares(pool, 20)) return fail("the pool does not go on");
  return 0;
}

/// A pool with busy workers, which tells its processes and waits to be killed.
int until_killed(const std::string& path) {
  if (!process::start_zygote()) return fail("no zygote");
  surroundings around;
  process_pool pool(around.environment(), "faults", spec_of(2));
  if (pool.start()) return fail("the pool does not start");
  std::vector<decltype(pool.submit(fault_tasks().hold, path))> held;
  for (int i = 0; i < 2; ++i) held.push_back(pool.submit(fault_tasks().hold, path));
  for (const auto& w : pool.stats().each) std::printf("%d\n", w.pid);
  std::printf("%d\n", process::zygote_pid());
  std::fflush(stdout);
  for (;;) ::pause();
}

}  // namespace

int run_row_alone(const std::string& row) {
  if (row == "25") return without_processes();
  if (row == "26") return without_program();
  if (row == "35") return without_zygote();
  if (row.rfind("27:", 0) == 0) return until_killed(row.substr(3));
  return fail("no such row");
}

}  // namespace steward::test
