#include "process/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "process/bootstrap.hpp"
#include "process/child.hpp"
#include "process/proc_files.hpp"
#include "process/program_state.hpp"
#include "process/tracking.hpp"

namespace steward::process {
namespace {

using group_cell = std::atomic<std::int32_t>;
static_assert(group_cell::is_always_lock_free && sizeof(group_cell) == 4);

constexpr std::int32_t expected = -1;
// This one continues a guard that somebody has stopped.
constexpr int parent_died_signal = SIGCONT;
// The files of a dying program are closed a little before its children get another parent. One that lives on has become
// another program by exec, or has closed its files: it has no more workers then.
constexpr int parent_gone_limit_ms = 100;
constexpr int ready_limit_ms = 5'000;
// Enough for many generations of processes that start others while they are killed; one that the kernel cannot end,
// since it waits for a disk, is not waited for longer.
constexpr int track_limit_ms = 5'000;

// What the program and its guard share.
struct guard_page {
  std::uint64_t program_mark;
  group_cell cells[max_guarded_groups];
};

struct guard_memory {
  guard_page* page = nullptr;
  int fd = -1;
};

struct slots {
  std::mutex mutex;
  guard_memory memory;
  std::vector<int> free;
  int used = 0;  // slots below this one were given out at some time
};

slots& all_slots() {
  // Never destroyed: a keeper may outlive the statics.
  static slots* const one = new slots;
  return *one;
}

group_cell* cell(int slot) noexcept {
  guard_page* page = all_slots().memory.page;
  if (page == nullptr || slot < 0 || static_cast<std::size_t>(slot) >= max_guarded_groups) return nullptr;
  return &page->cells[slot];
}

guard_page* map_guard_page(int fd) noexcept {
  void* at = ::mmap(nullptr, sizeof(guard_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? nullptr : static_cast<guard_page*>(at);
}

// Needs the lock.
bool make_memory(slots& all) noexcept {
  guard_memory& memory = all.memory;
  if (memory.page != nullptr) return true;
  memory.fd = ::memfd_create("steward-groups", MFD_CLOEXEC);
  if (memory.fd < 0) return false;
  if (::ftruncate(memory.fd, static_cast<off_t>(sizeof(guard_page))) == 0) memory.page = map_guard_page(memory.fd);
  if (memory.page != nullptr) {
    memory.page->program_mark = new_program_mark();
    return true;
  }
  ::close(memory.fd);
  memory.fd = -1;
  return false;
}

// What the signal handler needs.
int watched_parent = 0;
int watched_socket = -1;

void on_parent_died(int) {
  int before = errno;
  // Sent by anybody else, the signal means nothing.
  if (watched_socket >= 0 && ::getppid() != watched_parent) ::shutdown(watched_socket, SHUT_RDWR);
  errno = before;
}

void sleep_ms(long ms) noexcept {
  timespec time{0, ms * 1'000'000};
  ::nanosleep(&time, nullptr);
}

}  // namespace

int claim_guard_slot() noexcept {
  slots& all = all_slots();
  std::lock_guard lock{all.mutex};
  if (!make_memory(all)) return -1;
  int slot = -1;
  if (!all.free.empty()) {
    slot = all.free.back();
    all.free.pop_back();
  } else if (static_cast<std::size_t>(all.used) < max_guarded_groups) {
    slot = all.used++;
  } else {
    return -1;
  }
  all.memory.page->cells[slot].store(expected);
  return slot;
}

void guard_group(int slot, int group) noexcept {
  if (group_cell* at = cell(slot)) at->store(group);
}

void guard_group_first(int slot, int group) noexcept {
  std::int32_t before = expected;
  if (group_cell* at = cell(slot)) at->compare_exchange_strong(before, group);
}

void note_own_group(int fd, int slot) noexcept {
  std::int32_t group = ::getpid();
  auto at = static_cast<off_t>(offsetof(guard_page, cells) + static_cast<std::size_t>(slot) * sizeof group);
  [[maybe_unused]] ssize_t written = ::pwrite(fd, &group, sizeof group, at);
  ::close(fd);
}

void release_guard_slot(int slot) noexcept {
  if (slot < 0) return;
  slots& all = all_slots();
  std::lock_guard lock{all.mutex};
  if (group_cell* at = cell(slot)) {
    at->store(0);
    all.free.push_back(slot);
  }
}

void signal_all_groups(int signal) noexcept {
  guard_page* page = all_slots().memory.page;
  if (page == nullptr) return;
  for (const group_cell& one : page->cells) {
    std::int32_t group = one.load();
    if (group > 1) ::kill(-group, signal);
  }
}

int guard_memory_fd() noexcept {
  slots& all = all_slots();
  std::lock_guard lock{all.mutex};
  return make_memory(all) ? all.memory.fd : -1;
}

std::uint64_t program_mark() noexcept {
  slots& all = all_slots();
  std::lock_guard lock{all.mutex};
  return make_memory(all) ? all.memory.page->program_mark : 0;
}

void hide_guard_memory() noexcept {
  if (guard_page* page = all_slots().memory.page) ::madvise(page, sizeof *page, MADV_DONTFORK);
}

void drop_guard_memory() noexcept {
  slots& all = all_slots();
  all.memory = {};
  all.free.clear();
  all.used = 0;
}

bool watch_parent(int parent, int socket) noexcept {
  watched_parent = parent;
  watched_socket = socket;
  struct sigaction action {};
  action.sa_handler = on_parent_died;
  ::sigaction(parent_died_signal, &action, nullptr);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, parent_died_signal);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  return ::prctl(PR_SET_PDEATHSIG, parent_died_signal) == 0 && ::getppid() == parent;
}

void unwatch_parent() noexcept {
  watched_socket = -1;
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(parent_died_signal, &action, nullptr);
}

void end_guard(int parent) noexcept {
  for (int waited = 0; ::getppid() == parent && waited < parent_gone_limit_ms; ++waited) sleep_ms(1);
  guard_page* page = all_slots().memory.page;
  if (page == nullptr) return;
  signal_all_groups(SIGKILL);
  // The rest is in groups of its own. A second look, for one that is born during the first may have been passed by.
  const int proc = open_proc();
  for (int waited = 0, clean = 0; clean < clean_stray_looks && waited < track_limit_ms; ++waited) {
    clean = kill_marked(proc, page->program_mark, {}) > 0 ? 0 : clean + 1;
    sleep_ms(1);
  }
}

void spawned_guard::ensure() {
  if (pid_ != 0) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) return;
    stop();
  }
  int ends[2] = {-1, -1};
  if (guard_memory_fd() < 0 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  start_request request;
  request.main = guard_main_name;
  request.fds = {ends[0], guard_memory_fd()};
  request.clean_environment = true;
  request.working_directory = "/";
  outgoing_order order{request, read_program_state()};
  launched guard = order.error().empty() ? spawn_child(order) : launched{0, EINVAL};
  ::close(ends[0]);
  if (guard.error != 0) {
    ::close(ends[1]);
    return;
  }
  pid_ = guard.pid;
  line_ = ends[1];
  pollfd ready{line_, POLLIN, 0};
  char byte = 0;
  if (::poll(&ready, 1, ready_limit_ms) <= 0 || ::read(line_, &byte, 1) != 1) stop();
}

void spawned_guard::stop() noexcept {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::close(line_);
  reap_within(pid_, killed_limit_ms);
  line_ = -1;
  pid_ = 0;
}

int run_guard(const child_context&) {
  int parent = ::getppid();
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::prctl(PR_SET_NAME, "steward-guard");
  all_slots().memory = {map_guard_page(first_child_fd + 1), first_child_fd + 1};
  shed_child_mark();
  if (!watch_parent(parent, first_child_fd)) return 0;
  char byte = 'r';
  if (::write(first_child_fd, &byte, 1) != 1) return 0;
  // Ended by the parent's death: by the end of the line or by the signal.
  while (::read(first_child_fd, &byte, 1) != 0 && ::getppid() == parent) {
  }
  end_guard(parent);
  return 0;
}

}  // namespace steward::process
