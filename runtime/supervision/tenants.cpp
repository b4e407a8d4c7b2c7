#include "supervision/tenants.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace steward::supervision {

namespace {

constexpr std::size_t fds_bytes = 2 * sizeof(int);

/// A message of one byte with room for the descriptors.
struct envelope {
  envelope() {
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
  }
  envelope(const envelope&) = delete;
  envelope& operator=(const envelope&) = delete;

  char mark = 't';
  iovec text{&mark, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(fds_bytes)] = {};
  msghdr message{};
};

ssize_t receive(int socket, envelope& into, int how) noexcept {
  for (;;)
    if (const auto got = ::recvmsg(socket, &into.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | how);
        got >= 0 || errno != EINTR)
      return got;
}

}  // namespace

int send_tenant(int socket, int link_fd, int page_fd) noexcept {
  envelope out;
  auto* head = CMSG_FIRSTHDR(&out.message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(fds_bytes);
  const int fds[2] = {link_fd, page_fd};
  std::memcpy(CMSG_DATA(head), fds, fds_bytes);
  while (::sendmsg(socket, &out.message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

tenant_ends receive_tenant(int socket) noexcept {
  // Looked at first: where there is no room for a descriptor, what was sent stays, and with it the link is not closed
  // before a word was left of why.
  envelope in;
  const auto got = receive(socket, in, MSG_PEEK);
  tenant_ends out;
  out.over = got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  out.came = got > 0;
  const auto* head = out.came ? CMSG_FIRSTHDR(&in.message) : nullptr;
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS || head->cmsg_len < CMSG_LEN(sizeof(int))) return out;
  int fds[2] = {-1, -1};
  std::memcpy(fds, CMSG_DATA(head), std::min(fds_bytes, head->cmsg_len - CMSG_LEN(0)));
  if (fds[1] < 0) {  // there was room for one of the two
    ::close(fds[0]);
    return out;
  }
  envelope seen;
  seen.message.msg_control = nullptr;
  seen.message.msg_controllen = 0;
  receive(socket, seen, 0);
  out.link_fd = fds[0];
  out.page_fd = fds[1];
  return out;
}

}  // namespace steward::supervision
