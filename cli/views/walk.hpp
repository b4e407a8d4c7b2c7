#pragma once

#include "observe/run_view.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace steward::cli {

/// A child at its place in the tree; valid as long as the view.
struct placed_child {
  const std::string* path = nullptr;
  const child_view* child = nullptr;
  std::size_t depth = 0;
  std::vector<bool> more;  ///< for each level below the root, itself last: whether others of it follow

  /// Its own name.
  std::string name() const;
};

/// All children, each before those below it, in the order in which they were heard of.
std::vector<placed_child> in_tree_order(const run_view& view);

/// "├─ ", as deep as the child is; in ASCII where the paper has nothing else.
std::string branches_of(const placed_child& x, bool utf8);

}  // namespace steward::cli
