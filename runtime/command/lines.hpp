#pragma once

#include "command/life.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::command {

/// How many lines may be told: as many in each second that begins with the first one as the limit says. Pure; not
/// thread-safe.
class line_meter {
public:
  explicit line_meter(unsigned lines_a_second) : most_(lines_a_second) {}

  /// Whether one more may be told now; if not it counts as left out.
  bool take(time_point now);
  /// How many were left out in a second that is over, or at `last`; 0: none. They are told once.
  std::uint64_t left_out(time_point now, bool last = false);
  /// When there is something to be told of what was left out.
  std::optional<time_point> next_due() const;

private:
  unsigned most_;
  std::optional<time_point> until_;  // of the second under way
  unsigned told_ = 0;
  std::uint64_t left_out_ = 0;
};

/// Cuts what a program writes, in pieces of any size, to lines of a bounded length. Any bytes but the line feed and a
/// carriage return before it are part of a line; empty lines are left out. Keeps one line at most. Pure.
class line_source {
public:
  /// A line, which is good during the call, and how many bytes of it were cut off.
  using teller = std::function<void(std::string_view line, std::uint64_t cut)>;

  explicit line_source(std::size_t most_bytes) : most_(most_bytes) {}

  void add(std::string_view text, const teller& tell);
  /// What is there is the last line.
  void end(const teller& tell);

private:
  void tell_begun(const teller& tell);

  std::size_t most_;
  std::string begun_;
  std::uint64_t cut_ = 0;
};

/// The last lines of a stream, for the cause of an end.
class line_tail {
public:
  static constexpr std::size_t max_lines = 10;
  static constexpr std::size_t max_line_bytes = 512;

  void add(std::string_view line);
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }

private:
  std::deque<std::string> lines_;
};

}  // namespace steward::command
