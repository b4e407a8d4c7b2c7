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
#include <charconv>
#include <cstring>
#include <string_view>
#include <thread>

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

bool is_marked(int pid, std::uint64_t program, std::span<const std::uint64_t> children) noexcept {
  rlimit limits{};
  if (::prlimit(pid, RLIMIT_RTTIME, nullptr, &limits) != 0) return false;
  if (children.empty()) return belongs_to(limits.rlim_max, program);
  // Children of an inner program have numbers of their own, and a guard of their own.
  return limits.rlim_max == program && std::find(children.begin(), children.end(), limits.rlim_cur) != children.end();
}

// The pidfd is opened before the look at the mark: should the number be another process's by then, the signal goes to
// the one that is gone, and reaches nobody.
bool kill_if_marked(int pid, std::uint64_t program, std::span<const std::uint64_t> children) noexcept {
  if (!is_marked(pid, program, children)) return false;
  int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) return false;
  pollfd ended{pidfd, POLLIN, 0};
  bool kill = ::poll(&ended, 1, 0) == 0 && is_marked(pid, program, children);
  if (kill) ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  ::close(pidfd);
  return kill;
}

// The kernel's struct linux_dirent64: the length and the name are all that is needed.
constexpr std::size_t length_offset = 16;
constexpr std::size_t name_offset = 19;

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

int open_proc() noexcept { return ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

std::size_t kill_marked(int proc, std::uint64_t program, std::span<const std::uint64_t> children) noexcept {
  if (program == 0 || ::lseek(proc, 0, SEEK_SET) != 0) return 0;
  std::size_t killed = 0;
  alignas(8) char entries[16 * 1024];
  long bytes = 0;
  const int self = ::getpid();
  while ((bytes = ::syscall(SYS_getdents64, proc, entries, sizeof entries)) > 0) {
    std::uint16_t length = 0;
    for (long at = 0; at < bytes; at += length) {
      const char* entry = entries + at;
      std::memcpy(&length, entry + length_offset, sizeof length);
      std::string_view name{entry + name_offset};
      int pid = 0;
      auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (problem != std::errc{} || end != name.data() + name.size() || pid <= 1 || pid == self) continue;
      if (kill_if_marked(pid, program, children)) ++killed;
    }
  }
  return killed;
}

stray_search::stray_search() : proc_{open_proc()} {}

stray_search::~stray_search() {
  if (proc_ >= 0) ::close(proc_);
}

void stray_search::add(const tracking_mark& ended, clock::time_point now) {
  if (ended.program == 0) return;
  if (children_.empty()) due_ = std::max(now + stray_look_delay, not_before_);
  program_ = ended.program;
  children_.push_back(ended.child);
  looks_ = 0;
}

int stray_search::due_in_ms(clock::time_point now) const noexcept {
  if (children_.empty()) return -1;
  return static_cast<int>(std::max<long>(0, std::chrono::ceil<std::chrono::milliseconds>(due_ - now).count()));
}

void stray_search::look(clock::time_point now) {
  if (children_.empty() || now < due_) return;
  look_now();
  auto end = clock::now();
  not_before_ = end + stray_look_share * (end - now);
  due_ = std::max(end + stray_look_delay, not_before_);
}

void stray_search::finish() {
  while (look_now() > 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

std::size_t stray_search::look_now() noexcept {
  if (children_.empty()) return 0;
  std::size_t found = kill_marked(proc_, program_, children_);
  if (found > 0 && ++looks_ < max_stray_looks) return found;
  children_.clear();
  return 0;
}

}  // namespace steward::process
