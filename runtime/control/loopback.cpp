#include "control/loopback.hpp"

#include "control/http_text.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <limits>
#include <stdexcept>
#include <system_error>

namespace steward::control_api {
namespace {

constexpr int backlog = 1'024;  // who comes in a crowd waits, and is not turned away

std::string shown(const loopback_address& x) {
  const auto port = ":" + std::to_string(x.port);
  return x.ip.find(':') == std::string::npos ? x.ip + port : "[" + x.ip + "]" + port;
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw std::invalid_argument("'" + std::string{text} + "' " + why +
                              "; say PORT or ADDRESS:PORT, such as 127.0.0.1:8080, or 0 for a free port");
}

union any_address {
  sockaddr generic;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

/// Its length; 0 for what is no address.
socklen_t fill(any_address& into, const loopback_address& from) {
  into = {};
  if (::inet_pton(AF_INET, from.ip.c_str(), &into.v4.sin_addr) == 1) {
    into.v4.sin_family = AF_INET;
    into.v4.sin_port = htons(from.port);
    return sizeof into.v4;
  }
  into = {};
  if (::inet_pton(AF_INET6, from.ip.c_str(), &into.v6.sin6_addr) != 1) return 0;
  into.v6.sin6_family = AF_INET6;
  into.v6.sin6_port = htons(from.port);
  return sizeof into.v6;
}

bool is_loopback(const any_address& x) {
  constexpr std::uint32_t network_127 = 127;
  if (x.generic.sa_family == AF_INET) return (ntohl(x.v4.sin_addr.s_addr) >> 24U) == network_127;
  return IN6_IS_ADDR_LOOPBACK(&x.v6.sin6_addr);
}

}  // namespace

loopback_address loopback_address_of(std::string_view text) {
  loopback_address out;
  auto port = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    auto ip = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
    if (ip != "localhost") out.ip = std::string{ip};
  }
  const auto number = whole_number(port);
  if (!number || *number > std::numeric_limits<std::uint16_t>::max()) refuse(text, "has no port");
  out.port = static_cast<std::uint16_t>(*number);
  any_address address{};
  if (fill(address, out) == 0) refuse(text, "has no address");
  if (!is_loopback(address))
    refuse(text, "is not on the loopback interface: others than this machine's users could reach it");
  return out;
}

loopback_socket::loopback_socket(const loopback_address& wanted) : at(wanted) {
  any_address address{};
  const auto length = fill(address, wanted);
  const auto expect = [&](bool well) {
    if (well) return;
    const int code = errno;
    throw std::runtime_error("cannot listen on " + shown(wanted) + ": " + std::generic_category().message(code));
  };
  errno = EINVAL;
  expect(length > 0);
  fd = owned_fd{::socket(address.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  expect(static_cast<bool>(fd));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  expect(::bind(fd.get(), &address.generic, length) == 0);
  expect(::listen(fd.get(), backlog) == 0);
  socklen_t size = sizeof address;
  expect(::getsockname(fd.get(), &address.generic, &size) == 0);
  at.port = ntohs(address.generic.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

}  // namespace steward::control_api
