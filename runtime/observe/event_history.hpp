#pragma once

#include "observe/run_view.hpp"
#include "steward/event.hpp"
#include "steward/sample.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// Events and samples of one run that were kept, wherever that is. Calls throw std::runtime_error, with the reason,
/// when they cannot be read.
class event_history {
public:
  using event_taker = std::function<bool(const event&)>;
  using time_point = std::chrono::system_clock::time_point;

  event_history() = default;
  virtual ~event_history() = default;
  event_history(const event_history&) = delete;
  event_history& operator=(const event_history&) = delete;

  /// Calls `f` with each event that has a higher number than `after`, in order, until it returns false.
  virtual void events_after(std::uint64_t after, const event_taker& f) = 0;
  /// The picture before the first event that is kept, where that is not the first of the run.
  virtual std::optional<run_view> picture_before() { return std::nullopt; }
  /// What the run was made of, as /v1/plan tells it; empty where that is not kept.
  virtual std::string plan() { return {}; }
  /// Samples of one child from `from` until before `to`, in order; of each stretch of `step` the last one.
  virtual std::vector<sample> samples_of(const std::string& path, time_point from, time_point to,
                                         std::chrono::milliseconds step) = 0;
};

}  // namespace steward
