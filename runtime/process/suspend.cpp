#include "process/suspend.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "process/guard.hpp"

namespace steward::process {
namespace {

pid_t program = 0;

void stop_here(int signal) noexcept {
  struct sigaction by_default {};
  struct sigaction ours {};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(signal, &by_default, &ours);
  sigset_t one;
  sigset_t before;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::raise(signal);
  // Here the program stops, with all its threads, until it is continued; at once where no shell could continue it.
  ::pthread_sigmask(SIG_UNBLOCK, &one, &before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::sigaction(signal, &ours, nullptr);
}

void on_suspend(int signal) {
  const int before = errno;
  // What a task has forked is a process like any other.
  const bool has_children = ::getpid() == program;
  if (has_children) signal_all_groups(SIGSTOP);
  stop_here(signal);
  if (has_children) signal_all_groups(SIGCONT);
  errno = before;
}

}  // namespace

void suspend_children_with_program() noexcept {
  struct sigaction now {};
  if (::sigaction(SIGTSTP, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
  program = ::getpid();
  now.sa_handler = on_suspend;
  now.sa_flags = SA_RESTART;
  ::sigaction(SIGTSTP, &now, nullptr);
}

}  // namespace steward::process
