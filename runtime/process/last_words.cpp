#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iterator>
#include <new>
#include <string>
#include <type_traits>

#include "base/thrown_frames.hpp"
#include "process/flight_page.hpp"
#include "process/frame_names.hpp"

namespace steward::process {
namespace {

constexpr std::size_t max_frames = std::extent_v<decltype(flight_page::frames)>;
constexpr std::array fatal_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU};
// What else ends a program that does not handle it. A worker need not tell of these, for the kernel does.
constexpr std::array ending_signals{SIGQUIT,   SIGTRAP, SIGUSR1, SIGUSR2, SIGALRM,
                                    SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSTKFLT};
// Unwinding needs little, but a sanitizer's runtime may run on this stack, too.
constexpr std::size_t signal_stack_bytes = std::size_t{128} * 1024;
// A fault this close to the stack pointer is a stack that ran out: below it by what one call pushes or probes, above it
// by a large local array whose far end is touched first. On the main thread, whose limits are known, the array may have
// any size.
constexpr std::uint64_t overflow_below_bytes = 64 * 1024;
constexpr std::uint64_t overflow_above_bytes = 1024 * 1024;
constexpr std::uint64_t max_main_stack_bytes = std::uint64_t{4} * 1024 * 1024 * 1024;

// What the handlers need; written once by install_last_words, before the first signal.
flight_page* words_page = nullptr;
int words_channel = -1;
// Of whom they are. What it forks has the handlers, and neither words nor a channel of its own.
pid_t words_pid = 0;
std::terminate_handler terminate_before = nullptr;
void (*words_told)() noexcept = nullptr;
// Where the main thread's stack ends at the latest, and a place near its beginning; 0 when unknown.
std::uint64_t stack_limit = 0;
std::uint64_t stack_begin = 0;
std::atomic<bool> speaking{false};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

struct registers {
  std::uint64_t pc = 0;
  std::uint64_t sp = 0;
};

registers registers_of(const void* context) noexcept {
  registers at;
  [[maybe_unused]] const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  at.pc = static_cast<std::uint64_t>(machine.gregs[REG_RIP]);
  at.sp = static_cast<std::uint64_t>(machine.gregs[REG_RSP]);
#elif defined(__aarch64__)
  at.pc = machine.pc;
  at.sp = machine.sp;
#endif
  return at;
}

bool is_memory_fault(int signal) noexcept { return signal == SIGSEGV || signal == SIGBUS; }

bool is_stack_overflow(std::uint64_t address, std::uint64_t sp) noexcept {
  if (sp == 0 || address + overflow_below_bytes < sp) return false;
  if (address <= sp + overflow_above_bytes) return true;
  bool on_main_stack = stack_limit != 0 && sp < stack_begin && stack_begin - sp < max_main_stack_bytes;
  return on_main_stack && address <= stack_limit + overflow_above_bytes;
}

// Raw return addresses, innermost first, without those of the handler itself. They get names in the parent.
void write_frames(flight_page& page, std::uint64_t pc) noexcept {
  void* raw[max_frames + 8];
  int got = ::backtrace(raw, static_cast<int>(std::size(raw)));
  auto count = static_cast<std::size_t>(std::max(got, 0));
  std::size_t first = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (reinterpret_cast<std::uint64_t>(raw[i]) == pc) first = i;
  }
  count = std::min(count - first, max_frames);
  for (std::size_t i = 0; i < count; ++i) page.frames[i] = reinterpret_cast<std::uint64_t>(raw[first + i]);
  page.frame_count = static_cast<std::uint32_t>(count);
}

// Everything here is async-signal-safe; backtrace is once its library was loaded, which install_last_words sees to.
void on_fatal_signal(int signal, siginfo_t* info, void* context) {
  if (::getpid() == words_pid && !speaking.exchange(true)) {
    flight_page& page = *words_page;
    registers at = registers_of(context);
    page.signal = signal;
    page.code = info->si_code;
    page.anchor = program_anchor();
    // A code above zero means that the kernel saw a fault; else somebody sent the signal, and there is no address.
    if (info->si_code > 0 && (is_memory_fault(signal) || signal == SIGFPE || signal == SIGILL)) {
      page.address = reinterpret_cast<std::uint64_t>(info->si_addr);
      page.has_address = 1;
      page.stack_overflow = is_memory_fault(signal) && is_stack_overflow(page.address, at.sp);
    }
    const bool was_sent = info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL;
    if (was_sent && info->si_pid != words_pid) {
      page.sender_pid = info->si_pid;
      page.sender_uid = info->si_uid;
    }
    page.said.store(said_signal, std::memory_order_release);
    // The stack may be broken, and reading it a second fault, which ends the process at once: so it comes last.
    write_frames(page, at.pc);
    page.said.store(said_frames, std::memory_order_release);
    if (words_channel >= 0) ::shutdown(words_channel, SHUT_RDWR);
    if (words_told != nullptr) words_told();
  } else if (::getpid() == words_pid && words_told != nullptr) {
    timespec long_enough{10, 0};
    ::nanosleep(&long_enough, nullptr);
  }
  // Its default action is fatal when the handler returns.
  ::signal(signal, SIG_DFL);
  ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), signal);
}

template <std::size_t N>
void write_text(char (&to)[N], const std::string& text) noexcept {
  std::size_t count = std::min(text.size(), N - 1);
  std::memcpy(to, text.data(), count);
  to[count] = '\0';
}

[[noreturn]] void on_terminate() {
  if (::getpid() != words_pid) {
    if (terminate_before != nullptr) terminate_before();
    std::abort();
  }
  if (auto problem = std::current_exception()) {
    const auto why = steward::cause_without_frames(problem);
    write_text(words_page->exception, why.exception);
    write_text(words_page->message, why.message);
  } else {
    write_text(words_page->message, "std::terminate without an exception");
  }
  std::abort();
}

// An alternate stack, below it a page that faults.
class signal_stack {
public:
  signal_stack() noexcept : guard_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    memory_ = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) return;
    ::mprotect(memory_, guard_, PROT_NONE);
    stack_t stack{};
    stack.ss_sp = static_cast<char*>(memory_) + guard_;
    stack.ss_size = signal_stack_bytes;
    ::sigaltstack(&stack, nullptr);
  }
  ~signal_stack() {
    if (memory_ == MAP_FAILED) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    ::munmap(memory_, bytes());
  }
  signal_stack(const signal_stack&) = delete;
  signal_stack& operator=(const signal_stack&) = delete;

private:
  std::size_t bytes() const noexcept { return guard_ + signal_stack_bytes; }

  std::size_t guard_;
  void* memory_ = MAP_FAILED;
};

// What is done with a thread's own at its end.
class thread_end {
public:
  explicit thread_end(void (*f)(void*)) noexcept : known_(::pthread_key_create(&key_, f) == 0) {}
  bool keep(void* mine) const noexcept { return known_ && ::pthread_setspecific(key_, mine) == 0; }

private:
  pthread_key_t key_{};
  bool known_;
};

void find_main_stack() noexcept {
  rlimit limit{};
  // The program's name lies above the first frame.
  auto begin = reinterpret_cast<std::uint64_t>(program_invocation_name);
  auto here = reinterpret_cast<std::uint64_t>(&limit);
  if (::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= begin || begin < here) return;
  if (::getpid() != ::syscall(SYS_gettid)) return;
  stack_begin = begin;
  stack_limit = begin - limit.rlim_cur;
}

void prepare_words(flight_page& page, int channel_fd, void (*told)() noexcept) noexcept {
  words_page = &page;
  words_channel = channel_fd;
  words_told = told;
  words_pid = ::getpid();
  speaking = false;
  load_unwinder();
  own_signal_stack();
  find_main_stack();
}

void take_signal(int signal) noexcept {
  struct sigaction action {};
  action.sa_sigaction = on_fatal_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigfillset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void load_unwinder() noexcept {
  static const int frames = [] {
    void* ignored[2];
    return ::backtrace(ignored, 2);
  }();
  static_cast<void>(frames);
}

void leave_note(flight_page& page, const std::string& text) noexcept {
  if (speaking.exchange(true)) return;
  write_text(page.message, text);
  page.said.store(said_signal, std::memory_order_release);
}

void say_and_abort() { on_terminate(); }

void own_signal_stack() noexcept {
  stack_t now{};
  // A sanitizer gives every thread one of its own.
  if (::sigaltstack(nullptr, &now) == 0 && (now.ss_flags & SS_DISABLE) == 0) return;
  // A thread_local with a destructor would end the program where there is no memory to note that.
  static const thread_end stacks{[](void* mine) { delete static_cast<signal_stack*>(mine); }};
  auto* mine = new (std::nothrow) signal_stack;
  if (!stacks.keep(mine)) delete mine;
}

void install_last_words(flight_page& page, int channel_fd) {
  prepare_words(page, channel_fd, nullptr);
  terminate_before = std::set_terminate(on_terminate);
  for (int signal : fatal_signals) take_signal(signal);
}

void install_own_last_words(flight_page& page, void (*told)() noexcept) {
  prepare_words(page, -1, told);
  terminate_before = nullptr;
  const auto take = [](int signal) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) take_signal(signal);
  };
  for (const int signal : fatal_signals) take(signal);
  for (const int signal : ending_signals) take(signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) take(signal);
}

}  // namespace steward::process
