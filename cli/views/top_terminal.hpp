#pragma once

#include "cli/views/top_model.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace steward::cli {

/// The terminal as a whole screen, by ncurses: paints lines, reads keys. One at a time, on one thread; the terminal is
/// as it was before when it ends, also by SIGINT and SIGTERM. Throws std::runtime_error for a terminal that cannot be
/// painted on, which is left alone.
class top_terminal {
public:
  explicit top_terminal(bool colour);
  ~top_terminal();
  top_terminal(const top_terminal&) = delete;
  top_terminal& operator=(const top_terminal&) = delete;

  top_size size() const;
  /// Whether its characters are those of UTF-8.
  bool is_utf8() const noexcept;
  void paint(const std::vector<top_line>& lines);
  /// Waits so long for a key at most.
  top_input read(std::chrono::milliseconds patience);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace steward::cli
