#pragma once

#include "supervision/process_link.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace steward::supervision {

/// What others than its own thread may know of the processes of a cell. Thread-safe.
class process_seat {
public:
  void take(std::shared_ptr<process_link> link) {
    const std::lock_guard lock{mutex_};
    pids_[link->incarnation() % pids_.size()] = {link->incarnation(), link->pid()};
    now_ = std::move(link);
  }
  void leave() {
    std::shared_ptr<process_link> last;  // released after the lock
    const std::lock_guard lock{mutex_};
    last.swap(now_);
  }
  /// Null: there is none.
  std::shared_ptr<process_link> now() const {
    const std::lock_guard lock{mutex_};
    return now_;
  }
  int pid_of(std::uint64_t incarnation) const {
    const std::lock_guard lock{mutex_};
    const auto& [of, pid] = pids_[incarnation % pids_.size()];
    return of == incarnation ? pid : 0;
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<process_link> now_;
  std::array<std::pair<std::uint64_t, int>, 4> pids_{};
};

}  // namespace steward::supervision
