#pragma once

#include "steward/event.hpp"

#include <mutex>
#include <string>

namespace steward::cli {

/// Waits until all that was printed and said is taken, and says why not all of the data could be: then a code of 0
/// becomes 70. A reader of stdout that goes away is no error.
int finish_output(int code);

/// The data of a run: whole lines on stdout, in order, each an `output` event as well. Thread-safe.
class output {
public:
  /// `plain` false: the lines reach stdout as JSON events only.
  output(event_log& events, bool plain) : events_(events), plain_(plain) {}

  void line(const std::string& text, event_level level = event_level::info);
  /// One that is an event already.
  void told_line(const std::string& text);
  /// A text of several lines.
  void lines(const std::string& text);

private:
  event_log& events_;
  bool plain_;
  std::mutex mutex_;
};

}  // namespace steward::cli
