#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace steward::cli {

/// Tells whoever runs the program as a service how it is doing, by the protocol of systemd's sd_notify: datagrams of
/// NAME=VALUE lines to the socket that NOTIFY_SOCKET names. Without that variable nothing is sent. A message that
/// cannot be sent at once is dropped: the program depends on nobody who listens. Thread-safe.
class service_manager {
public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  service_manager();
  ~service_manager();
  service_manager(const service_manager&) = delete;
  service_manager& operator=(const service_manager&) = delete;

  bool listens() const noexcept { return fd_ >= 0; }
  /// How often the manager wants a sign of life, at least; none when it wants none.
  std::optional<std::chrono::microseconds> watchdog() const noexcept { return watchdog_; }

  /// The tree is up. `status` is a line for people.
  void ready(std::string_view status);
  void status(std::string_view status);
  void alive();
  /// A reload has begun; `reloaded` tells its end.
  void reloading();
  void reloaded();
  void stopping();

private:
  void send(const std::string& message);

  int fd_ = -1;
  std::optional<std::chrono::microseconds> watchdog_;
  std::atomic<bool> stopping_{false};  // nothing but signs of life and a status comes after that
};

}  // namespace steward::cli
