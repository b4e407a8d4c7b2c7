#pragma once

#include <string>

namespace steward::cli {

/// Prints what a word means: a key of the config (`deadline`, `pool.deadline`, or a path as errors show it,
/// `tree.children.squares.pool.deadline`), a heading or a status that views show, a kind of event, a class of cause, or
/// an exit code. Returns 0, or 2 after a suggestion where nobody knows the word.
int explain(const std::string& word, bool as_json);

/// Whether it means something. Thread-safe.
bool is_explained(const std::string& word);

/// The reference of the configuration language, as a page of Markdown: docs/reference/config.md.
std::string config_reference();

}  // namespace steward::cli
