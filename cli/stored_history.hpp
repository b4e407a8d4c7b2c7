#pragma once

#include "observe/event_history.hpp"
#include "store/reader.hpp"

#include <memory>
#include <string>
#include <vector>

namespace steward::cli {

/// What the state directory of a run that lives has of it. It is opened when somebody asks for the first time. Not
/// thread-safe.
class stored_history : public event_history {
public:
  stored_history(std::string directory, std::string run) : directory_(std::move(directory)), run_(std::move(run)) {}

  void events_after(std::uint64_t after, const event_taker& f) override;
  std::vector<sample> samples_of(const std::string& path, time_point from, time_point to,
                                 std::chrono::milliseconds step) override;

private:
  /// Throws std::runtime_error.
  event_history& opened();

  std::string directory_;
  std::string run_;
  std::unique_ptr<store::reader> reader_;
  std::unique_ptr<event_history> history_;  // uses the reader
};

}  // namespace steward::cli
