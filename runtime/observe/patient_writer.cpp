#include "observe/patient_writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>

namespace steward {
namespace {

// A pipe that is ready takes so much at once.
constexpr std::size_t at_once_bytes = 4096;
// How soon the thread sees that it is to end.
constexpr int look_ms = 50;

bool takes_more(int fd, int timeout_ms) noexcept {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, timeout_ms) > 0;
}

// How much of it left without waiting. Text that can never leave counts as if it had.
std::size_t write_now(int fd, std::string_view text, int timeout_ms) noexcept {
  std::size_t done = 0;
  while (done < text.size() && takes_more(fd, timeout_ms)) {
    const auto count = ::write(fd, text.data() + done, std::min(text.size() - done, at_once_bytes));
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0 && errno != EINTR) return text.size();
    done += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  return done;
}

}  // namespace

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
  const std::lock_guard lock(mutex_);
  if (kept_.empty()) text.remove_prefix(write_now(fd_, text, 0));
  if (!text.empty()) keep(text);
}

void patient_writer::keep(std::string_view text) {
  if (kept_.size() + text.size() > most_kept_bytes) {
    lost_ += text.size();
    return;
  }
  tell_lost();
  kept_ += text;
  if (!thread_.joinable()) {
    // Signals are for the program's own threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
      // The next one that is kept asks for a thread again.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  changed_.notify_all();
}

void patient_writer::tell_lost() {
  if (lost_ == 0) return;
  kept_ += "... " + std::to_string(lost_) + " bytes are missing here: nobody read them in time\n";
  lost_ = 0;
}

void patient_writer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return over_ || !kept_.empty(); });
    if (over_) return;
    // A copy of the first of it, so that others may add to it meanwhile.
    const std::string part = kept_.substr(0, at_once_bytes);
    lock.unlock();
    const auto done = write_now(fd_, part, look_ms);
    lock.lock();
    kept_.erase(0, done);
    written_ += done;
    if (kept_.empty()) tell_lost();
    if (done > 0) changed_.notify_all();
  }
}

void patient_writer::finish(int patience_ms) {
  std::unique_lock lock(mutex_);
  while (thread_.joinable() && !kept_.empty()) {
    const auto before = written_;
    const auto moved = [&] { return kept_.empty() || written_ != before; };
    if (!changed_.wait_for(lock, std::chrono::milliseconds(patience_ms), moved)) return;
  }
}

}  // namespace steward
