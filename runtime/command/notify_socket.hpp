#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace steward::command {

/// What a program has said by sd_notify: "READY=1", "STATUS=loading".
struct notification {
  int pid = 0;  ///< of who has sent it, as the kernel knows it
  std::string text;

  bool is_ready() const;
  /// What follows "STATUS="; empty when there is none.
  std::string status() const;
};

/// The socket at which a program that is to say by itself when it is ready says so, as it would to systemd. It has an
/// abstract name, so that nothing of it stays; any process of the machine can write to it, and so who has sent
/// something is told with it. Owns a descriptor. Not thread-safe.
class notify_socket {
public:
  notify_socket() = default;
  ~notify_socket();
  notify_socket(const notify_socket&) = delete;
  notify_socket& operator=(const notify_socket&) = delete;

  /// Throws std::system_error.
  void open();
  int fd() const noexcept { return fd_; }
  /// "NOTIFY_SOCKET=@steward/...", for the environment of the program.
  const std::string& variable() const noexcept { return variable_; }
  /// Everything that has come; nothing blocks. Descriptors that came along are closed.
  std::vector<notification> read();

private:
  int fd_ = -1;
  std::string variable_;
};

}  // namespace steward::command
