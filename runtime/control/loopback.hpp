#pragma once

#include "control/owned_fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace steward::control_api {

/// Where to listen for browsers of this machine.
struct loopback_address {
  std::string ip = "127.0.0.1";  ///< of the loopback interface: 127.x.y.z or ::1
  std::uint16_t port = 0;        ///< 0: any that is free

  friend bool operator==(const loopback_address&, const loopback_address&) = default;
};

/// Reads "8080", "127.0.0.1:8080", "localhost:8080" or "[::1]:8080". Throws std::invalid_argument, with what is wrong
/// and what may stand there, for all else, addresses of other interfaces included.
loopback_address loopback_address_of(std::string_view text);

/// A socket that listens there, and where that is in the end. Throws std::runtime_error with the reason.
struct loopback_socket {
  explicit loopback_socket(const loopback_address& wanted);

  loopback_address at;
  owned_fd fd;
};

}  // namespace steward::control_api
