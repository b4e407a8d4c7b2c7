#include "process/copied.hpp"

#include <pthread.h>
#include <unistd.h>

namespace steward::process {

namespace {

constexpr int exit_of_a_copy = 76;
bool copied = false;  // written where there is one thread only, right after the fork

}  // namespace

void know_copies() noexcept {
  [[maybe_unused]] static const int once = ::pthread_atfork(nullptr, nullptr, [] { copied = true; });
}

bool is_copy() noexcept { return copied; }

void leave_if_copy() noexcept {
  if (copied) ::_exit(exit_of_a_copy);
}

}  // namespace steward::process
