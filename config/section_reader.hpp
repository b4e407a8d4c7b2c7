#pragma once

#include "config/diagnostics.hpp"
#include "config/scenario.hpp"
#include "config/schema.hpp"
#include "config/values.hpp"
#include "config/yaml_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::config {

/// What every part of the loader needs: where faults go and which names there are.
struct load_context {
  fault_log& faults;
  const catalog& names;
};

/// A text of the config with its place, for checks that come later.
struct placed_text {
  std::string text;
  mark at;
  std::string path;
  bool written = false;  ///< false for a default and for a value that was reported as faulty
};

/// An element of a list of integers with its place.
struct placed_number {
  std::int64_t value = 0;
  mark at;
  std::string path;
};

/// Reads one map of the config field by field, always through the schema: construction reports unknown and missing
/// keys, each getter reports a wrong type or range and returns the default in its place. Asking for a key that the
/// schema does not have, or as another type, is a bug and asserts. Refers to the tree and the context it was made from.
/// Not thread-safe.
class section_reader {
public:
  /// `node` null stands for a map that was not written: every field has its default, and nothing is missing.
  section_reader(load_context& context, std::string_view section, const yaml_node* node, std::string path, mark at);

  /// Whether the key is written, be it rightly or wrongly.
  bool has(std::string_view key) const;

  /// True when what is missing here may have been written wrongly: this is no map, or it has unknown keys. That has
  /// been reported already.
  bool garbled() const noexcept { return garbled_; }
  /// Whether an unknown key was to be this one, or below it.
  bool means(std::string_view key) const;

  placed_text text(std::string_view key) const;  ///< of text, name and choice fields
  std::int64_t integer(std::string_view key) const;
  std::int64_t size(std::string_view key) const;  ///< bytes
  double real(std::string_view key) const;
  bool boolean(std::string_view key) const;
  milliseconds duration(std::string_view key) const;
  std::vector<placed_text> texts(std::string_view key) const;  ///< of texts and choices fields
  std::vector<placed_number> integers(std::string_view key) const;
  /// The word that stands instead of a number, such as "infinity"; empty when there is none.
  std::string_view word(std::string_view key) const;
  section_reader nested(std::string_view key) const;
  std::vector<section_reader> nested_list(std::string_view key) const;
  const yaml_node* special(std::string_view key) const;  ///< null when absent or reported already

  /// An `integer` that the field's range keeps within `unsigned`.
  unsigned count(std::string_view key) const { return static_cast<unsigned>(integer(key)); }

  /// Reports a fault at the value of a key, or at the section when the key is not written.
  void fault(std::string_view key, std::string message, hint more = {}) const;

  /// Reports a fault at the key itself.
  void fault_at_key(std::string_view key, std::string message, hint more = {}) const;

  /// Reports a fault at what is written below here, such as "backoff.min", as far as it is written.
  void fault_below(std::string_view keys, std::string message, hint more = {}) const;

  /// Whether there is something at "backoff.min" below here.
  bool has_below(std::string_view keys) const;

  /// Warns of what stands there.
  void warn_below(std::string_view keys, std::string message) const;

  /// The map as it is written; null when it is not.
  const yaml_node* node() const noexcept { return node_; }

  std::string path_of(std::string_view key) const;
  mark place_of(std::string_view key) const;  ///< of the value, or of the section when the key is not written
  const std::string& path() const noexcept { return path_; }
  const mark& at() const noexcept { return at_; }
  load_context& context() const noexcept { return *context_; }

private:
  const yaml_entry* entry(std::string_view key) const;
  std::pair<mark, bool> find_below(std::string_view keys) const;
  const yaml_node* scalar(const field& of) const;
  const std::vector<yaml_node>* list(const field& of) const;
  void check_keys();
  void report_no_map(const yaml_node& found);
  void add_number_fault(const field& of, const mark& at, const std::string& path, value_fault bad) const;
  bool within_range(const field& of, std::int64_t value, const mark& at, const std::string& path) const;
  std::int64_t bounded(const field& of) const;
  void wrong_type(const yaml_node& found, const mark& at, const std::string& path, hint more) const;

  load_context* context_;
  std::string_view section_;
  const yaml_node* node_;  // null, or a map
  std::string path_;
  mark at_;
  bool garbled_ = false;
  std::vector<std::string> meant_;  // keys that unknown ones were to be, or to stand below
};

}  // namespace steward::config
