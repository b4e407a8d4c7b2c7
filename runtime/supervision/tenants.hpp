#pragma once

// How a process in which several actors live is given them: each by a message of one byte with two descriptors.
namespace steward::supervision {

/// The name of the child main of such a process.
inline constexpr const char* tenants_main_name = "steward_actors";

/// 0, or the error's number. Does not block.
int send_tenant(int socket, int link_fd, int page_fd) noexcept;

/// What has come.
struct tenant_ends {
  bool came = false;  ///< one was sent
  int link_fd = -1;   ///< -1 all the same: there was no descriptor to be had for it; it waits where it was
  int page_fd = -1;
  bool over = false;  ///< nobody is at the other end any more
};
/// Does not block.
tenant_ends receive_tenant(int socket) noexcept;

}  // namespace steward::supervision
