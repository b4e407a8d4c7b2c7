#pragma once

#include "actor_system/capability_gate.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace steward::port {

/// The thread that reads the gates of a system, and writes what their sockets did not take at once. Each in its turn,
/// a piece at a time, so that none that is loud keeps others waiting.
class gate_loop {
public:
  /// Throws std::system_error when there is no thread or descriptor for it.
  explicit gate_loop(caf::actor_system& system);
  /// Closes all gates.
  ~gate_loop();
  gate_loop(const gate_loop&) = delete;
  gate_loop& operator=(const gate_loop&) = delete;

  /// Makes a gate and drives it from now on. Any thread.
  std::shared_ptr<capability_gate> open(capability_gate::options o);

private:
  struct driven {
    std::shared_ptr<capability_gate> gate;
    std::uint32_t armed = 0;
  };
  void run();
  void take_new();
  void arm(driven& one);
  void drop(int fd);

  caf::actor_system& system_;
  const std::shared_ptr<gate_bell> bell_;
  const std::shared_ptr<gate_pins> pins_;
  int epoll_ = -1;
  std::unordered_map<int, driven> gates_;  // by descriptor
  std::mutex mutex_;
  std::vector<std::shared_ptr<capability_gate>> new_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace steward::port
