#include "store/stretches.hpp"

namespace steward::store {

stretch_notes::stretch_notes(database& in)
    : known_(in, "SELECT words FROM stretches WHERE first = ?"),
      put_(in, "INSERT OR REPLACE INTO stretches (first, words) VALUES (?, ?)") {}

void stretch_notes::note(std::int64_t row, event_kind kind, const std::string& actor) {
  if (const auto stretch = stretch_of_row(row); stretch != stretch_) {
    write();
    begin(stretch);
  }
  static_assert(static_cast<unsigned>(event_kind::child) < 64);
  const auto bit = std::uint64_t{1} << static_cast<unsigned>(kind);
  if ((kinds_ & bit) == 0) {
    kinds_ |= bit;
    add(to_string(kind));
  }
  if (actor == actor_) return;
  actor_ = actor;
  if (!actor.empty()) add(actor);
}

void stretch_notes::write() {
  if (!changed_) return;
  put_.bind(1, stretch_).bind(2, words_).run();
  changed_ = false;
}

/// One that was begun before goes on.
void stretch_notes::begin(std::int64_t stretch) {
  stretch_ = stretch;
  seen_.clear();
  kinds_ = 0;
  actor_.clear();
  words_ = "\n";
  known_.bind(1, stretch);
  if (known_.next()) words_ = known_.text(0);
  known_.reset();
  for (std::size_t at = 1; at < words_.size();) {
    const auto end = words_.find('\n', at);
    if (end == std::string::npos) break;
    seen_.insert(words_.substr(at, end - at));
    at = end + 1;
  }
}

void stretch_notes::add(std::string_view word) {
  if (!seen_.emplace(word).second) return;
  words_ += word;
  words_ += '\n';
  changed_ = true;
}

}  // namespace steward::store
