#include "cli/stop_signals.hpp"

#include "cli/exit_codes.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <utility>

namespace steward::cli {

namespace {

constexpr std::array watched{SIGINT, SIGTERM, SIGHUP};

// What the handler needs. It runs on any thread that lets signals through: the one that waits for them, and those of
// actors and tasks.
int wake_fd = -1;
pid_t own_pid = 0;
std::atomic<int> stopped_by{0};
std::atomic<bool> takes_reloads{false};
std::atomic<bool> reload_asked{false};
std::atomic<bool> over{false};

void wake() noexcept {
  const int before = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd, &one, sizeof one);  // a full counter wakes as well
  errno = before;
}

void on_signal(int signal, siginfo_t* info, void*) {
  if (::getpid() != own_pid) {  // what a task has forked is a process like any other
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  if (signal == SIGHUP && takes_reloads && stopped_by == 0 && info->si_code != SI_KERNEL)
    reload_asked = true;
  else if (int none = 0; !stopped_by.compare_exchange_strong(none, signal))
    ::_exit(exit_signal_base + signal);
  wake();
}

}  // namespace

stop_signals::stop_signals() {
  sigemptyset(&set_);
  own_pid = ::getpid();
  stopped_by = 0;
  takes_reloads = false;
  reload_asked = false;
  over = false;
  struct sigaction ours {};
  ours.sa_sigaction = on_signal;
  ours.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&ours.sa_mask);
  for (const int one : watched) {
    struct sigaction inherited {};
    ::sigaction(one, nullptr, &inherited);
    if (inherited.sa_handler != SIG_IGN) sigaddset(&set_, one);
  }
  ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  for (const int one : watched)
    if (sigismember(&set_, one) == 1) ::sigaction(one, &ours, nullptr);
}

stop_signals::~stop_signals() {
  if (thread_.joinable()) {
    over = true;
    wake();
    thread_.join();
  }
  if (wake_fd >= 0) ::close(std::exchange(wake_fd, -1));
  for (const int one : watched)
    if (sigismember(&set_, one) == 1) std::signal(one, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
}

void stop_signals::listen(std::function<void(int)> on_stop, std::function<void()> on_reload) {
  on_stop_ = std::move(on_stop);
  on_reload_ = std::move(on_reload);
  takes_reloads = static_cast<bool>(on_reload_);
  wake_fd = ::eventfd(0, EFD_CLOEXEC);
  if (wake_fd < 0) throw std::system_error(errno, std::generic_category(), "cannot wait for signals");
  thread_ = std::thread([this] { wait_for_signals(); });
}

void stop_signals::wait_for_signals() {
  ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
  bool told = false;
  while (!over) {
    std::uint64_t count = 0;
    if (::read(wake_fd, &count, sizeof count) < 0) continue;  // EINTR
    if (const int signal = stopped_by; signal != 0 && !std::exchange(told, true)) on_stop_(signal);
    if (reload_asked.exchange(false) && !told) on_reload_();
  }
}

}  // namespace steward::cli
