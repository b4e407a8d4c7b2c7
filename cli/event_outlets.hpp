#pragma once

#include "observe/console.hpp"
#include "observe/file_sink.hpp"
#include "steward/event.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace steward::cli {

/// What a command line says of where events go.
struct event_options {
  std::string events_file;  ///< empty for none
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool colour = false;
  bool dates = false;
};

/// Where events go, and what of them decides the exit code. Made before anything emits; it must outlive the log's last
/// event. Thread-safe but for its construction.
class event_outlets {
public:
  event_outlets(event_log& events, const event_options& request);

  /// False when the events file cannot be had; then nothing should be started.
  bool usable() const { return !file_ || file_->ok(); }
  bool any_crash() const { return crashes_.load() > 0; }
  void finish();
  /// Says what is wrong with the events file; false when nothing is. Of a reader that goes away it only says so.
  bool tell_problem(const char* consequence);
  /// Calls nothing that could wait: a second signal is to be heard.
  void stop_was_asked_for(int signal);
  /// The events file may have been renamed, to begin a new one.
  void reopen();

private:
  std::unique_ptr<file_sink> file_;
  std::unique_ptr<console_view> console_;
  std::atomic<unsigned> crashes_{0};
};

}  // namespace steward::cli
