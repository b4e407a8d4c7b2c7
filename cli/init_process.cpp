#include "cli/init_process.hpp"

#include "cli/exit_codes.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <initializer_list>

namespace steward::cli {

namespace {

bool orphans_come_here() {
  int subreaper = 0;
  return ::getpid() == 1 || (::prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0) == 0 && subreaper != 0);
}

/// A group of its own, so that what is meant for a whole group comes once: straight from the terminal, or handed on.
void take_own_group() {
  const pid_t before = ::getpgrp();
  if (::setpgid(0, 0) != 0) return;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::tcgetpgrp(fd) == before) {
      ::tcsetpgrp(fd, ::getpgrp());  // SIGTTOU is held back
      return;
    }
}

[[noreturn]] void end_like(int status) {
  if (WIFEXITED(status)) ::_exit(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  if (::getpid() != 1) {
    sigset_t none;
    sigemptyset(&none);
    std::signal(signal, SIG_DFL);
    ::kill(::getpid(), signal);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }
  ::_exit(exit_signal_base + signal);
}

/// Until the program has ended.
[[noreturn]] void serve(pid_t program, const sigset_t& all) {
  for (;;) {
    siginfo_t info{};
    const int signal = ::sigwaitinfo(&all, &info);
    if (signal > 0 && signal != SIGCHLD) ::kill(program, signal);
    int status = 0;
    for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == program) end_like(status);
  }
}

}  // namespace

void leave_orphans_to_a_parent() {
  if (!orphans_come_here()) return;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  struct sigaction child_before {};
  ::sigaction(SIGCHLD, nullptr, &child_before);
  std::signal(SIGCHLD, SIG_DFL);  // ignored, it would have the kernel reap the program unseen
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t program = ::fork();
  if (program > 0) serve(program, all);
  if (program == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(exit_internal);
    take_own_group();
  }
  ::sigaction(SIGCHLD, &child_before, nullptr);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace steward::cli
