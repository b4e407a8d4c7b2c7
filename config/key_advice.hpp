#pragma once

#include "config/section_reader.hpp"

#include <string>
#include <string_view>

namespace steward::config {

/// What is wrong with a key that its section does not have.
struct key_fault {
  std::string message;
  hint more;
  std::string meant;  ///< the key of the section that it was to be; empty when it is not known
};

/// Explains the key of `entry`, which `map` of this section holds and the section does not have: it is misspelt, has
/// another name here, belongs elsewhere, or is no key at all because a space or a colon is missing. Pure.
key_fault explain_key(const catalog& names, std::string_view section, const yaml_node& map, const yaml_entry& entry);

/// What was meant by "workers:4", "workers=4" or "workers 4" as a key without a value, where `keys` are the right ones.
std::optional<key_fault> explain_joined(const std::vector<std::string>& keys, std::string_view text);

/// What was meant by a text that stands where a map belongs, such as "workers:4"; nothing when it is no `key:value`.
std::optional<key_fault> explain_text(std::string_view section, const yaml_node& text);

}  // namespace steward::config
