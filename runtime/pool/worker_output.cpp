#include "pool/worker_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace steward::pooling {

namespace {

constexpr std::size_t kept_error_lines = 10;
// Of what a worker wrote to its standard error so much is kept for its cause of death.
constexpr std::size_t kept_errors_bytes = 4096;
// What a pipe takes: at most so much is read before others have their turn.
constexpr int pipe_bytes = 16 * 1024;
// A task may have made its pipe larger. A mark that is cut by this limit is told as text.
constexpr std::size_t most_read_bytes = std::size_t{1} << 20;
// What a ready pipe takes without blocking.
constexpr std::size_t write_bytes = 4096;
// The worker is at work while we look: so often it may have gone on to its next task before we take what is newest.
constexpr int place_tries = 3;
// When a worker is dead, others that hold its pipe may write for ever.
constexpr int last_reads = 64;

bool takes_more(int fd) {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, 0) > 0;
}

void close_fd(int fd) {
  if (fd >= 0) ::close(fd);
}

bool make_pipe(int& reading, int& writing) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  reading = ends[0];
  writing = ends[1];
  ::fcntl(reading, F_SETFL, O_NONBLOCK);
  ::fcntl(reading, F_SETPIPE_SZ, pipe_bytes);
  return true;
}

}  // namespace

void line_cutter::add(std::string_view text, const teller& tell) {
  while (!text.empty()) {
    if (begun_.size() == max_line_bytes && text.front() != '\n') end(tell);
    const auto part = text.substr(0, std::min(text.find('\n'), max_line_bytes - begun_.size()));
    begun_ += part;
    text.remove_prefix(part.size());
    if (text.empty() || text.front() != '\n') continue;
    text.remove_prefix(1);
    tell(begun_);
    begun_.clear();
  }
}

void line_cutter::end(const teller& tell) {
  if (begun_.empty()) return;
  tell(begun_);
  begun_.clear();
}

worker_output::~worker_output() {
  close_fd(out_.fd);
  close_fd(err_.fd);
}

void worker_output::swap(worker_output& other) noexcept {
  std::swap(out_, other.out_);
  std::swap(err_, other.err_);
  std::swap(epoll_fd_, other.epoll_fd_);
  std::swap(name_, other.name_);
  std::swap(buffer_, other.buffer_);
  std::swap(held_, other.held_);
  std::swap(tail_, other.tail_);
}

bool worker_output::open(int& out, int& err) { return make_pipe(out_.fd, out) && make_pipe(err_.fd, err); }

bool worker_output::open_errors(int& err) { return make_pipe(err_.fd, err); }

void worker_output::watch(int epoll_fd, std::uint64_t out_key, std::uint64_t err_key, std::string name) {
  epoll_fd_ = epoll_fd;
  name_ = std::move(name);
  out_.ours = STDOUT_FILENO;
  err_.ours = STDERR_FILENO;
  out_.key = out_key;
  err_.key = err_key;
  for (auto* s : {&out_, &err_}) listen(*s);
}

void worker_output::listen(source& s) const {
  s.waits = false;
  if (s.fd < 0) return;
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.u64 = s.key;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, s.fd, &e);
}

void worker_output::stop_listening(source& s) const {
  if (!std::exchange(s.waits, true)) ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, s.fd, nullptr);
}

void worker_output::try_again() {
  for (auto* s : {&out_, &err_}) {
    if (s->fd < 0) {
      s->waits = false;
    } else if (s->waits && takes_more(s->ours)) {
      listen(*s);
    }
  }
}

/// Empty at the end, which is remembered, and when there is nothing.
std::string_view worker_output::read(source& s, std::size_t most) {
  buffer_.resize(std::max<std::size_t>(most, 1));
  ssize_t got = 0;
  do {
    got = ::read(s.fd, buffer_.data(), buffer_.size());
  } while (got < 0 && errno == EINTR);
  if (got == 0) {
    s.waits = false;
    close_fd(std::exchange(s.fd, -1));
  }
  return std::string_view(buffer_).substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

void worker_output::read_output(const place_source& in_hand, const teller& tell) {
  if (out_.fd < 0 || out_.waits) return;
  if (!takes_more(out_.ours)) return stop_listening(out_);
  take_output(in_hand, tell);
}

void worker_output::read_all_output(const place_source& in_hand, const teller& tell) {
  // One look finds all that was written before it.
  if (out_.fd >= 0) take_output(in_hand, tell);
}

/// False when there was nothing.
bool worker_output::take_output(const place_source& in_hand, const teller& tell) {
  // What has a mark behind it is of whom that names. The rest is of the task in hand, if that is the same one before
  // and after the look at what there is: an earlier one has left its mark.
  task_place newest;
  int unread = 0;
  for (int i = 0; i < place_tries; ++i) {
    newest = in_hand();
    ::ioctl(out_.fd, FIONREAD, &unread);
    if (in_hand() == newest) break;
  }
  auto text = read(out_, std::min(static_cast<std::size_t>(unread), most_read_bytes));
  if (text.empty()) return false;
  auto by = newest;
  const line_cutter::teller one = [&](std::string_view line) { tell(by, line); };
  for (;;) {
    const auto at = text.find(output_mark);
    if (at == std::string_view::npos || text.size() - at < output_mark_bytes) break;
    std::memcpy(&by, text.data() + at + output_mark.size(), sizeof by);
    out_.lines.add(text.substr(0, at), one);
    out_.lines.end(one);
    text.remove_prefix(at + output_mark_bytes);
  }
  by = newest;
  out_.lines.add(text, one);
  return true;
}

void worker_output::read_errors() {
  if (err_.fd < 0 || err_.waits) return;
  if (!forward() || !takes_more(err_.ours)) return stop_listening(err_);
  take_errors();
  if (!forward()) stop_listening(err_);
}

bool worker_output::take_errors() {
  const auto text = read(err_, write_bytes);
  tail_ += text;
  if (tail_.size() > kept_errors_bytes) tail_.erase(0, tail_.size() - kept_errors_bytes);
  const line_cutter::teller hold = [this](std::string_view line) {
    held_.append(name_).append(": ").append(line).append("\n");
  };
  err_.lines.add(text, hold);
  if (err_.fd < 0) err_.lines.end(hold);
  return !text.empty();
}

/// False when lines are left that ours does not take.
bool worker_output::forward() {
  while (!held_.empty() && takes_more(err_.ours)) {
    const auto done = ::write(err_.ours, held_.data(), std::min(held_.size(), write_bytes));
    if (done < 0 && errno != EINTR && errno != EAGAIN) held_.clear();
    if (done > 0) held_.erase(0, static_cast<std::size_t>(done));
  }
  return held_.empty();
}

void worker_output::finish(const task_place& in_hand, const teller& tell) {
  for (int i = 0; i < last_reads && out_.fd >= 0 && take_output([&] { return in_hand; }, tell); ++i) {
  }
  out_.lines.end([&](std::string_view line) { tell(in_hand, line); });
  for (int i = 0; i < last_reads && err_.fd >= 0 && take_errors(); ++i) {
  }
  err_.lines.end([this](std::string_view line) { held_.append(name_).append(": ").append(line).append("\n"); });
  forward();
}

std::vector<std::string> worker_output::last_error_lines() const {
  std::vector<std::string> lines;
  std::string_view text = tail_;
  while (!text.empty() && lines.size() < kept_error_lines) {
    if (text.back() == '\n') text.remove_suffix(1);
    const auto before = text.rfind('\n');
    const auto start = before == std::string_view::npos ? 0 : before + 1;
    lines.emplace_back(text.substr(start));
    text = text.substr(0, start);
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace steward::pooling
