#include "observe/event_reader.hpp"

#include "observe/json_reader.hpp"

#include <fmt/format.h>

#include <fstream>
#include <utility>
#include <vector>

namespace steward {

std::optional<event> event_of_line(std::string_view line, std::string& problem) {
  constexpr int format_version = 1;
  static thread_local simdjson::dom::parser parser;  // it keeps its memory from line to line
  json_reader::json parsed;
  if (parser.parse(line.data(), line.size()).get(parsed) != simdjson::SUCCESS) {
    problem = "it is no JSON";
    return std::nullopt;
  }
  try {
    json_reader in{parsed, "the line"};
    int version = 0;
    in.needed("v", version);
    if (version != format_version) throw bad_json("it is of another version of the format");
    event out;
    json_fields::fields(in, out);
    return out;
  } catch (const bad_json& what) {
    problem = what.what();
    return std::nullopt;
  }
}

void event_reader::read(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto piece = text.substr(0, end);
    if (!skips_ && kept_.size() + piece.size() > max_line_bytes) skips_ = true;
    read_ += piece.size();
    if (end == std::string_view::npos) {
      if (!skips_) kept_ += piece;
      return;
    }
    ++read_;
    if (skips_ || !kept_.empty()) {
      if (!skips_) kept_ += piece;
      take(kept_, false);
    } else {
      take(piece, false);
    }
    kept_.clear();
    skips_ = false;
    offset_ = read_;
    text.remove_prefix(end + 1);
  }
}

void event_reader::finish() {
  if (!kept_.empty() || skips_) take(kept_, true);
  kept_.clear();
  skips_ = false;
  offset_ = read_;
}

void event_reader::take(std::string_view line, bool last) {
  ++lines_;
  if (skips_) return tell(fmt::format("it has more than {} bytes", max_line_bytes), last);
  std::string problem;
  if (const auto e = event_of_line(line, problem))
    on_event_(*e);
  else
    tell(std::move(problem), last);
}

void event_reader::tell(std::string what, bool torn) {
  if (on_fault_) on_fault_({lines_, offset_, torn ? "it is torn: " + what : std::move(what), torn});
}

std::optional<std::string> read_events(const std::string& path, const event_reader::event_taker& on_event,
                                       const event_reader::fault_taker& on_fault) {
  std::ifstream in{path, std::ios::binary};
  if (!in) return path + " cannot be read";
  event_reader lines{on_event, on_fault};
  std::vector<char> piece(std::size_t{64} * 1024);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0)
    lines.read({piece.data(), static_cast<std::size_t>(in.gcount())});
  if (in.bad()) return path + " could not be read to its end";
  lines.finish();
  return std::nullopt;
}

}  // namespace steward
