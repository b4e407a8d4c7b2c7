#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

// Included by pool.hpp.
namespace steward::detail {

/// Threads that wait for maps in the place of their callers. Thread-safe.
class async_maps {
public:
  async_maps() = default;
  ~async_maps() { join(); }
  async_maps(const async_maps&) = delete;
  async_maps& operator=(const async_maps&) = delete;

  /// Runs `f` on a thread of its own. Throws std::system_error where there is none.
  void run(std::function<void()> f);
  /// True when one of them may be at work.
  bool any() const;
  /// Waits for all of them.
  void join();

private:
  struct one {
    std::thread thread;
    std::atomic<bool> over{false};
  };

  mutable std::mutex mutex_;
  std::list<one> all_;
};

}  // namespace steward::detail
