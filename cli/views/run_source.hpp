#pragma once

#include "cli/views/moment.hpp"
#include "observe/event_history.hpp"
#include "observe/run_view.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace steward::cli {

/// Why a command that looks at a run cannot, with the exit code for it.
class cannot_look : public std::runtime_error {
public:
  cannot_look(const std::string& why, int exit_code) : std::runtime_error(why), code_(exit_code) {}
  int code() const noexcept { return code_; }

private:
  int code_;
};

/// There is nothing to look at so far, and there may be later.
class nothing_yet : public cannot_look {
public:
  using cannot_look::cannot_look;
};

/// A run that is looked at: one that lives, or what one has left. Calls throw `cannot_look`.
class run_source {
public:
  /// False: that is enough.
  using event_taker = std::function<bool(const event&)>;
  /// Asked while there is nothing new, and may wait for so long; false: the wait is over.
  using patience = std::function<bool(std::chrono::milliseconds pause)>;

  run_source() = default;
  virtual ~run_source() = default;
  run_source(const run_source&) = delete;
  run_source& operator=(const run_source&) = delete;

  /// How it is now, or how it was at the end of what is known.
  virtual run_view view() = 0;
  /// How it was at that moment. By default its events are replayed.
  virtual run_view view_at(const moment& when);
  /// The number of its newest event, where reading from some number on is cheaper than reading all that is before it.
  virtual std::optional<std::uint64_t> newest() { return std::nullopt; }
  /// Its events with a higher number than `after`, in order.
  virtual void events_after(std::uint64_t after, const event_taker& f) = 0;
  /// The same, and then those that come, until the run is over.
  virtual void follow(std::uint64_t after, const event_taker& f, const patience& waits) = 0;
  virtual bool is_live() const = 0;
  /// For whoever reads its events a piece at a time, on another thread; null where that cannot be had.
  virtual std::shared_ptr<event_history> history() { return nullptr; }
  /// What people are to know of what was read so far: torn ends, lines that are no events, other runs in the file.
  virtual std::vector<std::string> remarks() const { return {}; }
};

/// What a view itself says of what is missing in it, for people: numbers that never came, children that are not shown.
std::vector<std::string> gaps_of(const run_view& view);

}  // namespace steward::cli
