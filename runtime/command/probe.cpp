#include "command/probe.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace steward::command {

namespace {

constexpr int taken_limit_ms = 50;
constexpr int first_good = 200;
constexpr int end_of_good = 400;
// Of the first line of an answer.
constexpr std::size_t most_answer_bytes = 512;

std::string text_of(int error) { return std::generic_category().message(error); }

/// 0 when it is under way or done, else an errno.
int connect_to(int fd, const http_url& to) {
  int done = 0;
  if (to.is_v6) {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(static_cast<std::uint16_t>(to.port));
    ::inet_pton(AF_INET6, to.host.c_str(), &at.sin6_addr);
    done = ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  } else {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(to.port));
    ::inet_pton(AF_INET, to.host.c_str(), &at.sin_addr);
    done = ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  }
  return done == 0 || errno == EINPROGRESS || errno == EINTR ? 0 : errno;
}

int make_socket(bool is_v6) {
  return ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int pending_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool can_write(int fd, int limit_ms) {
  pollfd one{fd, POLLOUT, 0};
  return ::poll(&one, 1, limit_ms) > 0;
}

}  // namespace

void endpoint_probe::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

probe_result endpoint_probe::fail(std::string why) {
  close();
  why_ = std::move(why);
  return probe_result::not_ready;
}

probe_result endpoint_probe::begin(const http_url& to, bool ask_http, time_point now) {
  close();
  connected_ = false;
  ask_http_ = ask_http;
  answer_.clear();
  place_ = ask_http ? fmt::format("http://{}{}", to.authority, to.path) : fmt::format("port {}", to.port);
  request_ = ask_http ? fmt::format(
                            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: steward\r\nAccept: */*\r\n"
                            "Connection: close\r\n\r\n",
                            to.path, to.authority)
                      : std::string{};
  due_ = now + answer_within;
  fd_ = make_socket(to.is_v6);
  if (fd_ < 0) return fail(fmt::format("no socket to look at {}: {}", place_, text_of(errno)));
  if (const int error = connect_to(fd_, to); error != 0) return fail(fmt::format("{}: {}", place_, text_of(error)));
  return go_on(now);
}

probe_result endpoint_probe::go_on(time_point now) {
  if (fd_ < 0) return probe_result::not_ready;
  if (!connected_) {
    if (!can_write(fd_, 0)) return now >= due_ ? fail(place_ + ": nothing answers") : probe_result::waits;
    if (const int error = pending_error(fd_); error != 0) return fail(fmt::format("{}: {}", place_, text_of(error)));
    connected_ = true;
    if (!ask_http_) {
      close();
      return probe_result::ready;
    }
  }
  while (!request_.empty()) {
    const auto sent = ::send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (sent < 0) return fail(fmt::format("{}: {}", place_, text_of(errno)));
    request_.erase(0, static_cast<std::size_t>(sent));
  }
  const auto how = read_answer();
  if (how == probe_result::waits && now >= due_) return fail(place_ + ": no answer within 1s");
  return how;
}

probe_result endpoint_probe::read_answer() {
  std::array<char, most_answer_bytes> room{};
  bool over = false;
  while (answer_.size() < most_answer_bytes && answer_.find('\n') == std::string::npos && !over) {
    const auto got = ::recv(fd_, room.data(), room.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return probe_result::waits;
    if (got < 0) return fail(fmt::format("{}: {}", place_, text_of(errno)));
    answer_.append(room.data(), static_cast<std::size_t>(got));
    over = got == 0;
  }
  // "HTTP/1.1 200 OK"
  constexpr std::size_t code_at = 9;
  constexpr std::size_t code_digits = 3;
  int code = 0;
  const bool is_http = answer_.starts_with("HTTP/1.") && answer_.size() >= code_at + code_digits;
  for (std::size_t i = 0; is_http && i < code_digits; ++i) {
    const char digit = answer_[code_at + i];
    code = digit >= '0' && digit <= '9' ? code * 10 + (digit - '0') : -1;
    if (code < 0) break;
  }
  if (code >= first_good && code < end_of_good) {
    close();
    return probe_result::ready;
  }
  return fail(code > 0 ? fmt::format("{} answers {}", place_, code) : place_ + ": the answer is no HTTP");
}

bool is_taken(unsigned port) {
  for (const bool is_v6 : {false, true}) {
    const http_url to{is_v6 ? "::1" : "127.0.0.1", is_v6, port, {}, {}};
    const int fd = make_socket(is_v6);
    if (fd < 0) continue;
    const bool refused = connect_to(fd, to) != 0;
    const bool taken = !refused && can_write(fd, taken_limit_ms) && pending_error(fd) == 0;
    ::close(fd);
    if (taken) return true;
  }
  return false;
}

bool file_state::operator==(const file_state& x) const noexcept {
  return exists == x.exists && device == x.device && inode == x.inode && changed.tv_sec == x.changed.tv_sec &&
         changed.tv_nsec == x.changed.tv_nsec;
}

file_state state_of_file(const std::string& path) {
  struct stat what {};
  if (::stat(path.c_str(), &what) != 0) return {};
  return {true, what.st_dev, what.st_ino, what.st_ctim};
}

}  // namespace steward::command
