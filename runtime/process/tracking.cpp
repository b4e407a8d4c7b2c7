#include "process/tracking.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "process/proc_files.hpp"

namespace steward::process {
namespace {

// Bit 62, then 31 bits of the outer program, then 31 bits of the inner one, all ones where there is none.
constexpr std::uint64_t program_bit = std::uint64_t{1} << 62;
constexpr std::uint64_t child_bit = std::uint64_t{1} << 61;
constexpr int level_bits = 31;
constexpr std::uint64_t level_mask = (std::uint64_t{1} << level_bits) - 1;
constexpr bool has_wide_limits = sizeof(rlim_t) >= sizeof(std::uint64_t);

bool is_mark(std::uint64_t hard_limit) noexcept { return hard_limit >> 62 == 1; }

bool is_outermost(std::uint64_t program) noexcept { return (program & level_mask) == level_mask; }

bool belongs_to(std::uint64_t hard_limit, std::uint64_t program) noexcept {
  return is_outermost(program) ? hard_limit >> level_bits == program >> level_bits : hard_limit == program;
}

// The limit as /proc tells it, in a line "Max realtime timeout <soft> <hard> us".
bool read_limits(int proc, int pid, rlimit& limits) noexcept {
  char path[32];
  auto* end = std::to_chars(path, path + 16, pid).ptr;
  std::memcpy(end, "/limits", 8);
  const int file = ::openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char text[4096];
  const ssize_t size = ::read(file, text, sizeof text);
  ::close(file);
  std::string_view rest{text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  constexpr std::string_view title = "Max realtime timeout";
  const auto at = rest.find(title);
  if (at == std::string_view::npos) return false;
  rest.remove_prefix(at + title.size());
  for (rlim_t* value : {&limits.rlim_cur, &limits.rlim_max}) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const auto [next, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), *value);
    // "unlimited" is no mark.
    if (problem != std::errc{}) return false;
    rest.remove_prefix(static_cast<std::size_t>(next - rest.data()));
  }
  return true;
}

// What is looked for, and where.
struct wanted {
  int proc;
  std::uint64_t program;
  std::span<const std::uint64_t> children;

  bool is_marked(int pid) const noexcept {
    rlimit limits{};
    if (::prlimit(pid, RLIMIT_RTTIME, nullptr, &limits) != 0) {
      // It has taken another user on, whose limits we may not see in this way: one that we may kill all the same?
      if (errno != EPERM || ::kill(pid, 0) != 0 || !read_limits(proc, pid, limits)) return false;
    }
    if (children.empty()) return belongs_to(limits.rlim_max, program);
    // Children of an inner program have numbers of their own, and a guard of their own.
    return limits.rlim_max == program && std::find(children.begin(), children.end(), limits.rlim_cur) != children.end();
  }
};

// The pidfd is opened before the look at the mark: should the number be another process's by then, the signal goes to
// the one that is gone, and reaches nobody. True where it was there, and so what it may have started is not known yet.
bool kill_if_marked(int pid, const wanted& which) noexcept {
  if (!which.is_marked(pid)) return false;
  int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  // Without a descriptor to be had it stays, to be found again.
  if (pidfd < 0) return errno != ESRCH;
  pollfd ended{pidfd, POLLIN, 0};
  bool kill = ::poll(&ended, 1, 0) == 0 && which.is_marked(pid);
  if (kill) ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  ::close(pidfd);
  return kill;
}

// The kernel's struct linux_dirent64: these, and the name.
constexpr std::size_t next_offset = 8;
constexpr std::size_t length_offset = 16;
constexpr std::size_t name_offset = 19;
// Few at a time: between the listing of a process and the look at it, it may have handed over to another one, with a
// higher number as a rule. That one is listed later, unless this was the end of the list.
constexpr std::size_t list_bytes = 1'024;
// So the end of the list is read again while there is more, this often at most.
constexpr int max_tails = 256;

}  // namespace

std::uint64_t program_mark_within(std::uint64_t hard_limit, std::uint64_t random) noexcept {
  std::uint64_t own = random & level_mask;
  // All ones mean that there is no inner program.
  if (own == level_mask) own = 0;
  if (hard_limit == RLIM_INFINITY) return program_bit | own << level_bits | level_mask;
  return is_mark(hard_limit) && is_outermost(hard_limit) ? (hard_limit & ~level_mask) | own : 0;
}

std::uint64_t new_program_mark() noexcept {
  if constexpr (!has_wide_limits) return 0;
  rlimit now{};
  std::uint64_t random = 0;
  if (::getrlimit(RLIMIT_RTTIME, &now) != 0 || ::getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
    return 0;
  return program_mark_within(now.rlim_max, random);
}

tracking_mark next_child_mark(std::uint64_t program) noexcept {
  static std::atomic<std::uint32_t> last{0};
  return program == 0 ? tracking_mark{} : tracking_mark{program, child_bit | ++last};
}

void wear_mark(const tracking_mark& mark) noexcept {
  if (mark.program == 0) return;
  rlimit limits{static_cast<rlim_t>(mark.child), static_cast<rlim_t>(mark.program)};
  ::setrlimit(RLIMIT_RTTIME, &limits);
}

void shed_child_mark() noexcept {
  rlimit limits{};
  if (::getrlimit(RLIMIT_RTTIME, &limits) != 0 || !is_mark(limits.rlim_max)) return;
  limits.rlim_cur = limits.rlim_max;
  ::setrlimit(RLIMIT_RTTIME, &limits);
}

std::size_t kill_marked(int proc, std::uint64_t program, std::span<const std::uint64_t> children) noexcept {
  if (program == 0 || ::lseek(proc, 0, SEEK_SET) != 0) return 0;
  const wanted which{proc, program, children};
  std::size_t killed = 0;
  alignas(8) char entries[list_bytes];
  const int self = ::getpid();
  int last = 0;
  std::int64_t here = 0;
  std::int64_t last_at = 0;
  for (int tails = 0; tails < max_tails; ++tails) {
    const int known = last;
    long bytes = 0;
    while ((bytes = ::syscall(SYS_getdents64, proc, entries, sizeof entries)) > 0) {
      std::uint16_t length = 0;
      for (long at = 0; at < bytes; at += length) {
        const char* entry = entries + at;
        std::memcpy(&length, entry + length_offset, sizeof length);
        std::string_view name{entry + name_offset};
        int pid = 0;
        auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (problem == std::errc{} && end == name.data() + name.size() && pid > last) {
          last = pid;
          last_at = here;
          if (pid > 1 && pid != self && kill_if_marked(pid, which)) ++killed;
        }
        std::memcpy(&here, entry + next_offset, sizeof here);
      }
    }
    if (last == known || ::lseek(proc, last_at, SEEK_SET) != last_at) break;
    here = last_at;
  }
  return killed;
}

stray_search::stray_search() : proc_{open_proc()} {}

stray_search::~stray_search() {
  if (proc_ >= 0) ::close(proc_);
}

void stray_search::add(const tracking_mark& ended, clock::time_point now, std::function<void()> on_clean) {
  if (ended.program == 0) {
    if (on_clean) on_clean();
    return;
  }
  if (children_.empty()) due_ = std::max(now + stray_look_delay, not_before_);
  program_ = ended.program;
  children_.push_back(ended.child);
  looks_.push_back({0, 0, std::move(on_clean)});
}

int stray_search::due_in_ms(clock::time_point now) const noexcept {
  if (children_.empty()) return -1;
  return static_cast<int>(std::max<long>(0, std::chrono::ceil<std::chrono::milliseconds>(due_ - now).count()));
}

void stray_search::look(clock::time_point now) {
  if (children_.empty() || now < due_) return;
  const auto begun = clock::now();
  look_now();
  const auto took = clock::now() - begun;
  not_before_ = now + (1 + stray_look_share) * took;
  due_ = std::max(now + took + stray_look_delay, not_before_);
}

void stray_search::finish() {
  for (look_now(); !children_.empty(); look_now()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

void stray_search::look_now() {
  if (children_.empty()) return;
  const bool found = kill_marked(proc_, program_, children_) > 0;
  std::size_t left = 0;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    auto& of = looks_[i];
    of.clean = found ? 0 : of.clean + 1;
    if (++of.all >= max_stray_looks || of.clean >= clean_stray_looks) {
      if (of.on_clean) of.on_clean();
      continue;
    }
    children_[left] = children_[i];
    if (left != i) looks_[left] = std::move(of);
    ++left;
  }
  children_.resize(left);
  looks_.resize(left);
}

}  // namespace steward::process
