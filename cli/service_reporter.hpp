#pragma once

#include "cli/service_manager.hpp"
#include "steward/supervisor.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace steward::cli {

/// Tells the service manager, as long as it lives, that the tree decides things, and how many children of its root are
/// up. The sign of life is given only when the tree's own thread has answered, so a watchdog sees it where that hangs.
/// Has a thread when somebody listens, and no other cost.
class service_reporter {
public:
  /// Both must outlive it. `name` is the scenario's.
  service_reporter(service_manager& to, supervisor& tree, std::string name);
  ~service_reporter();
  service_reporter(const service_reporter&) = delete;
  service_reporter& operator=(const service_reporter&) = delete;

private:
  void serve();
  /// What the tree says of itself; none when it does not answer.
  std::optional<std::string> look();

  service_manager& to_;
  supervisor& tree_;
  std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace steward::cli
