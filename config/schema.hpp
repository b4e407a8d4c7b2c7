#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace steward::config {

/// What may stand behind a key.
enum class value_kind : std::uint8_t {
  text,      ///< any text
  name,      ///< `[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`
  integer,   ///< strict decimal
  real,      ///< strict decimal, with a fraction or not; never nan or inf
  boolean,   ///< true or false
  duration,  ///< a whole number and ms, s, m or h
  size,      ///< a whole number and B, KiB, MiB or GiB
  choice,    ///< one of `allowed`
  texts,     ///< list of texts
  integers,  ///< list of integers
  choices,   ///< list of some of `allowed`
  section,   ///< a map that has its own fields: section `nested`
  sections,  ///< a list of such maps
  special,   ///< has rules of its own, told in `doc`
};

/// Largest value of numbers that need no limit of their own.
constexpr std::int64_t no_upper_limit = std::numeric_limits<std::int64_t>::max();

/// One key of the configuration language. Everything that is known of a key stands here and nowhere else: validation,
/// defaults and documentation come from it.
struct field {
  std::string_view section;  ///< "pool"
  std::string_view key;      ///< "workers"
  value_kind kind = value_kind::text;
  std::string_view unit{};                     ///< of the number: "ms", "bytes", "tasks"; empty where there is none
  std::optional<std::string_view> fallback{};  ///< the default as it would be written; without it, no value
  std::optional<std::int64_t> min{};  ///< of numbers; in ms for durations, bytes for sizes; of the elements of a list
  std::optional<std::int64_t> max{};
  bool or_zero = false;  ///< zero is allowed, too, and means "none"
  std::vector<std::string> allowed{};
  std::vector<std::string> words{};  ///< of numbers: what may stand instead of one, such as "infinity"
  std::string_view nested{};         ///< section of the maps behind this key
  std::string_view doc{};            ///< one sentence
  bool required = false;
  bool filled = false;  ///< of lists: must not be empty
};

/// All fields, section by section, in the order in which people write them. Immutable; any thread may call it.
std::span<const field> schema();

/// The fields of a section; empty when there is no such section.
std::vector<const field*> fields_of(std::string_view section);

/// The field with this key, or null.
const field* find_field(std::string_view section, std::string_view key);

/// "an integer from 1 to 1024": what a user may write behind a key.
std::string expectation(const field& of);

/// Whether a number field takes this value.
bool is_within(const field& of, std::int64_t value);

/// How the zero of a field is written: "0", "0s" or "0B".
std::string none_of(const field& of);

/// A bound of a field in the field's own notation: "1024", "24h", "16MiB".
std::string render_bound(const field& of, std::int64_t bound);

}  // namespace steward::config
