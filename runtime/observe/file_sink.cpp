#include "observe/file_sink.hpp"

#include "observe/json_line.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>
#include <utility>

namespace steward {
namespace {

// A write to a pipe whose reader is gone raises SIGPIPE in the writing thread. While an object of this type lives the
// signal is held back, and one that our own write raised is taken away; a signal that was pending before stays.
class sigpipe_guard {
public:
  sigpipe_guard() noexcept {
    sigemptyset(&pipe_only_);
    sigaddset(&pipe_only_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only_, &before_);
  }
  ~sigpipe_guard() {
    if (!was_pending_) {
      const timespec no_wait{};
      while (sigtimedwait(&pipe_only_, nullptr, &no_wait) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  sigpipe_guard(const sigpipe_guard&) = delete;
  sigpipe_guard& operator=(const sigpipe_guard&) = delete;

private:
  sigset_t pipe_only_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

int open_for_events(const std::string& path) noexcept {
  constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY;
  // Opening a FIFO without a reader would wait for one; with O_NONBLOCK it fails at once.
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_NONBLOCK, 0644);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) {
    ::fcntl(fd, F_SETFL, O_APPEND);
  }
  return fd;
}

}  // namespace

file_sink::file_sink(std::string path) : path_{std::move(path)}, fd_{open_for_events(path_)} {
  if (fd_ < 0) {
    fail(errno);
  }
}

file_sink::~file_sink() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

void file_sink::write(const event& e) {
  const std::lock_guard guard{mutex_};
  if (!failed_) {
    write_all(to_json_line(e) + '\n');
  }
  if (failed_) {
    ++lost_;
  }
}

bool file_sink::ok() const {
  const std::lock_guard guard{mutex_};
  return !failed_;
}

std::optional<std::string> file_sink::take_error() {
  const std::lock_guard guard{mutex_};
  return std::exchange(error_, std::nullopt);
}

std::uint64_t file_sink::lost() const {
  const std::lock_guard guard{mutex_};
  return lost_;
}

void file_sink::write_all(std::string_view line) {
  const sigpipe_guard no_sigpipe;
  while (!line.empty()) {
    const auto n = ::write(fd_, line.data(), line.size());
    if (n > 0) {
      line.remove_prefix(static_cast<std::size_t>(n));
    } else if (n == 0 || errno != EINTR) {
      fail(n == 0 ? EIO : errno);
      return;
    }
  }
}

void file_sink::fail(int error_number) {
  failed_ = true;
  error_ = fmt::format("events file {}: {}", path_, std::generic_category().message(error_number));
}

}  // namespace steward
