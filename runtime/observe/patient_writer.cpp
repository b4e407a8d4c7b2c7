#include "observe/patient_writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <system_error>
#include <utility>

namespace steward {
namespace {

// A pipe that is ready takes so much at once.
constexpr std::size_t at_once_bytes = 4096;
// How soon the thread sees that it is to end.
constexpr int look_ms = 50;

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

bool takes_more(int fd, int timeout_ms) noexcept {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, timeout_ms) > 0;
}

bool is_regular(int fd) noexcept {
  struct stat what {};
  return ::fstat(fd, &what) == 0 && S_ISREG(what.st_mode);
}

auto count_lines(std::string_view text) { return static_cast<std::uint64_t>(std::ranges::count(text, '\n')); }

}  // namespace

patient_writer::patient_writer(int fd, limits within) : fd_(fd), within_(within), never_waits_(is_regular(fd)) {}

patient_writer::~patient_writer() {
  finish();
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void patient_writer::write(std::string_view text) {
  std::unique_lock lock(mutex_);
  int problem = problem_;
  if (problem == 0 && kept() == 0) {
    const sigpipe_guard no_sigpipe;
    text.remove_prefix(write_now(text, 0, problem));
  }
  if (problem != 0) return fail(problem, text);
  if (!text.empty()) keep(lock, text);
}

// How much of it left without waiting longer than so.
std::size_t patient_writer::write_now(std::string_view text, int timeout_ms, int& problem) const noexcept {
  std::size_t done = 0;
  while (done < text.size() && (never_waits_ || takes_more(fd_, timeout_ms))) {
    const auto left = text.size() - done;
    const auto count = ::write(fd_, text.data() + done, never_waits_ ? left : std::min(left, at_once_bytes));
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      problem = count == 0 ? EIO : errno;
      break;
    } else if (errno == EAGAIN) {
      break;
    }
  }
  return done;
}

void patient_writer::keep(std::unique_lock<std::mutex>& lock, std::string_view text) {
  if (kept() + text.size() > within_.most_kept_bytes) {
    if (within_.when_full == excess::lost) {
      lost_ += text.size();
      return;
    }
    // A text that is larger than the limit is taken up when nothing else waits.
    changed_.wait(lock,
                  [&] { return problem_ != 0 || kept() == 0 || kept() + text.size() <= within_.most_kept_bytes; });
    if (problem_ != 0) return fail(problem_, text);
  }
  tell_lost();
  kept_ += text;
  if (!thread_.joinable() && !start_thread() && within_.when_full == excess::waited_for) {
    // No thread is to be had: then this one waits.
    int problem = 0;
    const sigpipe_guard no_sigpipe;
    while (problem == 0 && kept() > 0) front_ += write_now(std::string_view(kept_).substr(front_), look_ms, problem);
    if (problem != 0) return fail(problem, {});
  }
  changed_.notify_all();
}

bool patient_writer::start_thread() {
  // Signals are for the program's own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    // The next text that is kept asks for a thread again.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread_.joinable();
}

void patient_writer::tell_lost() {
  if (lost_ == 0) return;
  kept_ += "... " + std::to_string(lost_) + " bytes are missing here: nobody read them in time\n";
  lost_ = 0;
}

void patient_writer::fail(int error_number, std::string_view rest) {
  problem_ = error_number;
  lines_lost_ += count_lines(std::string_view(kept_).substr(front_)) + count_lines(rest);
  kept_.clear();
  front_ = 0;
  changed_.notify_all();
}

void patient_writer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return over_ || kept() > 0; });
    if (over_) return;
    // A copy of the first of it, so that others may add to it meanwhile.
    const std::string part = kept_.substr(front_, at_once_bytes);
    lock.unlock();
    int problem = 0;
    const auto done = write_now(part, look_ms, problem);
    lock.lock();
    front_ += done;
    written_ += done;
    // What has left is cut off rarely: the rest is moved each time.
    if (front_ == kept_.size() || front_ > kept_.size() / 2) kept_.erase(0, std::exchange(front_, 0));
    if (problem != 0) {
      fail(problem, {});
      continue;
    }
    if (kept() == 0) tell_lost();
    if (done > 0) changed_.notify_all();
  }
}

void patient_writer::finish(int patience_ms) {
  std::unique_lock lock(mutex_);
  while (thread_.joinable() && kept() > 0 && !out_of_patience_) {
    const auto before = written_;
    const auto moved = [&] { return kept() == 0 || written_ != before; };
    if (patience_ms == without_end)
      changed_.wait(lock, moved);
    else
      out_of_patience_ = !changed_.wait_for(lock, std::chrono::milliseconds(patience_ms), moved);
  }
}

int patient_writer::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::uint64_t patient_writer::lines_lost() const {
  const std::lock_guard lock(mutex_);
  return lines_lost_;
}

}  // namespace steward
