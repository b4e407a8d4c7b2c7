#pragma once

#include "cli/views/paper.hpp"
#include "cli/views/walk.hpp"
#include "observe/run_view.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace steward::cli {

/// What is known of a run that is looked at.
enum class run_state : std::uint8_t {
  live,  ///< it goes on
  over,  ///< its end is told
  lost,  ///< its events end without an end: its program was killed, or goes on elsewhere. What is known is the last
  past,  ///< the view is of a moment before what is known of it ends
};

const char* to_string(run_state x) noexcept;
/// Of a view that is the newest there is.
run_state state_of(const run_view& view, bool live) noexcept;

/// Children that are restarted again and again and do not come to rest: their last `flapping_crashes` crashes have had
/// delays that grew, since none of their incarnations has lived for long, and neither has the one that is up.
std::set<std::string, std::less<>> flapping_children(const run_view& view, run_view::time_point now);
inline constexpr std::size_t flapping_crashes = 4;
/// Whoever is up for so long, and for twice as long as it had to wait, has come to rest.
inline constexpr std::chrono::seconds flapping_rest{10};

/// What is drawn: a picture of a run, of which moment it is, and what that means for what is said of its children. The
/// view must outlive it.
class scene {
public:
  using time_point = run_view::time_point;

  scene(const run_view& of, time_point at, run_state how);

  const run_view& view;
  time_point now;
  run_state state;
  bool all = false;  ///< workers that are down, too

  /// "restarting, in 1.2 s"; "was up" where that is only the last that is known; "flapping" where it is.
  cell status(std::string_view path, const child_view& x) const;
  bool flaps(std::string_view path) const { return flapping_.contains(path); }
  const std::set<std::string, std::less<>>& flapping() const noexcept { return flapping_; }
  /// In the order of the tree, without workers that are down and will not be back, unless `all` are wanted.
  std::vector<placed_child> children() const;
  /// Workers that `children` leaves out.
  std::size_t left_out() const;

private:
  std::set<std::string, std::less<>> flapping_;
};

}  // namespace steward::cli
