#include "tests/runtime/control/client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace steward::control_api {
namespace {

constexpr timeval patience{20, 0};

void limit_waits(int fd) {
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

[[noreturn]] void fail() { throw std::system_error(errno, std::generic_category(), "a client of the test"); }

}  // namespace

client client::of_socket(const std::string& path, int receive_bytes) {
  owned_fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (!fd) fail();
  limit_waits(fd.get());
  if (receive_bytes > 0) ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  const void* any = &address;
  if (::connect(fd.get(), static_cast<const sockaddr*>(any), sizeof address) != 0) fail();
  return client{std::move(fd)};
}

client client::of_port(std::uint16_t port) {
  owned_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!fd) fail();
  limit_waits(fd.get());
  const void* any = &address;
  if (::connect(fd.get(), static_cast<const sockaddr*>(any), sizeof address) != 0) fail();
  return client{std::move(fd)};
}

bool client::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const auto sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void client::finish_sending() const { ::shutdown(fd_.get(), SHUT_WR); }

bool client::read_some() {
  std::array<char, 65'536> buffer{};
  const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  at_end_ = got == 0 || (got < 0 && (errno == ECONNRESET || errno == EPIPE));
  if (got <= 0) return false;
  text_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

const std::string& client::read_until(std::string_view text) {
  while (text_.find(text) == std::string::npos && read_some()) {
  }
  return text_;
}

const std::string& client::read_to_end() {
  while (read_some()) {
  }
  return text_;
}

reply ask(client to, const std::string& target, const std::string& method, const std::string& headers,
          const std::string& body) {
  std::string request = method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers;
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  to.send(request + "\r\n" + body);
  const auto& text = to.read_to_end();
  reply out;
  const auto end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || end == std::string::npos) return out;
  out.status = std::atoi(text.c_str() + 9);
  out.head = text.substr(0, end);
  out.body = text.substr(end + 4);
  return out;
}

}  // namespace steward::control_api
