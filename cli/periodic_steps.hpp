#pragma once

#include "config/scenario.hpp"
#include "steward/event.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace steward::cli {

/// Carries out steps with `every`, each on a thread of its own, so that one that takes long holds up no other.
///
/// `perform` returns how often the step has failed; `warn` events tell of that, with how often so far, and once of runs
/// that were left out because the one before took too long. The destructor begins no more and waits for what is under
/// way, which somebody else must cut short. Throws std::system_error where there is no thread for each.
class periodic_steps {
public:
  using performer = std::function<std::uint64_t(const config::step&)>;

  periodic_steps(const std::vector<config::step>& all, event_log& events, performer perform);
  ~periodic_steps();
  periodic_steps(const periodic_steps&) = delete;
  periodic_steps& operator=(const periodic_steps&) = delete;

private:
  void serve(const config::step& what, std::chrono::steady_clock::time_point from);
  void end();
  void warn(const std::string& text);

  event_log& events_;
  performer perform_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace steward::cli
