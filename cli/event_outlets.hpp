#pragma once

#include "observe/console.hpp"
#include "observe/event_history.hpp"
#include "observe/file_sink.hpp"
#include "steward/event.hpp"
#include "steward/sample.hpp"
#include "store/retention.hpp"
#include "store/writer.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace steward::cli {

/// What a command line says of where events go.
struct event_options {
  std::string events_file;  ///< empty for none
  std::string state;        ///< directory for what the run leaves behind; empty for none
  store::keep_limits keep;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool colour = false;
  bool dates = false;
};

/// Where events and samples go, and what of them decides the exit code. Made before anything emits; it must outlive the
/// log's last event. Thread-safe but for its construction.
class event_outlets {
public:
  event_outlets(event_log& events, const event_options& request);
  ~event_outlets();
  event_outlets(const event_outlets&) = delete;
  event_outlets& operator=(const event_outlets&) = delete;

  /// False when the events file or the state directory cannot be had; then nothing should be started.
  bool usable() const { return problem_code_ == 0; }
  /// The exit code then.
  int problem_code() const noexcept { return problem_code_; }
  /// Whether samples are wanted.
  bool keeps_samples() const noexcept { return store_ != nullptr; }
  void write(const sample& x) noexcept;
  /// What the run is made of by now, as JSON.
  void keep_plan(std::string plan);
  /// What was kept of this run; null where nothing is.
  std::shared_ptr<event_history> history() const;
  bool any_crash() const { return crashes_.load() > 0; }
  void finish();
  /// Says what is wrong with the events file or the state directory; false when nothing is. Of a reader that goes away
  /// it only says so.
  bool tell_problem(const char* consequence);
  /// Calls nothing that could wait: a second signal is to be heard.
  void stop_was_asked_for(int signal);
  /// The events file may have been renamed, to begin a new one.
  void reopen();

  /// This is a copy of the program (fork) that dies, with one thread.
  void continue_in_copy() noexcept;

private:
  void open_store(event_log& events, const event_options& request);
  void tell_of_store(event_log& events, const std::string& what, bool seen);

  std::unique_ptr<file_sink> file_;
  std::unique_ptr<console_view> console_;
  std::unique_ptr<store::writer> store_;
  std::string directory_;
  std::string run_;
  std::string store_problem_;  // why there is none
  int problem_code_ = 0;
  std::atomic<unsigned> crashes_{0};
  std::atomic<bool> over_{false};
};

}  // namespace steward::cli
