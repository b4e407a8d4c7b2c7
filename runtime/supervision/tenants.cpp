#include "supervision/tenants.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace steward::supervision {

namespace {

constexpr std::size_t fds_bytes = 2 * sizeof(int);

union ancillary {
  cmsghdr head;
  char bytes[CMSG_SPACE(fds_bytes)];
};

}  // namespace

int send_tenant(int socket, int link_fd, int page_fd) noexcept {
  char mark = 't';
  iovec text{&mark, 1};
  ancillary room{};
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  auto* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(fds_bytes);
  const int fds[2] = {link_fd, page_fd};
  std::memcpy(CMSG_DATA(head), fds, fds_bytes);
  while (::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

tenant_ends receive_tenant(int socket) noexcept {
  char mark = 0;
  iovec text{&mark, 1};
  ancillary room{};
  msghdr message{};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  ssize_t got = 0;
  do got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  tenant_ends out;
  out.over = got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  const auto* head = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(fds_bytes)) return out;
  int fds[2];
  std::memcpy(fds, CMSG_DATA(head), fds_bytes);
  out.link_fd = fds[0];
  out.page_fd = fds[1];
  return out;
}

}  // namespace steward::supervision
