#include "observe/patient_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <new>
#include <system_error>
#include <utility>

namespace steward {
namespace {

// A pipe that is ready takes so much at once.
constexpr std::size_t at_once_bytes = 4096;
// Back to the first column, and the rest of the line away.
constexpr std::string_view erase_line = "\r\x1b[K";
// How soon the thread sees that it is to end.
constexpr int look_ms = 50;

// A write to a pipe whose reader is gone raises SIGPIPE in the writing thread, one past the limit on the size of files
// SIGXFSZ. While an object of this type lives the two are held back, and what our own write raised is taken away; what
// was pending before stays.
class write_signals_guard {
public:
  write_signals_guard() noexcept {
    sigset_t pending;
    sigpending(&pending);
    sigset_t held;
    sigemptyset(&held);
    sigemptyset(&ours_);
    for (const int one : {SIGPIPE, SIGXFSZ}) {
      sigaddset(&held, one);
      if (sigismember(&pending, one) == 0) sigaddset(&ours_, one);
    }
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~write_signals_guard() {
    const timespec no_wait{};
    while (sigtimedwait(&ours_, nullptr, &no_wait) > 0 || errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  write_signals_guard(const write_signals_guard&) = delete;
  write_signals_guard& operator=(const write_signals_guard&) = delete;

private:
  sigset_t ours_{};
  sigset_t before_{};
};

bool takes_more(int fd, int timeout_ms) noexcept {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, timeout_ms) > 0;
}

bool is_of_kind(int fd, mode_t kind) noexcept {
  struct stat what {};
  return ::fstat(fd, &what) == 0 && (what.st_mode & S_IFMT) == kind;
}

// Several programs may write to one pipe or terminal, so that one which was ready blocks after all; and its description
// is theirs, too, so it is not ours to change. What is opened anew is ours.
int open_anew(int fd) noexcept {
  if (!is_of_kind(fd, S_IFIFO) && ::isatty(fd) != 1) return -1;
  if ((::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return -1;
  try {
    const auto path = "/proc/self/fd/" + std::to_string(fd);
    return ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

auto count_lines(std::string_view text) { return static_cast<std::uint64_t>(std::ranges::count(text, '\n')); }

}  // namespace

patient_writer::patient_writer(int fd, limits within)
    : own_fd_(open_anew(fd)),
      fd_(own_fd_ >= 0 ? own_fd_ : fd),
      within_(within),
      never_waits_(is_of_kind(fd, S_IFREG)),
      is_socket_(is_of_kind(fd, S_IFSOCK)) {}

patient_writer::~patient_writer() {
  finish();
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (own_fd_ >= 0) ::close(own_fd_);
}

void patient_writer::write(std::string_view text, limits within) {
  std::unique_lock lock(mutex_);
  if (problem_ == 0 && !has_room(lock, text.size(), within)) return;
  if (problem_ != 0) return fail(problem_, text);
  if (!status_stands_ && status_.empty()) return send(text);
  std::string framed{status_stands_ ? erase_line : std::string_view{}};
  framed += text;
  framed += status_;
  status_stands_ = !status_.empty();
  send(framed);
}

void patient_writer::show_status(std::string line) {
  const std::lock_guard lock(mutex_);
  status_ = std::move(line);
  // Where the reader is behind, the next text brings the new line along; only its end may not wait for one.
  if (problem_ != 0 || (kept() > 0 && !status_.empty())) return;
  if (!std::exchange(status_stands_, !status_.empty())) return send(status_);
  send(std::string{erase_line} + status_);
}

// How much of it left without waiting longer than so.
std::size_t patient_writer::write_now(std::string_view text, int timeout_ms, int& problem) const noexcept {
  std::size_t done = 0;
  while (done < text.size() && (never_waits_ || takes_more(fd_, timeout_ms))) {
    const auto part = text.substr(done, never_waits_ ? text.size() : at_once_bytes);
    const auto count = is_socket_ ? ::send(fd_, part.data(), part.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                  : ::write(fd_, part.data(), part.size());
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

/// False when the text is lost. A text that is larger than the limit is taken when nothing else waits.
bool patient_writer::has_room(locked& lock, std::size_t bytes, limits within) {
  const auto fits = [&] { return problem_ != 0 || kept() == 0 || kept() + bytes <= within.most_kept_bytes; };
  if (fits()) return true;
  if (within.when_full == excess::lost) {
    lost_ += bytes;
    return false;
  }
  if (!wait_for_reader(lock, without_end, fits)) fail(ETIMEDOUT, {});
  return true;
}

/// Never waits: what does not leave at once is kept.
void patient_writer::send(std::string_view text) {
  int problem = 0;
  if (kept() == 0) {
    const write_signals_guard no_signals;
    text.remove_prefix(write_now(text, 0, problem));
  }
  if (problem != 0) return fail(problem, text);
  if (text.empty()) return;
  tell_lost();
  kept_ += text;
  start_thread();
  changed_.notify_all();
}

/// False where no thread is to be had: the next text asks for one again, and who waits for the reader does its work.
bool patient_writer::start_thread() {
  if (thread_.joinable()) return true;
  // Signals are for the program's own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
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
    changed_.wait(lock, [this] { return over_ || (kept() > 0 && !pumping_); });
    if (over_) return;
    pump(lock);
  }
}

/// Writes the first of what is kept. The lock is open meanwhile, so that others may add to it.
void patient_writer::pump(locked& lock) {
  const std::string part = kept_.substr(front_, at_once_bytes);
  pumping_ = true;
  lock.unlock();
  int problem = 0;
  std::size_t done = 0;
  {
    const write_signals_guard no_signals;
    done = write_now(part, look_ms, problem);
  }
  lock.lock();
  pumping_ = false;
  changed_.notify_all();
  if (problem_ != 0) return;  // nothing is kept any more
  front_ += done;
  if (done > 0) moved_at_ = clock::now();
  // What has left is cut off rarely: the rest is moved each time.
  if (front_ == kept_.size() || front_ > kept_.size() / 2) kept_.erase(0, std::exchange(front_, 0));
  if (problem != 0) return fail(problem, {});
  if (kept() == 0) tell_lost();
}

/// False when the reader has taken nothing for too long.
template <class Condition>
bool patient_writer::wait_for_reader(locked& lock, int patience_ms, Condition met) {
  const auto begun = clock::now();
  const auto after = [this](clock::time_point since, int ms) {
    return ms == without_end ? clock::time_point::max() : std::max(since, moved_at_) + std::chrono::milliseconds(ms);
  };
  while (!met()) {
    const auto until = std::min(after(begun, patience_ms), after(hurried_at_, hurry_ms_));
    out_of_patience_ = out_of_patience_ || clock::now() >= until;
    if (out_of_patience_) return false;
    if (!pumping_ && !start_thread())
      pump(lock);
    else if (until == clock::time_point::max())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, until);
  }
  return true;
}

void patient_writer::finish(int patience_ms) {
  std::unique_lock lock(mutex_);
  const bool emptied = wait_for_reader(lock, patience_ms, [this] { return kept() == 0; });
  if (!emptied && hurry_ms_ != without_end) fail(ETIMEDOUT, {});
}

void patient_writer::hurry(int patience_ms) {
  const std::lock_guard lock(mutex_);
  hurry_ms_ = patience_ms;
  hurried_at_ = clock::now();
  changed_.notify_all();
}

int patient_writer::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::uint64_t patient_writer::lines_lost() const {
  const std::lock_guard lock(mutex_);
  return lines_lost_;
}

std::string describe_write_problem(int problem) {
  return problem == ETIMEDOUT ? "its reader takes nothing any more" : std::generic_category().message(problem);
}

}  // namespace steward
