#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace steward::cli {

/// What a text is, where there are colours.
enum class ink : std::uint8_t { plain, strong, good, bad, odd, dim };

/// What views are drawn on.
struct paper {
  std::size_t width = 0;  ///< columns; 0: as many as it takes
  bool colour = false;
  bool utf8 = true;

  std::string_view ellipsis() const noexcept { return utf8 ? "…" : "~"; }
};

/// Standard output as it is: its width when it is a terminal, colours as `setting` says ("auto", "always", "never") and
/// NO_COLOR, and the characters of the locale.
paper paper_of_output(const std::string& setting);
/// Whether the locale of the environment writes UTF-8.
bool locale_is_utf8();

/// How many columns a terminal needs for it; UTF-8 without control characters.
std::size_t columns_of(std::string_view text) noexcept;
/// At most so many columns of it; with an ellipsis at the end where something is left out.
std::string fitted(std::string_view text, std::size_t columns, const paper& on);
/// The same with its end kept, and the ellipsis before it: of paths the end tells more.
std::string fitted_end(std::string_view text, std::size_t columns, const paper& on);
/// All of it, in lines of at most so many columns that end between words where that can be.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns);
/// A text in its ink.
std::string inked(std::string_view text, ink with, const paper& on);

struct cell {
  std::string text;
  ink with = ink::plain;
};

/// Rows whose cells stand in line below titles. Lines are never wider than the paper: columns that may shrink are cut
/// first, then the ends of the lines.
class table {
public:
  struct column {
    std::string title;
    bool right = false;
    bool shrinks = false;
    bool may_go = false;     ///< where it has nothing in any row
    bool keeps_end = false;  ///< where it is cut
  };

  explicit table(std::vector<column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<cell> row) { rows_.push_back(std::move(row)); }
  table without_empty_columns() const;
  bool empty() const noexcept { return rows_.empty(); }
  std::string text(const paper& on, bool with_titles = true) const;
  /// The same, each line as the cells and the blanks between them.
  std::vector<std::vector<cell>> lines(const paper& on, bool with_titles = true) const;

private:
  std::vector<std::size_t> widths(const paper& on, bool with_titles) const;
  std::vector<cell> line(const std::vector<cell>& row, const std::vector<std::size_t>& widths, const paper& on) const;

  std::vector<column> columns_;
  std::vector<std::vector<cell>> rows_;
};

}  // namespace steward::cli
