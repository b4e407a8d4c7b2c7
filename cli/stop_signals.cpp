#include "cli/stop_signals.hpp"

#include "cli/exit_codes.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <utility>

namespace steward::cli {

namespace {

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction inherited {};
    ::sigaction(s, nullptr, &inherited);
    if (inherited.sa_handler != SIG_IGN) sigaddset(&set, s);
  }
  return set;
}

}  // namespace

stop_signals::stop_signals(std::function<void(int)> on_stop, std::function<void()> on_reload)
    : on_stop_(std::move(on_stop)), on_reload_(std::move(on_reload)) {
  set_ = stop_set();
  ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  signal_fd_ = ::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
  end_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signal_fd_ < 0 || end_fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot wait for signals");
  thread_ = std::thread([this] { wait_for_signals(); });
}

stop_signals::~stop_signals() {
  const std::uint64_t one = 1;
  while (::write(end_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  ::close(signal_fd_);
  ::close(end_fd_);
  ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
}

void stop_signals::wait_for_signals() {
  bool told = false;
  for (;;) {
    pollfd fds[] = {{signal_fd_, POLLIN, 0}, {end_fd_, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;  // EINTR
    if ((fds[1].revents & POLLIN) != 0) return;
    signalfd_siginfo info{};
    if (::read(signal_fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGHUP && on_reload_ && !told && info.ssi_code != SI_KERNEL) {
      on_reload_();
      continue;
    }
    if (told) ::_exit(exit_signal_base + signal);
    told = true;
    on_stop_(signal);
  }
}

}  // namespace steward::cli
