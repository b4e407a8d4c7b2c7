#pragma once

#include "steward/event.hpp"
#include "store/database.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace steward::store {

/// So many events, by their rows, share one entry.
inline constexpr unsigned stretch_bits = 9;
inline constexpr std::int64_t stretch_rows = std::int64_t{1} << stretch_bits;

constexpr std::int64_t stretch_of_row(std::int64_t row) noexcept { return row >> stretch_bits << stretch_bits; }

/// A word as it stands in an entry: between line feeds.
inline std::string delimited(std::string_view word) { return "\n" + std::string{word} + "\n"; }

/// Notes which kinds and actors there are in each stretch of events, so that whoever looks for some reads only those
/// stretches. An index with an entry for each event would cost as much as the event itself.
///
/// Within transactions of the caller. Not thread-safe. Throws `database_error`.
class stretch_notes {
public:
  explicit stretch_notes(database& in);

  void note(std::int64_t row, event_kind kind, const std::string& actor);
  /// Before the transaction is committed in which something was noted.
  void write();

private:
  void begin(std::int64_t stretch);
  void add(std::string_view word);

  statement known_;
  statement put_;
  std::int64_t stretch_ = -1;
  std::unordered_set<std::string> seen_;
  std::uint64_t kinds_ = 0;  // that were seen, by bits
  std::string actor_;        // of the last event
  std::string words_;        // as they stand in the entry
  bool changed_ = false;
};

}  // namespace steward::store
