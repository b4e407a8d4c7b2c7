#pragma once

#include "actor_system/actor_link.hpp"
#include "actor_system/dead_letters.hpp"
#include "command/driver.hpp"
#include "process/keeper.hpp"
#include "steward/supervisor.hpp"
#include "supervision/directory.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace steward {

/// Ends the program when the end of what it guards takes longer than the limit: CAF's actor system waits for its actors
/// without one. It has its thread from the start, for at the end there may be none to be had.
class end_watchdog {
public:
  end_watchdog(milliseconds limit, std::function<std::string()> what_is_left);
  ~end_watchdog();
  end_watchdog(const end_watchdog&) = delete;
  end_watchdog& operator=(const end_watchdog&) = delete;

  /// The clock starts now.
  void end_begins();

private:
  void watch();

  milliseconds limit_;
  std::function<std::string()> what_is_left_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  bool over_ = false;
  std::thread thread_;
};

/// The parts of a runtime, in the order in which they are made.
struct runtime::impl {
  event_log* events = nullptr;
  const task_registry* tasks = nullptr;
  const actor_registry* actors = nullptr;
  runtime_options options;
  supervision::directory names;
  std::unique_ptr<dead_letter_hub> letters;
  dead_letter_subscription own_letters;  // of the options
  // What the end waits for, as long as it does; the pointers that own these are null by then.
  std::atomic<caf::actor_system*> awaited{nullptr};
  std::atomic<process::keeper*> keeper_awaited{nullptr};
  std::unique_ptr<end_watchdog> guard;
  std::unique_ptr<process::keeper> keeper;
  std::unique_ptr<command::driver> commands;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<actor_link_hub> links;

  mutable std::mutex trees_mutex;
  std::vector<supervisor*> trees;
  bool stopping = false;

  /// Paths of what trees had to abandon: what a hung end is about.
  std::mutex abandoned_mutex;
  std::vector<std::string> abandoned;

  std::string what_is_left();
};

}  // namespace steward
