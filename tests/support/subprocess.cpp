#include "tests/support/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

namespace steward::test {

namespace {

using clock = subprocess::clock;

[[noreturn]] void fail(const char* what, int problem) {
  throw std::system_error(problem, std::generic_category(), what);
}

int open_pidfd(int pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)); }

int poll_timeout(clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

std::string name_of(const std::string& assignment) { return assignment.substr(0, assignment.find('=') + 1); }

/// This process's environment with some variables replaced.
std::vector<std::string> environment_with(const std::vector<std::string>& replaced) {
  std::vector<std::string> out = replaced;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string one = *at;
    const auto same = [&](const std::string& other) { return name_of(other) == name_of(one); };
    if (std::none_of(replaced.begin(), replaced.end(), same)) out.push_back(one);
  }
  return out;
}

std::vector<char*> pointers_into(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// What /proc/PID/stat tells; a parent of 0 when the process is gone.
struct process_stat {
  int parent = 0;
  std::uint64_t started = 0;  ///< in clock ticks since the machine was started
};

process_stat stat_of(const std::filesystem::path& folder) {
  process_stat out;
  std::ifstream in{folder / "stat"};
  std::string line;
  std::getline(in, line);
  const auto name_end = line.rfind(')');  // the name before it may hold anything
  if (name_end == std::string::npos) return out;
  std::istringstream rest{line.substr(name_end + 1)};
  std::string skipped;
  rest >> skipped >> out.parent;
  constexpr int fields_between = 17;
  for (int i = 0; i < fields_between; ++i) rest >> skipped;
  rest >> out.started;
  return out;
}

/// Both ends are closed on exec; the reader does not block.
void make_pipe(int& reader, int& writer) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2", errno);
  reader = ends[0];
  writer = ends[1];
  ::fcntl(reader, F_SETFL, O_NONBLOCK);
}

}  // namespace

subprocess::subprocess(const std::vector<std::string>& command, const options& how) : late_stdout_(how.late_stdout) {
  if (!how.follow.empty()) {
    if (::mkfifo(how.follow.c_str(), 0600) != 0) fail("mkfifo", errno);
    // Open for writing, too, so that it never looks closed, whoever opens it how often.
    streams_[2].fd = ::open(how.follow.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (streams_[2].fd < 0) fail("open", errno);
  }
  int out = -1;
  int err = -1;
  make_pipe(streams_[0].fd, out);
  make_pipe(streams_[1].fd, err);
  if (how.unread_stdout) ::close(std::exchange(streams_[0].fd, -1));

  auto words = command;
  auto environment = environment_with(how.environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, 1);
  ::posix_spawn_file_actions_adddup2(&actions, err, 2);
  const int problem = ::posix_spawn(&pid_, words.at(0).c_str(), &actions, nullptr, pointers_into(words).data(),
                                    pointers_into(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out);
  ::close(err);
  if (problem != 0) fail("posix_spawn", problem);
  pidfd_ = open_pidfd(pid_);
  if (pidfd_ < 0) fail("pidfd_open", errno);
}

subprocess::~subprocess() {
  if (!status_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (pidfd_ >= 0) ::close(pidfd_);
  for (const auto& one : streams_)
    if (one.fd >= 0) ::close(one.fd);
}

void subprocess::signal(int number) const noexcept {
  if (!status_) ::kill(pid_, number);
}

void subprocess::drain() {
  for (auto& one : streams_) {
    if (late_stdout_ && &one == &streams_[0]) continue;
    char buffer[16'384];
    while (one.fd >= 0) {
      const auto n = ::read(one.fd, buffer, sizeof buffer);
      if (n > 0) {
        one.text.append(buffer, static_cast<std::size_t>(n));
      } else if (n == 0) {
        ::close(std::exchange(one.fd, -1));  // end of file would wake up every poll from now on
      } else if (errno != EINTR) {
        break;
      }
    }
  }
}

bool subprocess::read_until(const std::function<bool()>& done, clock::time_point deadline) {
  for (;;) {
    pollfd ended{pidfd_, POLLIN, 0};
    const bool over = ::poll(&ended, 1, 0) == 1;
    drain();  // after the look at the process: what it wrote before its end is read
    if (done()) return true;
    if (over || clock::now() >= deadline) return false;
    const int out = late_stdout_ ? -1 : streams_[0].fd;
    pollfd fds[] = {{pidfd_, POLLIN, 0}, {out, POLLIN, 0}, {streams_[1].fd, POLLIN, 0}, {streams_[2].fd, POLLIN, 0}};
    if (::poll(fds, 4, poll_timeout(deadline)) < 0 && errno != EINTR) fail("poll", errno);
  }
}

std::optional<exit_status> subprocess::wait(clock::time_point deadline) {
  if (status_) return status_;
  late_stdout_ = false;
  read_until([] { return false; }, deadline);
  int raw = 0;
  if (::waitpid(pid_, &raw, WNOHANG) != pid_) return std::nullopt;
  status_ = exit_status{WIFEXITED(raw) ? WEXITSTATUS(raw) : -1, WIFSIGNALED(raw) ? WTERMSIG(raw) : 0};
  return status_;
}

void adopt_orphans() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) fail("prctl", errno);
}

std::vector<int> children_of(int pid) {
  std::vector<std::pair<std::uint64_t, int>> found;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto stat = stat_of(entry.path());
    if (stat.parent == pid) found.emplace_back(stat.started, std::stoi(name));
  }
  std::sort(found.begin(), found.end());
  std::vector<int> out;
  for (const auto& [started, child] : found) out.push_back(child);
  return out;
}

std::vector<int> reap_children(clock::time_point deadline) {
  for (;;) {
    int ended = 0;
    while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (ended < 0) return {};
    std::vector<pollfd> fds;
    const auto left = children_of(::getpid());
    for (const int pid : left) fds.push_back({open_pidfd(pid), POLLIN, 0});
    const int ready = ::poll(fds.data(), fds.size(), poll_timeout(deadline));
    for (const auto& one : fds) ::close(one.fd);
    if (ready == 0) return left;
  }
}

}  // namespace steward::test
