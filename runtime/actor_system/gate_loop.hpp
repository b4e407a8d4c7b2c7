#pragma once

#include "actor_system/capability_gate.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace steward::port {

/// Something beside the gates that their thread reads. All functions are called by it and must not block.
class side_reader {
public:
  virtual ~side_reader() = default;
  /// Puts what is to be read into this epoll set, with this as its data.
  virtual void join(int epoll, std::uint64_t key) = 0;
  /// It is readable. True: whoever it is for takes no more now.
  virtual bool read() = 0;
  /// The same some time after that.
  virtual bool try_again() = 0;
};

/// The thread that reads the gates of a system, and writes what their sockets did not take at once. Each in its turn,
/// a piece at a time, so that none that is loud keeps others waiting.
class gate_loop {
public:
  /// Throws std::system_error when there is no thread or descriptor for it.
  explicit gate_loop(caf::actor_system& system);
  /// One without a thread: whoever makes it calls `run`. Throws std::system_error when there is no descriptor for it.
  struct without_thread {};
  gate_loop(caf::actor_system& system, without_thread);
  /// Closes all gates.
  ~gate_loop();
  gate_loop(const gate_loop&) = delete;
  gate_loop& operator=(const gate_loop&) = delete;

  /// Makes a gate and drives it from now on. Any thread.
  std::shared_ptr<capability_gate> open(capability_gate::options o);
  /// Returns when the loop is destroyed.
  void run();
  /// This is read, too, as long as it lives. Any thread.
  void read_beside(const std::shared_ptr<side_reader>& who);

private:
  struct driven {
    std::shared_ptr<capability_gate> gate;
    std::uint32_t armed = 0;
  };
  void take_new();
  void arm(driven& one);
  void read_side(std::uint64_t key);
  void drop(int fd);

  caf::actor_system& system_;
  const std::shared_ptr<gate_bell> bell_;
  const std::shared_ptr<gate_pins> pins_;
  int epoll_ = -1;
  std::unordered_map<int, driven> gates_;  // by descriptor
  std::mutex mutex_;
  std::vector<std::shared_ptr<capability_gate>> new_;
  std::vector<std::weak_ptr<side_reader>> new_readers_;
  std::unordered_map<std::uint64_t, std::weak_ptr<side_reader>> readers_;  // by key
  std::vector<std::uint64_t> waiting_;                                     // keys of those to be tried again
  std::uint64_t last_key_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace steward::port
