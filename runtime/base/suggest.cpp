#include "base/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace steward {
namespace {

constexpr std::size_t max_word_bytes = 64;

// Two edits turn any two letters into any others, so short words must be nearer to count as a slip.
std::size_t tolerated_edits(std::size_t length) {
  if (length <= 2) {
    return 1;
  }
  return std::max<std::size_t>(2, length / 3);
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> before_last(width);
  std::vector<std::size_t> last(width);
  std::vector<std::size_t> current(width);
  for (std::size_t j = 0; j < width; ++j) {
    last[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j < width; ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, current);
  }
  return last[b.size()];
}

std::string fold_word(std::string_view word) {
  std::string result;
  for (const char c : word) {
    if (c == '_' || c == '-' || c == ' ' || c == '.') {
      continue;
    }
    result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

std::optional<std::string> did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  if (word.empty() || word.size() > max_word_bytes) {
    return std::nullopt;
  }
  const auto folded = fold_word(word);
  auto nearest = std::pair{tolerated_edits(word.size()) + 1, std::size_t{0}};
  std::optional<std::string> result;
  for (const auto& candidate : candidates) {
    if (candidate.size() > max_word_bytes) {
      continue;
    }
    const auto other = fold_word(candidate);
    const auto distance = edit_distance(folded, other);
    if (distance > nearest.first || distance >= other.size()) {
      continue;
    }
    // Of two that differ only in what is folded, the one that is written alike.
    const auto exact = std::pair{distance, edit_distance(word, candidate)};
    if (exact < nearest) {
      nearest = exact;
      result = candidate;
    }
  }
  return result;
}

std::string list_names(std::vector<std::string> names, std::size_t limit) {
  std::sort(names.begin(), names.end());
  const std::size_t shown = std::min(limit, names.size());
  std::string result;
  for (std::size_t i = 0; i < shown; ++i) {
    result += (i == 0 ? "" : ", ") + names[i];
  }
  if (shown < names.size()) {
    result += fmt::format(" and {} more", names.size() - shown);
  }
  return result;
}

}  // namespace steward
