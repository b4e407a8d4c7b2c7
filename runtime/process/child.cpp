#include "process/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "process/bootstrap.hpp"

namespace steward::process {
namespace {

// argv of a spawned child: program, marker, main, fd count, memory limit, pid of the parent, argument.
constexpr const char* spawned_marker = "--steward-spawned-child";
constexpr int spawned_argc = 7;

std::map<std::string, child_main, std::less<>>& child_mains() {
  static std::map<std::string, child_main, std::less<>> all;
  return all;
}

// An argument may hold any byte, but argv ends at a NUL.
std::string escape_nuls(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (char c : text) {
    if (c == '\0') {
      escaped += "%0";
    } else if (c == '%') {
      escaped += "%%";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string unescape_nuls(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 1 < text.size()) {
      plain += text[++i] == '0' ? '\0' : '%';
    } else {
      plain += text[i];
    }
  }
  return plain;
}

template <class T>
bool parse(const char* text, T& value) noexcept {
  const char* end = text + std::strlen(text);
  auto [stop, problem] = std::from_chars(text, end, value);
  return problem == std::errc{} && stop == end;
}

[[noreturn]] void refuse(const char* why) noexcept {
  std::fprintf(stderr, "steward: a child process could not start: %s\n", why);
  ::_exit(bootstrap_failed_code);
}

// Copies of the descriptors above all target numbers, so that the dup2 actions cannot overwrite one another's source.
class lifted_fds {
public:
  explicit lifted_fds(const std::vector<int>& fds) {
    for (int fd : fds) {
      int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, first_child_fd + static_cast<int>(max_child_fds));
      if (copy < 0) {
        error_ = errno;
        return;
      }
      copies_[count_++] = copy;
    }
  }
  ~lifted_fds() {
    for (std::size_t i = 0; i < count_; ++i) ::close(copies_[i]);
  }
  lifted_fds(const lifted_fds&) = delete;
  lifted_fds& operator=(const lifted_fds&) = delete;

  int error() const noexcept { return error_; }
  std::size_t size() const noexcept { return count_; }
  int operator[](std::size_t i) const noexcept { return copies_[i]; }

private:
  std::array<int, max_child_fds> copies_{};
  std::size_t count_ = 0;
  int error_ = 0;
};

// Owns the two attribute objects of posix_spawn. Each call records the first error.
class spawn_plan {
public:
  spawn_plan() {
    note(::posix_spawn_file_actions_init(&actions_));
    note(::posix_spawnattr_init(&attributes_));
  }
  ~spawn_plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;

  void add_files(const lifted_fds& fds) {
    note(::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0));
    int next = first_child_fd;
    for (std::size_t i = 0; i < fds.size(); ++i) note(::posix_spawn_file_actions_adddup2(&actions_, fds[i], next++));
    note(::posix_spawn_file_actions_addclosefrom_np(&actions_, next));
  }

  void reset_signals_and_group() {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    note(::posix_spawnattr_setsigmask(&attributes_, &none));
    note(::posix_spawnattr_setsigdefault(&attributes_, &all));
    note(::posix_spawnattr_setpgroup(&attributes_, 0));
    note(::posix_spawnattr_setflags(&attributes_,
                                    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
  }

  launched run(char* const* argv) {
    launched result;
    result.error = error_;
    if (error_ == 0)
      result.error = ::posix_spawn(&result.pid, "/proc/self/exe", &actions_, &attributes_, argv, environ);
    if (result.error != 0) result.pid = 0;
    return result;
  }

private:
  void note(int error) {
    if (error_ == 0) error_ = error;
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  int error_ = 0;
};

}  // namespace

void register_child_main(std::string_view name, child_main run) {
  child_mains().insert_or_assign(std::string{name}, run);
}

child_main find_child_main(std::string_view name) {
  auto found = child_mains().find(name);
  return found == child_mains().end() ? nullptr : found->second;
}

launched spawn_child(const start_request& request) {
  lifted_fds fds{request.fds};
  if (fds.error() != 0) return {0, fds.error()};
  spawn_plan plan;
  plan.add_files(fds);
  plan.reset_signals_and_group();
  std::array<std::string, spawned_argc> words{program_invocation_name,
                                              spawned_marker,
                                              request.main,
                                              std::to_string(request.fds.size()),
                                              std::to_string(request.memory_limit),
                                              std::to_string(::getpid()),
                                              escape_nuls(request.argument)};
  std::array<char*, spawned_argc + 1> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  return plan.run(argv.data());
}

bool is_spawned_child(int argc, char** argv) noexcept { return argc >= 2 && std::strcmp(argv[1], spawned_marker) == 0; }

int run_spawned_child(int argc, char** argv) {
  int fd_count = 0;
  std::uint64_t memory_limit = 0;
  int parent = 0;
  if (argc != spawned_argc || !is_spawned_child(argc, argv) || !parse(argv[3], fd_count) ||
      !parse(argv[4], memory_limit) || !parse(argv[5], parent)) {
    refuse("its command line is not one that the keeper writes");
  }
  if (!die_with_parent(parent)) refuse("its parent is gone");
  child_main run = find_child_main(argv[2]);
  if (run == nullptr) refuse("its main is not registered");
  // posix_spawn cannot leave them close-on-exec, and what the child itself starts must not inherit its channel.
  for (int fd = first_child_fd; fd < first_child_fd + fd_count; ++fd) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) refuse("an inherited descriptor is missing");
  }
  fill_standard_fds();
  drop_privileges();
  if (limit_memory(memory_limit) != 0) refuse("the memory limit was refused");
  child_context context;
  context.argument = unescape_nuls(argv[6]);
  context.fd_count = fd_count;
  run_child_main(run, context);
}

bool die_with_parent(int parent) noexcept {
  // The parent may have died before the prctl; then we have another parent now.
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent;
}

int place_fds(const int* fds, int count, int* keep) noexcept {
  int end = first_child_fd + count;
  if (keep != nullptr && *keep < end) {
    int moved = ::fcntl(*keep, F_DUPFD_CLOEXEC, end);
    if (moved < 0) return errno;
    *keep = moved;
  }
  // First out of the way, then into place: a source may have the number that another one is meant to get.
  int lifted[max_child_fds] = {};
  for (int i = 0; i < count; ++i) {
    lifted[i] = ::fcntl(fds[i], F_DUPFD_CLOEXEC, end);
    if (lifted[i] < 0) return errno;
  }
  for (int i = 0; i < count; ++i) {
    if (::dup3(lifted[i], first_child_fd + i, O_CLOEXEC) < 0) return errno;
  }
  auto above = static_cast<unsigned>(end);
  if (keep != nullptr) {
    auto kept = static_cast<unsigned>(*keep);
    if (kept > above && ::close_range(above, kept - 1, 0) != 0) return errno;
    above = kept + 1;
  }
  return ::close_range(above, ~0U, 0) == 0 ? 0 : errno;
}

void fill_standard_fds() noexcept {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // open takes the lowest free number, which is this one.
    if (::open("/dev/null", O_RDWR) < 0) return;
  }
}

void drop_privileges() noexcept {
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int limit_memory(std::uint64_t bytes) noexcept {
  if (bytes == 0) return 0;
  rlimit limit{bytes, bytes};
  return ::setrlimit(RLIMIT_AS, &limit) == 0 ? 0 : errno;
}

void run_child_main(child_main run, const child_context& context) noexcept {
  // noexcept: a handler further down the stack belongs to the parent's main and must not catch what the child throws.
  int code = run(context);
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace steward::process
