#include "config/yaml_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace steward::config {
namespace {

constexpr auto npos = std::string_view::npos;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

// The length of the word that a text begins with.
std::size_t word_length(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_word) - text.begin());
}

// Goes over a text line by line as a person does, keeps which columns are open, and stops at the first thing that does
// not fit. It knows less than YAML: what it cannot judge, it takes for right.
class syntax_walk {
public:
  explicit syntax_walk(std::string_view text) : text_(text), has_anchors_(text.find('&') != npos) {}

  std::optional<syntax_fault> run() {
    while (!fault_ && pos_ < text_.size()) {
      read_line();
    }
    return std::move(fault_);
  }

private:
  // A map or a list whose entries begin in the same column.
  struct level {
    std::size_t indent = 0;
    bool is_list = false;
    std::size_t pos = 0;    // of the last entry
    std::size_t first = 0;  // of the first one
  };

  struct bracket {
    char kind = '{';
    std::size_t pos = 0;
    bool has_key = false;    // of the entry at hand
    bool has_value = false;  // the same
  };

  void fail(std::size_t pos, std::string message, std::string expected) {
    if (!fault_) {
      fault_ = syntax_fault{pos, std::move(message), {std::move(expected), {}}};
    }
  }

  std::size_t line_begin(std::size_t pos) const {
    const auto before = pos == 0 ? npos : text_.rfind('\n', pos - 1);
    return before == npos ? 0 : before + 1;
  }
  std::size_t line_end(std::size_t pos) const { return std::min(text_.find('\n', pos), text_.size()); }
  std::size_t line_number(std::size_t pos) const {
    return 1 + static_cast<std::size_t>(std::ranges::count(text_.substr(0, pos), '\n'));
  }
  void go_on_below(std::size_t pos) { pos_ = line_end(pos) + 1; }

  std::size_t skip_spaces(std::size_t pos) const {
    while (pos < text_.size() && is_space(text_[pos])) ++pos;
    return pos;
  }

  // Whether nothing but a comment is left of the line.
  bool ends_at(std::size_t pos) const {
    return pos >= text_.size() || text_[pos] == '\n' || (text_[pos] == '#' && (pos == 0 || text_[pos - 1] <= ' '));
  }

  // What stands from here to the end of the line or the comment behind it.
  std::string_view rest_of_line(std::size_t pos) const {
    auto rest = text_.substr(pos, line_end(pos) - pos);
    rest = rest.substr(0, rest.find(" #"));
    while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
    return rest;
  }

  bool is_mark(std::size_t pos) const { return pos >= text_.size() || text_[pos] <= ' '; }

  bool is_number(std::size_t at) const { return at + 1 < text_.size() && text_[at + 1] >= '0' && text_[at + 1] <= '9'; }

  // ---- lines ----

  void read_line() {
    const auto begin = pos_;
    auto at = begin;
    while (at < text_.size() && text_[at] == ' ') ++at;
    go_on_below(begin);
    if (ends_at(skip_spaces(at))) return;
    if (block_parent_ && at - begin > *block_parent_) return;
    block_parent_.reset();
    if (text_[at] == '\t') return fail(at, "a tab in the indentation", "spaces, since tabs are not allowed here");
    const auto start = text_.substr(begin, 3);
    if (((start == "---" || start == "...") && is_mark(begin + 3)) || text_[begin] == '%') {
      levels_.clear();
      awaits_value_ = true;
      return;
    }
    // The parser gives up on deeper ones before.
    constexpr std::size_t deepest = 64;
    while (at < text_.size() && !ends_at(at) && levels_.size() < deepest) {
      at = read_entry(at, at - begin);
    }
  }

  // Returns where an entry of a list goes on, and for others the end.
  std::size_t read_entry(std::size_t at, std::size_t indent) {
    const bool is_item = text_[at] == '-' && is_mark(at + 1);
    if (!is_item && (text_[at] == '-' || (text_[at] == '*' && is_mark(at + 1))) && !is_number(at)) {
      fail(at, "entries of a list begin with '- '", fmt::format("- {}", rest_of_line(skip_spaces(at + 1))));
      return text_.size();
    }
    const auto colon = is_item ? npos : find_colon(at);
    if (!is_item && colon == npos) {
      read_text(at, indent);
    } else if (open_level(at, indent, is_item)) {
      levels_.back().pos = at;
      continues_ = false;
      awaits_value_ = true;
      if (is_item) return skip_spaces(at + 1);
      read_value(colon + 1);
    }
    return text_.size();
  }

  // The colon behind the key that begins here, if one does.
  std::size_t find_colon(std::size_t at) const {
    const char first = text_[at];
    const auto line = text_.substr(0, line_end(at));
    if (first == '{' || first == '[') return npos;
    if (first == '"' || first == '\'') {
      const auto close = line.find(first, at + 1);
      const auto next = close == npos ? npos : skip_spaces(close + 1);
      return next != npos && next < line.size() && line[next] == ':' && is_mark(next + 1) ? next : npos;
    }
    const auto length = rest_of_line(at).size();
    for (auto i = at; i < at + length; ++i) {
      if (text_[i] == ':' && is_mark(i + 1)) return i;
    }
    return npos;
  }

  // Makes the column of an entry the innermost open one; false after a report.
  bool open_level(std::size_t at, std::size_t indent, bool is_item) {
    std::optional<level> left;
    while (!levels_.empty() && levels_.back().indent > indent) {
      if (!left || !is_item || levels_.back().is_list) left = levels_.back();
      levels_.pop_back();
      awaits_value_ = false;
    }
    const bool is_open = !levels_.empty() && levels_.back().indent == indent;
    if (is_open && levels_.back().is_list && !is_item) {
      // A list may stand in the column of the key that it belongs to; then this is the next key.
      const auto list = levels_.back();
      levels_.pop_back();
      if (!levels_.empty() && levels_.back().indent == indent) return true;
      return misplaced(at, indent, left.value_or(list));
    }
    if (is_open && levels_.back().is_list == is_item) return true;
    if (awaits_value_) {
      levels_.push_back({indent, is_item, at, at});
      return true;
    }
    if (is_open && left && left->is_list) return misplaced(at, indent, *left);
    if (is_open) {
      fail(at, "an entry of a list among the keys of a map", "a key without '- ', or above it the key of the list");
      return false;
    }
    if (levels_.empty() && !left) {
      no_entry(lone_text_);
      return false;
    }
    if (levels_.empty() && left->first == left->pos)
      return misplaced(left->pos, left->indent, {indent, is_item, at, at}, "below");
    if (is_item && !levels_.empty() && levels_.back().is_list) return misplaced(at, indent, levels_.back());
    return misplaced(at, indent, left ? *left : levels_.back());
  }

  bool misplaced(std::size_t at, std::size_t indent, const level& near, std::string_view where = "above") {
    const auto* space = indent == 1 ? "space of indentation fits" : "spaces of indentation fit";
    fail(at, fmt::format("{} {} nothing {}", indent, space, where),
         fmt::format("{}{}, as line {} has", near.indent, near.is_list ? " and '- '" : "", line_number(near.pos)));
    return false;
  }

  // A line that is neither `key: value` nor an entry of a list.
  void read_text(std::size_t at, std::size_t indent) {
    const bool is_deeper = levels_.empty() || indent > levels_.back().indent;
    const auto rest = rest_of_line(at);
    const auto word = word_length(rest);
    const bool joined = word > 0 && word + 1 < rest.size() && rest[word] == ':' && rest[word + 1] != '/';
    if (joined && (is_word(rest.front()) && rest.front() != '-'))
      return fail(at + word, "a space is missing behind the colon",
                  fmt::format("{}: {}", rest.substr(0, word), rest.substr(word + 1)));
    if (levels_.empty()) lone_text_ = at;
    if (is_deeper && awaits_value_) return read_value(at);
    if (is_deeper && continues_) return;
    no_entry(at);
  }

  void no_entry(std::size_t at) {
    const auto rest = rest_of_line(at);
    const auto word = word_length(rest);
    const auto behind = std::min(rest.find_first_not_of(" =", word), rest.size());
    if (word > 0 && (behind == rest.size() || behind != word))
      return fail(at + word, "a colon is missing behind the key",
                  fmt::format("{}: {}", rest.substr(0, word), behind == rest.size() ? "..." : rest.substr(behind)));
    fail(at, "this is neither a key with a value nor an entry of a list", "`key: value`, or `- entry`");
  }

  // ---- values ----

  void read_value(std::size_t at) {
    at = skip_spaces(at);
    if (ends_at(at)) return;
    awaits_value_ = false;
    switch (text_[at]) {
      case '{':
      case '[':
        return read_flow(at);
      case '"':
      case '\'':
        return read_quoted_value(at);
      case '|':
      case '>':
        return read_block(at);
      case '&':
      case '!':
        return read_value(std::min(text_.find_first_of(" \n", at), text_.size()));
      case '*':
        return read_alias(at);
      case '@':
      case '`':
      case '%':
        return fail(at, fmt::format("a value cannot begin with '{}'", text_[at]), "quotes around the value");
      case '}':
      case ']':
        return fail(at, fmt::format("this '{}' closes nothing", text_[at]), "quotes around a text that begins with it");
      case '-':
      case '?':
        if (is_mark(at + 1))
          return fail(at, fmt::format("a '{}' behind a key", text_[at]),
                      "lists in the lines below their key, or as [a, b], and quotes around a text");
        break;
      default:
        break;
    }
    read_plain(at);
  }

  void read_alias(std::size_t at) {
    // Where there are anchors the alias may be right, as far as the parser is concerned.
    if (!has_anchors_)
      fail(at, "aliases are not supported", "the value itself, or quotes around a text that begins with '*'");
  }

  void read_block(std::size_t at) {
    const auto header = rest_of_line(at + 1);
    if (header.find_first_not_of("+-0123456789") != npos)
      return fail(at, fmt::format("text behind '{}'", text_[at]), "the text in the lines below, or quotes around it");
    block_parent_ = levels_.empty() ? 0 : levels_.back().indent;
  }

  void read_quoted_value(std::size_t at) {
    const auto end = read_quoted(at);
    const auto next = skip_spaces(end);
    if (fault_ || ends_at(next)) return go_on_below(end);
    fail(next, "text behind the closing quote",
         text_[at] == '"' ? R"(quotes around all of it, with \" for a quote within)"
                          : "quotes around all of it, with '' for a quote within");
  }

  void read_plain(std::size_t at) {
    continues_ = true;
    const auto rest = rest_of_line(at);
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (rest[i] != ':' || !is_mark(at + i + 1)) continue;
      const auto comma = rest.substr(0, i).find_last_of(",;");
      if (comma != npos)
        return fail(at + comma, "a second key in the same line",
                    "it in a line of its own, or both in braces as {a: 1, b: 2}");
      return fail(at + i, "a second ':' in the same line", "braces around a map, or quotes around a text");
    }
  }

  // The place behind the closing quote; reports when there is none.
  std::size_t read_quoted(std::size_t at) {
    const char quote = text_[at];
    for (auto i = at + 1; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        constexpr std::string_view known = "0abtnvfre\"/\\N_LPxuU \t\n\r";
        if (i + 1 < text_.size() && known.find(text_[i + 1]) == npos) {
          fail(i, fmt::format("'\\{}' means nothing in double quotes", text_[i + 1]),
               R"(\\ for a backslash, or single quotes)");
          return i;
        }
        ++i;
      } else if (text_[i] == quote && quote == '\'' && i + 1 < text_.size() && text_[i + 1] == quote) {
        ++i;
      } else if (text_[i] == quote) {
        return i + 1;
      } else if (text_[i] == '\n' && begins_entry(i + 1)) {
        break;
      }
    }
    fail(at, "the closing quote is missing", fmt::format("a {} at the end of the text", quote));
    return text_.size();
  }

  // Whether a line that may belong to a quoted text looks as if it did not.
  bool begins_entry(std::size_t pos) const {
    auto at = skip_spaces(pos);
    while (at + 1 < text_.size() && text_[at] == '-' && text_[at + 1] == ' ') at = skip_spaces(at + 1);
    const auto word = word_length(text_.substr(at));
    return word > 0 && at + word < text_.size() && text_[at + word] == ':' && is_mark(at + word + 1);
  }

  // ---- braces and brackets ----

  void read_flow(std::size_t at) {
    const auto indent = indent_of(line_begin(at));
    open_.clear();
    open_.push_back({text_[at], at});
    auto i = at + 1;
    while (!fault_ && !open_.empty()) {
      i = skip_spaces(i);
      if (i >= text_.size()) return never_closed();
      if (text_[i] == '\n') {
        if (leaves_flow(indent, i + 1)) return never_closed();
        ++i;
      } else if (ends_at(i)) {
        i = line_end(i);
      } else {
        i = read_in_flow(i);
      }
    }
    if (fault_) return;
    const auto next = skip_spaces(i);
    if (!ends_at(next) && (text_[next] == '}' || text_[next] == ']'))
      return fail(next, fmt::format("this '{}' closes nothing", text_[next]), "no more than what was opened");
    if (!ends_at(next) && text_[next] != ':')
      return fail(next, fmt::format("text behind the '{}'", text_[i - 1]),
                  fmt::format("quotes around a text that begins with '{}'", text_[at]));
    go_on_below(i);
  }

  void never_closed() {
    const auto& last = open_.back();
    fail(last.pos, fmt::format("this '{}' is never closed", last.kind), fmt::format("a '{}'", closing(last.kind)));
  }

  static char closing(char kind) { return kind == '{' ? '}' : ']'; }

  std::size_t indent_of(std::size_t line) const { return text_.find_first_not_of(' ', line) - line; }

  // Whether the line at `pos` is no deeper than the one in which braces were opened, and closes none: it belongs to
  // what is around them.
  bool leaves_flow(std::size_t indent, std::size_t pos) const {
    const auto content = skip_spaces(pos);
    if (content >= text_.size() || ends_at(content) || text_[content] == '}' || text_[content] == ']') return false;
    return indent_of(pos) <= indent && (begins_entry(pos) || text_[content] == '-');
  }

  // Takes one mark or value and returns the place behind it.
  std::size_t read_in_flow(std::size_t i) {
    auto& inner = open_.back();
    switch (text_[i]) {
      case '}':
      case ']':
        if (text_[i] != closing(inner.kind)) {
          fail(i, fmt::format("'{}' where '{}' is due", text_[i], closing(inner.kind)),
               fmt::format("what closes the '{}' in line {}", inner.kind, line_number(inner.pos)));
          return i;
        }
        open_.pop_back();
        if (!open_.empty()) open_.back().has_value = true;
        return i + 1;
      case ',':
        inner.has_key = inner.has_value = false;
        return i + 1;
      case ':':
        inner.has_key = true;
        inner.has_value = false;
        return i + 1;
      case '{':
      case '[':
        if (inner.has_value) return comma_missing(i);
        open_.push_back({text_[i], i});
        return i + 1;
      case '"':
      case '\'': {
        if (inner.has_value) return comma_missing(i);
        inner.has_value = true;
        return read_quoted(i);
      }
      default:
        return read_word(i);
    }
  }

  // What does not fit between braces may be the lines below one that is not closed.
  bool is_closed(std::size_t pos) const {
    int depth = 0;
    for (const char c : text_.substr(pos)) {
      depth += c == '{' || c == '[' ? 1 : (c == '}' || c == ']' ? -1 : 0);
      if (depth == 0) return true;
    }
    return false;
  }

  std::size_t comma_missing(std::size_t i) {
    if (!is_closed(open_.front().pos)) {
      open_.resize(1);
      never_closed();
    }
    fail(i, "a comma is missing here", "commas between entries, or quotes around one");
    return i;
  }

  std::size_t read_word(std::size_t i) {
    auto& inner = open_.back();
    auto end = i;
    while (end < text_.size() && text_[end] != '\n' && std::string_view{",[]{}"}.find(text_[end]) == npos) {
      if (text_[end] == '#' && is_space(text_[end - 1])) break;
      if (text_[end] == ':' && (is_mark(end + 1) || std::string_view{",[]{}"}.find(text_[end + 1]) != npos)) {
        const auto space = text_.substr(i, end - i).rfind(' ');
        if (inner.has_value) return comma_missing(i);
        if (inner.has_key && space != npos) return comma_missing(i + space + 1);
        if (inner.has_key && !is_closed(open_.front().pos)) return comma_missing(i);
        if (inner.has_key) fail(end, "a second ':' in the same entry", "braces around a map, or quotes around a text");
        return end;
      }
      ++end;
    }
    inner.has_value = true;
    return end;
  }

  std::string_view text_;
  bool has_anchors_;
  std::size_t pos_ = 0;
  std::vector<level> levels_;
  std::size_t lone_text_ = 0;  // where a text stands that belongs to no key
  std::vector<bracket> open_;
  std::optional<std::size_t> block_parent_;  // column of the key whose text in lines of their own is being skipped
  bool awaits_value_ = true;                 // the last entry has no value yet
  bool continues_ = false;                   // the last value is a text that may go on in deeper lines
  std::optional<syntax_fault> fault_;
};

}  // namespace

std::optional<syntax_fault> explain_syntax(std::string_view text) { return syntax_walk{text}.run(); }

}  // namespace steward::config
