#include "store/last_words.hpp"

#include "observe/event_reader.hpp"
#include "steward/sinks.hpp"
#include "store/schema.hpp"
#include "store/state_directory.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace steward::store {

std::vector<event> read_last_words(const std::string& directory) {
  std::vector<event> out;
  const auto path = directory + "/" + last_words_name;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return out;
  bool whole = true;
  read_events(
      path,
      [&](const event& e) {
        if (whole) out.push_back(e);
      },
      [&](const line_fault&) { whole = false; });
  return out;
}

std::vector<event> missing_words(database& in, std::uint64_t run, const std::string& id, std::vector<event> words) {
  std::erase_if(words, [&](const event& e) { return e.run != id; });
  if (words.empty()) return words;
  statement line{in, "SELECT line FROM events WHERE id = ?"};
  statement newest{in, "SELECT coalesce(max(id), ?1) FROM events WHERE id >= ?1 AND id < ?2"};
  newest.bind(1, row_of(run, 0)).bind(2, row_of(run + 1, 0));
  auto last = newest.next() ? seq_of_row(newest.number(0)) : 0;
  std::vector<event> out;
  for (auto& e : words) {
    line.reset();
    const bool taken = line.bind(1, row_of(run, e.seq)).next();
    if (taken && line.text(0) == to_json_line(e)) continue;
    if (e.seq <= last && (taken || !out.empty())) e.seq = last + 1;
    last = std::max(last, e.seq);
    out.push_back(std::move(e));
  }
  std::ranges::sort(out, {}, &event::seq);
  return out;
}

}  // namespace steward::store
