#pragma once

#include "config/diagnostics.hpp"
#include "config/scenario.hpp"
#include "config/spec_places.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::config {

/// What the command line adds to a config file.
struct load_options {
  /// Overrides, each `PATH=VALUE`, applied in order before validation. PATH names keys and list elements, these by id,
  /// name or index: `tree.children.squares.pool.workers`, `run.0.map.workers`. VALUE is YAML: `8`, `5s`, `[2, 4]`.
  std::vector<std::string> sets;
  std::optional<std::uint64_t> seed;  ///< replaces the seed of the file
  bool only_regular_files = false;    ///< a pipe or a device is a problem, not something to wait for
};

/// A checked scenario, or everything that is wrong with it. There is a value exactly when there are no problems.
struct load_result {
  std::optional<scenario> value;
  std::vector<diagnostic> problems;
  origin_map origins;                     ///< of the tree's written values; empty when there are problems
  std::vector<diagnostic> warnings = {};  ///< what has no effect; empty when there are problems
};

/// Reads and checks a scenario: syntax, keys, types, ranges, names and references. Starts nothing and calls nothing but
/// the `check` functions of `names`. A file that is missing, unreadable, empty, a directory or too large is a problem
/// like any other. Throws only std::bad_alloc and what `check` throws. Any thread may call it.
load_result load_file(const std::string& path, const catalog& names, const load_options& options = {});

/// The same for a text that is in memory; `name` stands for the file in messages.
load_result load_text(std::string_view text, const std::string& name, const catalog& names,
                      const load_options& options = {});

}  // namespace steward::config
