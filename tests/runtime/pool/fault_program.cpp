#include "fault_program.hpp"

#include "fault_fixture.hpp"
#include "process/child.hpp"
#include "process/zygote.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>
#include <system_error>

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
  std::string name = "fault_play";
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
  if (problem || file.filename() != "copy_to_take_away") return fail("this is not the copy");
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

/// A cgroup with a limit of its own for memory, below the one that we are in, where we are again at the end.
class memory_group {
public:
  memory_group() = default;
  ~memory_group() {
    if (path_.empty()) return;
    write(home_ / "cgroup.procs", std::to_string(::getpid()));
    // A worker that has just ended may count as a member a little longer.
    for (int i = 0; i < 1'000 && ::rmdir(path_.c_str()) != 0 && errno == EBUSY; ++i) ::usleep(1'000);
  }
  memory_group(const memory_group&) = delete;
  memory_group& operator=(const memory_group&) = delete;

  /// Makes it and moves this process into it; else why not.
  std::string enter(std::uint64_t limit) {
    home_ = find_home();
    if (home_.empty()) return "no cgroup with a limit for memory";
    path_ = home_ / ("steward-test-" + std::to_string(::getpid()));
    if (::mkdir(path_.c_str(), 0700) != 0) return error("no cgroup can be made");
    const auto text = std::to_string(limit);
    if (!write(path_ / "memory.max", text) && !write(path_ / "memory.limit_in_bytes", text))
      return error("the limit cannot be set");
    // A limit that swapping evades is none.
    write(path_ / "memory.swap.max", "0");
    write(path_ / "memory.memsw.limit_in_bytes", text);
    return write(path_ / "cgroup.procs", std::to_string(::getpid())) ? "" : error("the cgroup cannot be entered");
  }

private:
  static std::filesystem::path find_home() {
    std::ifstream lines("/proc/self/cgroup");
    std::string second;
    for (std::string line; std::getline(lines, line);) {
      if (const auto at = line.find(":memory:"); at != std::string::npos)
        return std::filesystem::path("/sys/fs/cgroup/memory" + line.substr(at + 8));
      if (line.rfind("0::", 0) == 0) second = line.substr(3);
    }
    return second.empty() ? std::filesystem::path() : std::filesystem::path("/sys/fs/cgroup" + second);
  }
  static std::string error(const char* what) {
    return std::string(what) + ": " + std::generic_category().message(errno);
  }
  static bool write(const std::filesystem::path& to, const std::string& text) {
    const int fd = ::open(to.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    return done;
  }

  std::filesystem::path home_;
  std::filesystem::path path_;
};

/// The kernel kills a worker for the memory of its cgroup, at each attempt.
int without_memory() {
  constexpr std::int64_t mib = 1024 * 1024;
  memory_group group;
  if (const auto problem = group.enter(384 * mib); !problem.empty()) {
    std::printf("%s\n", problem.c_str());
    return play_not_possible;
  }
  if (!process::start_zygote()) return fail("no zygote");
  int code = 0;
  {
    surroundings around;
    auto spec = spec_of(2);
    spec.limits.attempts = 2;
    process_pool pool(around.environment(), "faults", spec);
    if (pool.start()) return fail("the pool does not start");
    const auto lost = pool.submit(tasks().keep_memory, 1'024 * mib).get();
    if (lost.ok() || lost.error().kind != outcome_kind::quarantined || lost.error().attempts.size() != 2)
      return fail("it is not quarantined after two attempts");
    for (const auto& attempt : lost.error().attempts) {
      if (attempt.why.cls != cause_class::memory || attempt.why.signal != SIGKILL)
        code = fail(describe(attempt.why).c_str());
    }
    if (pool.stats().memory != 2) code = fail("the deaths are not counted as of memory");
    if (!all_squares(pool, 20)) code = fail("the pool does not go on");
  }
  process::stop_zygote();
  return code;
}

}  // namespace

int play_alone(const std::string& name) {
  if (name == "without_processes") return without_processes();
  if (name == "without_memory") return without_memory();
  if (name == "without_program") return without_program();
  if (name == "without_zygote") return without_zygote();
  if (name.rfind("until_killed:", 0) == 0) return until_killed(name.substr(13));
  return fail("no such play");
}

}  // namespace steward::test
