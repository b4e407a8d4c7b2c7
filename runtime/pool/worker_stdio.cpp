#include "pool/worker_stdio.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <utility>

namespace steward::pooling {

namespace {

// What passes stdio by is found by a system call, which is nothing to tasks that run as long as this. A shorter one
// that writes so has its lines told all the same, perhaps as those of the task behind it.
constexpr std::uint64_t worth_a_look_ns = 50'000;

}  // namespace

const void* worker_stdio::of_stdio() noexcept {
  // One that is a file's own has been taken from stdio, and is flushed each time.
  static const void* const found =
      dynamic_cast<std::filebuf*>(std::cout.rdbuf()) == nullptr ? std::cout.rdbuf() : nullptr;
  return found;
}

worker_stdio::worker_stdio() : of_stdio_(of_stdio()) { ::setvbuf(stdout, buffer_.data(), _IOLBF, buffer_.size()); }

void worker_stdio::mark(const task_place& by) noexcept {
  // Under the lock, for a task may have left threads that print.
  ::flockfile(stdout);
  std::fflush(stdout);
  buffer_[0] = 0;
  ::funlockfile(stdout);
  marked_ = true;
  char text[output_mark_bytes];
  std::memcpy(text, output_mark.data(), output_mark.size());
  std::memcpy(text + output_mark.size(), &by, sizeof by);
  // In one piece, whoever else writes: it is far below PIPE_BUF.
  while (::write(STDOUT_FILENO, text, sizeof text) < 0 && errno == EINTR) {
  }
}

bool worker_stdio::settle(const task_place& by, std::uint64_t ran_ns) noexcept {
  if (std::cout.rdbuf() != of_stdio_) std::cout.rdbuf()->pubsync();
  int unread = 0;
  const bool passed_by =
      buffer_[0] == 0 && ran_ns >= worth_a_look_ns && ::ioctl(STDOUT_FILENO, FIONREAD, &unread) == 0 && unread > 0;
  if (buffer_[0] != 0 || passed_by) mark(by);
  return std::exchange(marked_, false);
}

}  // namespace steward::pooling
