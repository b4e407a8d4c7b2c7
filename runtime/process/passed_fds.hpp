#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstring>
#include <span>

// Descriptors that travel beside the bytes of a message on a Unix socket: SCM_RIGHTS, see unix(7) and cmsg(3).
namespace steward::process {

/// The room of one message for `Most` descriptors at most. Must outlive the call that sends or receives the message.
template <std::size_t Most>
class passed_fds {
public:
  /// The message will carry these; without any it carries none.
  void attach(msghdr& message, std::span<const int> fds) noexcept {
    if (fds.empty()) return;
    cmsghdr rights{};
    rights.cmsg_level = SOL_SOCKET;
    rights.cmsg_type = SCM_RIGHTS;
    rights.cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(room_, &rights, sizeof rights);
    std::memcpy(room_ + CMSG_LEN(0), fds.data(), fds.size_bytes());
    message.msg_control = room_;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  }

  /// The message can bring `Most`. The kernel closes what is beyond that, and says MSG_CTRUNC.
  void make_room(msghdr& message) noexcept {
    message.msg_control = room_;
    message.msg_controllen = CMSG_LEN(Most * sizeof(int));  // what CMSG_SPACE adds has room for one more
  }

private:
  alignas(cmsghdr) std::byte room_[CMSG_SPACE(Most * sizeof(int))] = {};
};

/// Calls `take` with each descriptor that came with the message. They belong to the caller.
template <class F>
void for_each_passed_fd(msghdr& message, F take) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      take(fd);
    }
  }
}

}  // namespace steward::process
