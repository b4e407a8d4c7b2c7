#include "process/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
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
#include <utility>
#include <vector>

#include "process/bootstrap.hpp"
#include "process/guard.hpp"
#include "process/proc_files.hpp"
#include "process/sandbox.hpp"

namespace steward::process {
namespace {

// argv of a spawned child: program, marker, main, number of inherited descriptors, pid of the parent. The order itself
// comes in a memory file behind the inherited descriptors, since everybody may read an argv; behind that is the memory
// of the guard, where the order has a slot for it.
constexpr const char* spawned_marker = "--steward-spawned-child";
constexpr int spawned_argc = 5;

struct known_main {
  child_main run = nullptr;
  void (*warm_up)() = nullptr;
};

std::map<std::string, known_main, std::less<>>& child_mains() {
  static std::map<std::string, known_main, std::less<>> all{{guard_main_name, {run_guard, nullptr}}};
  return all;
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

// Copies of descriptors above all target numbers, so that the dup2 actions cannot overwrite one another's source.
class lifted_fds {
public:
  lifted_fds() = default;
  ~lifted_fds() {
    for (std::size_t i = 0; i < count_; ++i) ::close(copies_[i]);
  }
  lifted_fds(const lifted_fds&) = delete;
  lifted_fds& operator=(const lifted_fds&) = delete;

  /// The copy, -1 when there is none.
  int add(int fd) {
    int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, first_child_fd + static_cast<int>(max_order_fds) + 2);
    if (copy < 0) {
      error_ = errno;
    } else {
      copies_[count_++] = copy;
    }
    return copy;
  }
  int error() const noexcept { return error_; }

private:
  std::array<int, max_order_fds + 2> copies_{};
  std::size_t count_ = 0;
  int error_ = 0;
};

// The order as a memory file, to be read from its beginning; -1 when the kernel refuses. The caller closes it.
int write_order(const outgoing_order& order) {
  int fd = ::memfd_create("steward-order", MFD_CLOEXEC);
  if (fd < 0) return -1;
  auto parts = order.parts();
  std::size_t total = 0;
  for (const auto& part : parts) total += part.iov_len;
  ssize_t written = ::writev(fd, parts.data(), static_cast<int>(parts.size()));
  if (written == static_cast<ssize_t>(total) && ::lseek(fd, 0, SEEK_SET) == 0) return fd;
  ::close(fd);
  errno = EIO;
  return -1;
}

bool read_order(int fd, incoming_order& order) noexcept {
  iovec parts[2] = {{&order.header, sizeof order.header}, {order.text.data(), order.text.size()}};
  ssize_t count = ::readv(fd, parts, 2);
  ::close(fd);
  return count > 0 && order.is_sound(static_cast<std::size_t>(count));
}

// What a program needs at its start comes along, whatever the child is to see in the end.
std::vector<char*> environment_for_exec(const outgoing_order& order) {
  std::vector<char*> all;
  const std::string& block = order.environment();
  for (std::size_t at = 0; at < block.size(); at = block.find('\0', at) + 1) {
    all.push_back(const_cast<char*>(block.data()) + at);
  }
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    std::string_view entry{*at};
    if (order.header().clean_environment == 0 || needed_by_exec(entry.substr(0, entry.find('=')))) all.push_back(*at);
  }
  all.push_back(nullptr);
  return all;
}

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

  void add_files(const outgoing_order& order, int order_fd) {
    std::array<int, max_order_fds> fds{};
    std::size_t count = order.copy_fds(fds);
    if (order.header().has_directory != 0) note(::posix_spawn_file_actions_addfchdir_np(&actions_, lift(fds[--count])));
    note(::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0));
    note(::posix_spawn_file_actions_adddup2(&actions_, lift(fds[--count]), 2));
    note(::posix_spawn_file_actions_adddup2(&actions_, lift(fds[--count]), 1));
    int next = first_child_fd;
    for (std::size_t i = 0; i < count; ++i) {
      note(::posix_spawn_file_actions_adddup2(&actions_, lift(fds[i]), next++));
    }
    note(::posix_spawn_file_actions_adddup2(&actions_, lift(order_fd), next++));
    if (order.header().guard_slot >= 0) {
      note(::posix_spawn_file_actions_adddup2(&actions_, lift(guard_memory_fd()), next++));
    }
    note(::posix_spawn_file_actions_addclosefrom_np(&actions_, next));
  }

  void reset_signals_and_session() {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    note(::posix_spawnattr_setsigmask(&attributes_, &none));
    note(::posix_spawnattr_setsigdefault(&attributes_, &all));
    note(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID));
  }

  launched run(char* const* argv, char* const* variables) {
    launched result;
    result.error = error_;
    if (error_ == 0) result.error = ::posix_spawn(&result.pid, own_program(), &actions_, &attributes_, argv, variables);
    if (result.error != 0) result.pid = 0;
    return result;
  }

private:
  void note(int error) {
    if (error_ == 0) error_ = error;
  }
  int lift(int fd) {
    int copy = lifted_.add(fd);
    note(lifted_.error());
    return copy < 0 ? 0 : copy;
  }

  lifted_fds lifted_;

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  int error_ = 0;
};

}  // namespace

void register_child_main(std::string_view name, child_main run, void (*warm_up)()) {
  child_mains().insert_or_assign(std::string{name}, known_main{run, warm_up});
}

child_main find_child_main(std::string_view name) {
  auto found = child_mains().find(name);
  return found == child_mains().end() ? nullptr : found->second.run;
}

void warm_up_for(std::string_view name) {
  const auto found = child_mains().find(name);
  if (found == child_mains().end()) return;
  if (auto* const once = std::exchange(found->second.warm_up, nullptr)) once();
}

launched spawn_child(const outgoing_order& order) {
  int order_fd = write_order(order);
  if (order_fd < 0) return {0, errno, setup_step::order};
  spawn_plan plan;
  plan.add_files(order, order_fd);
  ::close(order_fd);
  plan.reset_signals_and_session();
  std::array<std::string, spawned_argc> words{program_invocation_name, spawned_marker, order.request().main,
                                              std::to_string(order.header().fd_count), std::to_string(::getpid())};
  std::array<char*, spawned_argc + 1> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  return plan.run(argv.data(), environment_for_exec(order).data());
}

bool is_spawned_child(int argc, char** argv) noexcept {
  note_own_program();
  return argc >= 2 && std::strcmp(argv[1], spawned_marker) == 0;
}

int run_spawned_child(int argc, char** argv) {
  static incoming_order order;
  int fd_count = 0;
  int parent = 0;
  if (argc != spawned_argc || !is_spawned_child(argc, argv) || !parse(argv[3], fd_count) || !parse(argv[4], parent) ||
      fd_count < 0 || fd_count > static_cast<int>(max_child_fds)) {
    refuse("its command line is not one that the keeper writes");
  }
  if (!die_with_parent(parent)) refuse("its parent is gone");
  if (!read_order(first_child_fd + fd_count, order)) refuse("its start request did not arrive");
  // By itself and before its main: the parent may be killed before it comes to it.
  if (order.header.guard_slot >= 0) note_own_group(first_child_fd + fd_count + 1, order.header.guard_slot);
  child_main run = find_child_main(order.main());
  if (run == nullptr) refuse("its main is not registered");
  // posix_spawn cannot leave them close-on-exec, and what the child itself starts must not inherit its channel.
  for (int fd = first_child_fd; fd < first_child_fd + fd_count; ++fd) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) refuse("an inherited descriptor is missing");
  }
  fill_standard_fds();
  reset_signals();
  drop_privileges();
  find_environment_area();
  apply_environment(order.header, order.environment());
  if (auto failed = become_as_program(order.header.program, read_program_state())) refuse(describe(failed.step));
  // A change of identity undoes it.
  if (!die_with_parent(parent)) refuse("its parent is gone");
  if (auto failed = apply_limits(order.header)) refuse(describe(failed.step));
  auto level = static_cast<sandbox_level>(order.header.sandbox);
  if (enter_sandbox(level) != 0 && level == sandbox_level::strict) refuse(describe(setup_step::sandbox));
  child_context context;
  context.argument = order.argument();
  context.fd_count = fd_count;
  run_child_main(run, context);
}

bool die_with_parent(int parent) noexcept {
  // The parent may have died before the prctl; then we have another parent now.
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent;
}

setup_failure place_fds(const int* fds, int count, int* keep) noexcept {
  constexpr auto descriptors = setup_step::descriptors;
  int end = first_child_fd + count;
  if (keep != nullptr && *keep < end) {
    int moved = ::fcntl(*keep, F_DUPFD_CLOEXEC, end);
    if (moved < 0) return {descriptors, errno};
    *keep = moved;
  }
  bool in_place = true;
  for (int i = 0; i < count; ++i) in_place = in_place && fds[i] == first_child_fd + i;
  if (!in_place) {
    // First out of the way, then into place: a source may have the number that another one is meant to get.
    int lifted[max_child_fds] = {};
    for (int i = 0; i < count; ++i) {
      lifted[i] = ::fcntl(fds[i], F_DUPFD_CLOEXEC, end);
      if (lifted[i] < 0) return {descriptors, errno};
    }
    for (int i = 0; i < count; ++i) {
      if (::dup3(lifted[i], first_child_fd + i, O_CLOEXEC) < 0) return {descriptors, errno};
    }
  }
  auto above = static_cast<unsigned>(end);
  if (keep != nullptr) {
    auto kept = static_cast<unsigned>(*keep);
    if (kept > above && ::close_range(above, kept - 1, 0) != 0) return {descriptors, errno};
    above = kept + 1;
  }
  return ::close_range(above, ~0U, 0) == 0 ? setup_failure{} : setup_failure{descriptors, errno};
}

void fill_standard_fds() noexcept {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // open takes the lowest free number, which is this one.
    if (::open("/dev/null", O_RDWR) < 0) return;
  }
}

void reset_signals() noexcept {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
}

bool tells_an_end(int si_code) noexcept {
  return si_code == CLD_EXITED || si_code == CLD_KILLED || si_code == CLD_DUMPED;
}

bool reap_within(int pid, int limit_ms) noexcept {
  for (int waited = 0;; ++waited) {
    siginfo_t info{};
    const int seen = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG);
    if (seen != 0 && errno != EINTR) return errno == ECHILD;
    if (seen == 0 && info.si_pid == pid && tells_an_end(info.si_code)) return true;
    if (waited >= limit_ms) return false;
    const timespec step{0, 1'000'000};
    ::nanosleep(&step, nullptr);
  }
}

void drop_privileges() noexcept {
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void run_child_main(child_main run, const child_context& context) noexcept {
  // noexcept: a handler further down the stack belongs to the parent's main and must not catch what the child throws.
  int code = run(context);
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace steward::process
