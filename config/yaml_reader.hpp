#pragma once

#include "config/diagnostics.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::config {

// Limits of a document. A config that a person writes is far below each of them.
constexpr std::size_t max_document_bytes = 1U << 20U;
constexpr std::size_t max_depth = 32;
constexpr std::size_t max_nodes = 10'000;
constexpr std::size_t max_scalar_bytes = 64U << 10U;

struct yaml_entry;

/// A value of a YAML document. Values own what is in them.
struct yaml_node {
  enum class kind {
    null,  ///< written as `~`, `null` or nothing
    scalar,
    sequence,
    map,
    invalid,  ///< the fault has been reported already
  };

  kind what = kind::null;
  std::string text;     ///< of a scalar, after quotes and escapes
  bool quoted = false;  ///< a scalar that is text even where it looks like a number
  mark at;
  std::vector<yaml_node> items;     ///< of a sequence
  std::vector<yaml_entry> entries;  ///< of a map, in the order written; keys are unique

  /// The entry of a map with this key, or null.
  const yaml_entry* find(std::string_view key) const noexcept;
  yaml_entry* find(std::string_view key) noexcept;
};

/// One `key: value` of a map.
struct yaml_entry {
  std::string key;
  mark at;  ///< of the key
  yaml_node value;
};

/// What a value is, for messages: "text", "a list", "a map", "nothing".
const char* describe(const yaml_node& node) noexcept;

/// Parses one document. Refuses what makes YAML unsafe or ambiguous: anchors, aliases, merge keys, tags, keys that are
/// not text, duplicate keys, several documents, bytes that are not UTF-8, and anything over the limits above. `source`
/// is the index that `faults` gave to the text; `column_offset` is added to columns of the first line, for a text that
/// begins in the middle of its source. Returns nothing when the text cannot be parsed to its end; otherwise the tree,
/// in which faulty values are `invalid`. Either way every fault found is in `faults`. Not recursive; takes time in
/// proportion to the size of the text.
std::optional<yaml_node> read_yaml(std::string_view text, std::size_t source, fault_log& faults,
                                   std::size_t column_offset = 0);

}  // namespace steward::config
