#include "supervision/tenants.hpp"

#include "process/passed_fds.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace steward::supervision {

namespace {

/// A message of one byte, with room for two descriptors beside it.
struct envelope {
  envelope() {
    message.msg_iov = &text;
    message.msg_iovlen = 1;
  }
  envelope(const envelope&) = delete;
  envelope& operator=(const envelope&) = delete;

  char mark = 't';
  iovec text{&mark, 1};
  process::passed_fds<2> files;
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
  const int fds[2] = {link_fd, page_fd};
  out.files.attach(out.message, fds);
  while (::sendmsg(socket, &out.message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

tenant_ends receive_tenant(int socket) noexcept {
  // Looked at first: where there is no room for a descriptor, what was sent stays, and with it the link is not closed
  // before a word was left of why.
  envelope in;
  in.files.make_room(in.message);
  const auto got = receive(socket, in, MSG_PEEK);
  tenant_ends out;
  out.over = got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  out.came = got > 0;
  if (!out.came) return out;
  int fds[2] = {-1, -1};
  std::size_t count = 0;
  process::for_each_passed_fd(in.message, [&](int fd) { fds[count++] = fd; });
  if (count < 2) {  // there was no room for both
    if (count == 1) ::close(fds[0]);
    return out;
  }
  envelope seen;
  receive(socket, seen, 0);
  out.link_fd = fds[0];
  out.page_fd = fds[1];
  return out;
}

}  // namespace steward::supervision
