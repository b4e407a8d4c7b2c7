#pragma once

#include <span>
#include <string_view>

namespace steward::cli {

/// A word that people meet in the output, and what it means, in a sentence of Markdown.
struct word {
  std::string_view name;
  std::string_view meaning;
};

/// How a child or a run may be doing, all kinds of events, all classes of causes, and all exit codes, of which "129,
/// 130, 143" are one row.
std::span<const word> child_statuses();
/// Headings and labels of the views: of `ps`, `tree`, `top`, `runs` and `report`, and of the paragraphs of `show`; in
/// small letters. One word means the same wherever it stands.
std::span<const word> view_headings();
std::span<const word> event_kinds();
std::span<const word> cause_classes();
std::span<const word> exit_codes();

}  // namespace steward::cli
