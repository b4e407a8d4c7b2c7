#include "process/signal_mask.hpp"

#include <signal.h>

namespace steward::process {

sigset_t held_back_here() noexcept {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return mask;
}

void hold_back_only(sigset_t mask) noexcept {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction now {};
    if (::sigismember(&mask, number) != 1 || ::sigaction(number, nullptr, &now) != 0) continue;
    if (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN) ::sigdelset(&mask, number);
  }
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace steward::process
