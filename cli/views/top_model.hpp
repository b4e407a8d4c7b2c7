#pragma once

#include "cli/views/paper.hpp"
#include "cli/views/scene.hpp"
#include "observe/run_view.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

/// A key as `top` knows it; those that write a character are `character`.
enum class top_key : std::uint8_t {
  none,
  character,
  up,
  down,
  page_up,
  page_down,
  home,
  end,
  enter,
  escape,
  backspace,
  resize,
};

struct top_input {
  top_key key = top_key::none;
  char character = 0;
};

/// What is asked of a live run, once it was said yes to.
struct top_order {
  std::string verb;  ///< start, stop, restart, kill, or resize
  std::string path;
  unsigned workers = 0;  ///< for resize

  friend bool operator==(const top_order&, const top_order&) = default;
};

/// What somebody in front of `top` has chosen so far.
struct top_state {
  enum class page : std::uint8_t { tree, details, help };

  page shown = page::tree;
  std::string selected;  ///< path of a child, or id of a crash; empty: the first line
  std::string filter;    ///< of paths
  bool types_filter = false;
  bool paused = false;
  std::size_t scrolled = 0;  ///< lines of the details that are above the screen
  std::optional<top_order> asks;
  std::string message;  ///< what came of the last order
  bool over = false;    ///< it is to end

  friend bool operator==(const top_state&, const top_state&) = default;
};

/// What can be selected, in the order of the screen: paths that pass the filter, then the crashes, the newest first.
std::vector<std::string> selectable(const run_view& view, const top_state& state);

/// What a key makes of it. Returns an order when one was said yes to. `live`: orders make sense.
std::optional<top_order> press(top_state& state, const top_input& input, const run_view& view, bool live,
                               std::size_t page_lines);

/// The moment that is drawn. It never goes back, and stands still while the picture does.
class top_clock {
public:
  /// `now`: that of the picture, or of the clock where the run is live.
  run_view::time_point tick(run_view::time_point now, bool paused) {
    if (!paused || at_ == run_view::time_point{}) at_ = std::max(at_, now);
    return at_;
  }

private:
  run_view::time_point at_;
};

/// Changes in a second.
struct top_rates {
  std::optional<double> restarts;
  std::optional<double> crashes;
};

struct top_line {
  std::vector<cell> parts;
  bool selected = false;
};

struct top_size {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

/// The screen: as many lines as it has rows, none wider than it. Pure. `now`: what countdowns and ages are drawn of.
std::vector<top_line> draw_top(const run_view& view, const top_state& state, const top_rates& rates, top_size size,
                               run_view::time_point now, bool live, bool utf8);

}  // namespace steward::cli
