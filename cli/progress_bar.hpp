#pragma once

#include "steward/pool.hpp"

#include <functional>
#include <string>

/// How a map is going, as one line that is drawn anew.
namespace steward::cli::progress_bar {

/// "square [#####     ] 50 %, 500 of 1000, 2 failed"; without a total only the counts. What is too
/// long for `columns` is told in fewer words; nothing is cut.
std::string render(const std::string& label, const map_progress& how, std::size_t columns);

/// Draws on standard error, and removes the line when all is done or the function goes; empty when standard error is no
/// terminal.
std::function<void(const map_progress&)> for_terminal(std::string label);

}  // namespace steward::cli::progress_bar
