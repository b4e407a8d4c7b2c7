#pragma once

#include "steward/event.hpp"

#include <mutex>
#include <string>

namespace steward::cli {

/// Writes to stdout and flushes. The first error is remembered, see `stdout_problem`; nothing is written after it.
void write_stdout(const std::string& text);
/// The errno of the first write to stdout that failed, 0 for none.
int stdout_problem();

/// The data of a run: whole lines on stdout, in order, each an `output` event as well. Thread-safe.
class output {
public:
  /// `plain` false: the lines reach stdout as JSON events only.
  output(event_log& events, bool plain) : events_(events), plain_(plain) {}

  void line(const std::string& text);
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
