#pragma once

#include "cli/views/run_source.hpp"
#include "cli/views/scene.hpp"

#include <string>

namespace CLI {
class App;
}

namespace steward::cli {

/// A run as it is, or as it was.
struct picture {
  run_view view;
  run_view::time_point now;
  run_state state = run_state::live;

  scene drawn(bool all) const {
    scene out{view, now, state};
    out.all = all;
    return out;
  }
};

/// Which moment of a run is wanted, and which of its children.
class picture_options {
public:
  void add_to(CLI::App& app);

  /// Throws `cannot_look` for a moment that there is not.
  picture of(run_source& from) const;
  bool all() const noexcept { return all_; }
  /// Name and id of the run and how it is doing, or which moment it is.
  std::string line_of(const picture& x, bool live) const;

private:
  std::string at_;
  bool all_ = false;
};

/// `"state":...,"as_of":...` and, where there are any, `,"flapping":[...]`: what belongs to a picture and is not in its
/// view.
std::string json_of_scene(const scene& x);

}  // namespace steward::cli
