#include "config/diagnostics.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <tuple>

namespace steward::config {
namespace {

// Bytes of a line that are shown left and right of the place of a fault.
constexpr std::size_t bytes_before = 80;
constexpr std::size_t bytes_after = 60;

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

// A tab would put the caret in another column than the place, since terminals disagree on its width.
std::string printable(std::string_view text) {
  std::string spaced{text};
  std::replace(spaced.begin(), spaced.end(), '\t', ' ');
  return escape_text(spaced);
}

bool continues_character(std::string_view text, std::size_t pos) {
  return pos < text.size() && (static_cast<unsigned char>(text[pos]) & 0xc0U) == 0x80U;
}

void cut_excerpt(std::string_view line, std::size_t col, diagnostic& into) {
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  const std::size_t place = std::min(col > 0 ? col - 1 : 0, line.size());
  std::size_t first = place > bytes_before ? place - bytes_before : 0;
  while (first > 0 && first < place && continues_character(line, first)) {
    ++first;
  }
  const std::size_t last = place + utf8_cut(line.substr(place), bytes_after);
  std::string before = printable(line.substr(first, place - first));
  if (first > 0) {
    before.insert(0, "...");
  }
  into.caret = count_characters(before);
  into.excerpt = before + printable(line.substr(place, last - place));
  if (last < line.size()) {
    into.excerpt += "...";
  }
}

}  // namespace

std::string render(const diagnostic& fault) {
  std::string result = escape_text(fault.file);
  if (fault.line > 0) {
    result += fmt::format(":{}:{}", fault.line, fault.col);
  }
  result += fault.is_warning ? ": warning: " : ": error: ";
  if (!fault.path.empty()) {
    result += escape_text(fault.path) + ": ";
  }
  result += escape_text(fault.message);
  if (fault.expected && fault.suggestion) {
    result +=
        fmt::format(" (expected {}; did you mean '{}'?)", escape_text(*fault.expected), escape_text(*fault.suggestion));
  } else if (fault.expected) {
    result += fmt::format(" (expected {})", escape_text(*fault.expected));
  } else if (fault.suggestion) {
    result += fmt::format(" (did you mean '{}'?)", escape_text(*fault.suggestion));
  }
  result += '\n';
  if (fault.line > 0) {
    result += fmt::format("  {}\n  {}^\n", fault.excerpt, std::string(fault.caret, ' '));
  }
  return result;
}

std::string render_json(const std::vector<diagnostic>& faults) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& fault : faults) {
    nlohmann::ordered_json one{{"file", fault.file},       {"line", fault.line},
                               {"col", fault.col},         {"path", fault.path},
                               {"message", fault.message}, {"level", fault.is_warning ? "warning" : "error"}};
    if (fault.expected) {
      one["expected"] = *fault.expected;
    }
    if (fault.suggestion) {
      one["suggestion"] = *fault.suggestion;
    }
    all.push_back(std::move(one));
  }
  return all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::size_t fault_log::add_source(std::string name, std::string text) {
  std::vector<std::size_t> starts{0};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      starts.push_back(i + 1);
    }
  }
  sources_.push_back({std::move(name), std::move(text), std::move(starts)});
  return sources_.size() - 1;
}

void fault_log::add(const mark& at, std::string_view path, std::string message, hint more) {
  if (full()) {
    ++dropped_;
    return;
  }
  faults_.push_back({at, make(at, path, std::move(message), std::move(more))});
}

void fault_log::warn(const mark& at, std::string_view path, std::string message) {
  if (warnings_.size() < max_faults) {
    warnings_.push_back({at, make(at, path, std::move(message), {})});
    warnings_.back().fault.is_warning = true;
  }
}

diagnostic fault_log::make(const mark& at, std::string_view path, std::string message, hint more) const {
  const source& from = sources_.at(at.source);
  diagnostic fault;
  fault.file = from.name;
  fault.line = at.line;
  fault.col = at.col;
  fault.path = path;
  fault.message = std::move(message);
  fault.expected = std::move(more.expected);
  fault.suggestion = std::move(more.suggestion);
  if (at.line >= 1 && at.line <= from.line_starts.size()) {
    const std::size_t begin = from.line_starts[at.line - 1];
    const std::size_t end = at.line < from.line_starts.size() ? from.line_starts[at.line] - 1 : from.text.size();
    cut_excerpt(std::string_view{from.text}.substr(begin, end - begin), at.col, fault);
  }
  return fault;
}

bool fault_log::has_fault_in_line(const mark& at) const noexcept {
  return std::any_of(faults_.begin(), faults_.end(),
                     [&](const entry& x) { return x.at.source == at.source && x.at.line == at.line; });
}

std::string fault_log::where(const mark& at) const {
  return fmt::format("{}:{}", sources_.at(at.source).name, at.line);
}

std::string fault_log::origin(const mark& at) const { return at.source == 0 ? where(at) : sources_.at(at.source).name; }

std::vector<diagnostic> fault_log::in_order(std::vector<entry> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const entry& a, const entry& b) {
    return std::tie(a.at.source, a.at.line, a.at.col) < std::tie(b.at.source, b.at.line, b.at.col);
  });
  std::vector<diagnostic> result;
  result.reserve(entries.size() + 1);
  for (auto& one : entries) {
    result.push_back(std::move(one.fault));
  }
  return result;
}

std::vector<diagnostic> fault_log::warnings() const { return in_order(warnings_); }

std::vector<diagnostic> fault_log::sorted() const {
  auto result = in_order(faults_);
  if (dropped_ > 0) {
    diagnostic rest;
    rest.file = sources_.front().name;
    rest.message = fmt::format("{} more faults are not shown", dropped_);
    result.push_back(std::move(rest));
  }
  return result;
}

}  // namespace steward::config
