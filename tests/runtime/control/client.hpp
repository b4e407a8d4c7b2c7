#pragma once

#include "control/owned_fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace steward::control_api {

/// A client that sends what it likes. Calls wait at most for 20 s.
class client {
public:
  static client of_socket(const std::string& path, int receive_bytes = 0);
  static client of_port(std::uint16_t port);

  /// False when the other side has gone.
  bool send(std::string_view bytes) const;
  /// No more is sent; what comes can still be read.
  void finish_sending() const;
  /// What has come, until this is in it, or nothing more comes.
  const std::string& read_until(std::string_view text);
  const std::string& read_to_end();
  /// What is in the way of more.
  bool at_end() const { return at_end_; }
  const std::string& text() const { return text_; }
  /// Takes what has come off.
  std::string take() { return std::exchange(text_, {}); }
  int fd() const { return fd_.get(); }

private:
  explicit client(owned_fd fd) : fd_(std::move(fd)) {}
  bool read_some();

  owned_fd fd_;
  std::string text_;
  bool at_end_ = false;
};

struct reply {
  int status = 0;
  std::string head;
  std::string body;
};

/// Asks once, on a connection of its own.
reply ask(client to, const std::string& target, const std::string& method = "GET", const std::string& headers = {},
          const std::string& body = {});

}  // namespace steward::control_api
