#pragma once

#include "steward/event.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace steward {

/// Reads a line that `to_json_line` has written. Keys that are not known are passed over, so that a newer program may
/// add some; a kind, a level or a class of cause that is not known, a value of another type, or a line of another
/// version is an error. Returns nothing then, and `problem` says what is wrong. Never throws for what a line holds.
std::optional<event> event_of_line(std::string_view line, std::string& problem);

/// A line of an events file that is no event.
struct line_fault {
  std::uint64_t line = 0;    ///< from 1
  std::uint64_t offset = 0;  ///< of its first byte
  std::string what;
  bool torn = false;  ///< it is the last one and has no end: the program died, or writes it just now
};

/// Makes events of the text of an events file as it comes, in pieces of any size. A line that is broken is told and
/// passed over. Not thread-safe. Keeps at most one line, of `max_line_bytes`.
class event_reader {
public:
  static constexpr std::size_t max_line_bytes = std::size_t{4} << 20;

  using event_taker = std::function<void(const event&)>;
  using fault_taker = std::function<void(const line_fault&)>;

  event_reader(event_taker on_event, fault_taker on_fault)
      : on_event_(std::move(on_event)), on_fault_(std::move(on_fault)) {}

  void read(std::string_view text);
  /// There is no more. What has no line end counts when it is whole.
  void finish();

  std::uint64_t lines() const noexcept { return lines_; }
  /// Where the line in hand begins, counted from the first byte that was read.
  std::uint64_t offset() const noexcept { return offset_; }

private:
  void take(std::string_view line, bool last);
  void tell(std::string what, bool torn);

  event_taker on_event_;
  fault_taker on_fault_;
  std::string kept_;    // the beginning of a line
  bool skips_ = false;  // the line in hand is too long
  std::uint64_t lines_ = 0;
  std::uint64_t offset_ = 0;  // of the line in hand
  std::uint64_t read_ = 0;
};

/// Reads a whole file. What is wrong with the file itself is the result; nothing when it could be read to its end.
std::optional<std::string> read_events(const std::string& path, const event_reader::event_taker& on_event,
                                       const event_reader::fault_taker& on_fault);

}  // namespace steward
