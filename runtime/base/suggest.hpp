#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace steward {

/// Number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string
/// alignment), in bytes. Takes time and memory in proportion to a.size() * b.size().
std::size_t edit_distance(std::string_view a, std::string_view b);

/// A word without what people vary in it: "OneForAll", "one-for-all" and "ONE FOR ALL" are "oneforall". ASCII only.
std::string fold_word(std::string_view word);

/// The candidate that `word` was probably meant to be, as `fold_word` makes them: the nearest one within two edits, or
/// within a third of the word's length if that is more; the first of equals. Nothing for words over 64 bytes, which
/// nobody mistypes by two letters. Pure; any thread may call it.
std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// "counter, dictionary, shared_list": names in order, at most `limit` of them, then "and 7 more".
std::string list_names(std::vector<std::string> names, std::size_t limit = 20);

}  // namespace steward
