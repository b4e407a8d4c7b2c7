#include "cli/views/paper.hpp"

#include "observe/standard_streams.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace steward::cli {
namespace {

constexpr std::size_t least_width = 12;  // of a column that shrinks
constexpr std::string_view between = "  ";

std::string_view code_of(ink x) noexcept {
  switch (x) {
    case ink::plain:
      return {};
    case ink::strong:
      return "\x1b[1m";
    case ink::good:
      return "\x1b[32m";
    case ink::bad:
      return "\x1b[31m";
    case ink::odd:
      return "\x1b[33m";
    case ink::dim:
      return "\x1b[2m";
  }
  return {};
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// The character at the front of a text, and how many bytes it has.
std::pair<char32_t, std::size_t> front_of(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (size == 1 || size > text.size()) return {lead, 1};
  char32_t out = lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) out = (out << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return {out, size};
}

/// Columns of one character: 0 for what is set above another, 2 for those of East Asia and pictures.
std::size_t columns_of(char32_t x) noexcept {
  constexpr std::pair<char32_t, char32_t> none[] = {
      {0x300, 0x36F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};
  constexpr std::pair<char32_t, char32_t> two[] = {{0x1100, 0x115F},   {0x2E80, 0xA4CF},   {0xAC00, 0xD7A3},
                                                   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                                                   {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
  const auto within = [x](const auto& range) { return x >= range.first && x <= range.second; };
  if (std::any_of(std::begin(none), std::end(none), within)) return 0;
  return std::any_of(std::begin(two), std::end(two), within) ? 2 : 1;
}

}  // namespace

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value{environment(name)};
    if (value.empty()) continue;
    std::erase(value, '-');
    std::transform(value.begin(), value.end(), value.begin(),
                   [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
    return value.find("utf8") != std::string::npos;
  }
  return false;
}

paper paper_of_output(const std::string& setting) {
  paper out;
  const int fd = standard_streams::output_descriptor();
  const bool terminal = ::isatty(fd) == 1;
  winsize size{};
  if (terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0) out.width = size.ws_col;
  out.colour = setting == "always" || (setting != "never" && terminal && environment("NO_COLOR").empty());
  out.utf8 = locale_is_utf8();
  return out;
}

std::size_t columns_of(std::string_view text) noexcept {
  std::size_t out = 0;
  while (!text.empty()) {
    const auto [character, bytes] = front_of(text);
    out += columns_of(character);
    text.remove_prefix(bytes);
  }
  return out;
}

std::string fitted(std::string_view text, std::size_t columns, const paper& on) {
  if (columns_of(text) <= columns) return std::string{text};
  if (columns == 0) return {};
  std::size_t used = 0;
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const auto [character, size] = front_of(text.substr(bytes));
    if (used + columns_of(character) > columns - 1) break;
    used += columns_of(character);
    bytes += size;
  }
  return std::string{text.substr(0, bytes)} + std::string{on.ellipsis()};
}

std::string fitted_end(std::string_view text, std::size_t columns, const paper& on) {
  auto left = columns_of(text);
  if (left <= columns) return std::string{text};
  if (columns == 0) return {};
  while (left > columns - 1) {
    const auto [character, size] = front_of(text);
    left -= columns_of(character);
    text.remove_prefix(size);
  }
  return std::string{on.ellipsis()} + std::string{text};
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> out;
  while (columns_of(text) > std::max<std::size_t>(columns, 2)) {
    std::size_t used = 0;
    std::size_t bytes = 0;
    while (bytes < text.size()) {
      const auto [character, size] = front_of(text.substr(bytes));
      if (used + columns_of(character) > std::max<std::size_t>(columns, 2)) break;
      used += columns_of(character);
      bytes += size;
    }
    const auto blank = text.rfind(' ', bytes);
    const bool between_words = blank != std::string_view::npos && blank > 0;
    out.emplace_back(text.substr(0, between_words ? blank : bytes));
    text.remove_prefix(between_words ? blank + 1 : bytes);
  }
  out.emplace_back(text);
  return out;
}

std::string inked(std::string_view text, ink with, const paper& on) {
  if (!on.colour || with == ink::plain || text.empty()) return std::string{text};
  return std::string{code_of(with)} + std::string{text} + "\x1b[0m";
}

std::vector<std::size_t> table::widths(const paper& on, bool with_titles) const {
  std::vector<std::size_t> out(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (with_titles) out[i] = columns_of(columns_[i].title);
    for (const auto& row : rows_)
      if (i < row.size()) out[i] = std::max(out[i], columns_of(row[i].text));
  }
  if (on.width == 0) return out;
  const auto all = std::accumulate(out.begin(), out.end(), std::size_t{0}) + between.size() * (out.size() - 1);
  auto too_much = all > on.width ? all - on.width : 0;
  // The widest of those that may shrink gives first.
  while (too_much > 0) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < out.size(); ++i)
      if (columns_[i].shrinks && out[i] > least_width && (widest == nullptr || out[i] > *widest)) widest = &out[i];
    if (widest == nullptr) break;
    --*widest;
    --too_much;
  }
  return out;
}

std::vector<cell> table::line(const std::vector<cell>& row, const std::vector<std::size_t>& widths,
                              const paper& on) const {
  std::vector<cell> out;
  std::size_t used = 0;
  std::size_t owed = 0;  // blanks that are written when something follows
  for (std::size_t i = 0; i < row.size(); ++i) {
    auto text = columns_[i].keeps_end ? fitted_end(row[i].text, widths[i], on) : fitted(row[i].text, widths[i], on);
    const auto blanks = widths[i] - columns_of(text);
    if (columns_[i].right) owed += blanks;
    if (!text.empty()) {
      const bool is_last = on.width > 0 && used + owed + columns_of(text) > on.width;
      if (is_last) text = on.width > used + owed ? fitted(text, on.width - used - owed, on) : std::string{};
      if (text.empty()) return out;
      if (owed > 0) out.push_back({std::string(owed, ' '), ink::plain});
      used += owed + columns_of(text);
      owed = 0;
      out.push_back({std::move(text), row[i].with});
      if (is_last) return out;
    }
    owed += (columns_[i].right ? 0 : blanks) + between.size();
  }
  return out;
}

table table::without_empty_columns() const {
  table out{{}};
  out.rows_.resize(rows_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto is_empty = [i](const auto& row) { return i >= row.size() || row[i].text.empty(); };
    if (columns_[i].may_go && std::all_of(rows_.begin(), rows_.end(), is_empty)) continue;
    out.columns_.push_back(columns_[i]);
    for (std::size_t j = 0; j < rows_.size(); ++j) out.rows_[j].push_back(i < rows_[j].size() ? rows_[j][i] : cell{});
  }
  return out;
}

std::vector<std::vector<cell>> table::lines(const paper& on, bool with_titles) const {
  const auto wide = widths(on, with_titles);
  std::vector<std::vector<cell>> out;
  if (with_titles) {
    std::vector<cell> titles;
    for (const auto& one : columns_) titles.push_back({one.title, ink::strong});
    out.push_back(line(titles, wide, on));
  }
  for (const auto& row : rows_) out.push_back(line(row, wide, on));
  return out;
}

std::string table::text(const paper& on, bool with_titles) const {
  std::string out;
  for (const auto& one : lines(on, with_titles)) {
    for (const auto& part : one) out += inked(part.text, part.with, on);
    out += '\n';
  }
  return out;
}

}  // namespace steward::cli
