#include "command/notify_socket.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>

namespace steward::command {

namespace {

constexpr std::size_t most_bytes = 4'096;
// One look takes no more, so that a program that writes all the time does not hold others up.
constexpr int most_at_once = 32;

std::string_view value_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    if (line.starts_with(name)) return line.substr(name.size());
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return {};
}

}  // namespace

bool notification::is_ready() const { return value_of(text, "READY=") == "1"; }

std::string notification::status() const { return std::string{value_of(text, "STATUS=")}; }

notify_socket::~notify_socket() {
  if (fd_ >= 0) ::close(fd_);
}

void notify_socket::open() {
  std::array<std::uint64_t, 2> random{};
  if (::getrandom(random.data(), sizeof random, 0) != sizeof random)
    throw std::system_error{errno, std::generic_category(), "a name for the notify socket"};
  const auto name = fmt::format("steward/notify-{:016x}{:016x}", random[0], random[1]);
  fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const int on = 1;
  if (fd_ < 0 || ::setsockopt(fd_, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
      ::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size) != 0)
    throw std::system_error{errno, std::generic_category(), "the notify socket"};
  variable_ = "NOTIFY_SOCKET=@" + name;
}

std::vector<notification> notify_socket::read() {
  std::vector<notification> out;
  std::array<char, most_bytes> text{};
  for (int i = 0; i < most_at_once; ++i) {
    iovec part{text.data(), text.size()};
    // Room for the sender alone: what else comes along the kernel closes.
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto got = ::recvmsg(fd_, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    notification one;
    for (auto* x = CMSG_FIRSTHDR(&message); x != nullptr; x = CMSG_NXTHDR(&message, x)) {
      if (x->cmsg_level != SOL_SOCKET || x->cmsg_type != SCM_CREDENTIALS) continue;
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(x), sizeof sender);
      one.pid = sender.pid;
    }
    one.text.assign(text.data(), static_cast<std::size_t>(got));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace steward::command
