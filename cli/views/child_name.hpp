#pragma once

#include "observe/run_view.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace steward::cli {

/// Whether a word names this path: it is the path, or its end, such as "total" or "shop/total".
bool names_child(std::string_view word, std::string_view path);

/// The path of the child that a word means. Throws `cannot_look` with `exit_code` where there is none, with what was
/// probably meant, or several, with their paths.
std::string child_named(const run_view& view, const std::string& word, int exit_code);

/// The path or the end of one that was probably meant: "did you mean '/root/total'?"; empty for none.
std::string meant_child(const std::string& word, const std::vector<std::string>& paths);

}  // namespace steward::cli
