#include "config/key_advice.hpp"

#include "config/foreign_words.hpp"
#include "config/suggest.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace steward::config {
namespace {

std::vector<std::string> keys_of(std::string_view section) {
  std::vector<std::string> result;
  for (const auto* one : fields_of(section)) {
    result.emplace_back(one->key);
  }
  return result;
}

std::optional<std::string> nearest_key(std::string_view section, std::string_view written) {
  auto ours = meant_key(section, written);
  return ours ? ours : did_you_mean(written, keys_of(section));
}

// The key of this section that is `key` but for a plural: "restarts" for "restart".
std::optional<std::string> plural_of(std::string_view section, std::string_view key) {
  for (const auto* one : fields_of(section)) {
    const std::string_view ours{one->key};
    const auto shorter = ours.size() < key.size() ? ours : key;
    const auto longer = ours.size() < key.size() ? key : ours;
    if (longer.size() == shorter.size() + 1 && longer.back() == 's' && longer.starts_with(shorter)) {
      return std::string{one->key};
    }
  }
  return std::nullopt;
}

// The key of this section that holds maps which have `key`.
std::optional<std::string> holder_of(std::string_view section, const yaml_node& map, std::string_view key) {
  std::optional<std::string> result;
  for (const auto* one : fields_of(section)) {
    if (one->nested.empty() || find_field(one->nested, key) == nullptr) {
      continue;
    }
    if (map.find(one->key) != nullptr) {
      return std::string{one->key};
    }
    result = result ? result : std::optional{std::string{one->key}};
  }
  return result;
}

// The key under which maps of this section stand beside `key`.
std::optional<std::string> neighbour_of(std::string_view section, std::string_view key) {
  for (const auto& one : schema()) {
    if (one.nested == section && one.section != section && find_field(one.section, key) != nullptr) {
      return std::string{one.key};
    }
  }
  return std::nullopt;
}

bool is_parameter(const catalog& names, const yaml_node& child, std::string_view key) {
  const auto* type = child.find("actor");
  if (type == nullptr) {
    return false;
  }
  const auto found = std::ranges::find(names.actors, type->value.text, &actor_info::name);
  return found != names.actors.end() && std::ranges::find(found->params, key, &param_spec::name) != found->params.end();
}

}  // namespace

std::optional<key_fault> explain_joined(const std::vector<std::string>& keys, std::string_view text) {
  const auto end = text.find_first_of(": =");
  if (end == std::string_view::npos || end == 0) {
    return std::nullopt;
  }
  const std::string written{text.substr(0, end)};
  const bool is_known = std::ranges::find(keys, written) != keys.end();
  const auto key = is_known ? std::optional{written} : did_you_mean(written, keys);
  if (!key) {
    return std::nullopt;
  }
  const auto value = text.find_first_not_of(" =:", end);
  const auto right = value == std::string_view::npos ? "..." : text.substr(value);
  return key_fault{text[end] == ':' ? "a space is missing behind the colon" : "a colon is missing behind the key",
                   {fmt::format("{}: {}", *key, right), {}},
                   *key};
}

key_fault explain_key(const catalog& names, std::string_view section, const yaml_node& map, const yaml_entry& entry) {
  const auto& key = entry.key;
  const auto unknown = [](hint more, std::string meant = "") {
    return key_fault{"unknown key", std::move(more), meant};
  };
  if (entry.value.what == yaml_node::kind::null) {
    if (auto joined = explain_joined(keys_of(section), key)) {
      return *joined;
    }
  }
  if (key.size() > 1 && key.front() == '-' && nearest_key(section, key.substr(1))) {
    return {"a space is missing behind the '-'", {"- " + key.substr(1), {}}, ""};
  }
  if (section == "child" && is_parameter(names, map, key)) {
    return unknown({"it below 'with', as a parameter of the actor", {}}, "with");
  }
  if (auto ours = meant_key(section, key)) {
    return unknown({{}, ours}, *ours);
  }
  if (auto other_number = plural_of(section, key)) {
    return unknown({{}, other_number}, *other_number);
  }
  if (const auto holder = holder_of(section, map, key)) {
    return unknown({fmt::format("it below '{}'", *holder), {}}, *holder);
  }
  if (const auto neighbour = neighbour_of(section, key)) {
    return unknown({fmt::format("it one level up, beside '{}'", *neighbour), {}});
  }
  const bool may_hold = entry.value.what == yaml_node::kind::null || entry.value.what == yaml_node::kind::map;
  if (section == "child" && may_hold && map.find("id") == nullptr && is_valid_name(key)) {
    return unknown({{}, "id: " + key}, "id");
  }
  const auto keys = keys_of(section);
  if (auto near = did_you_mean(key, keys)) {
    return unknown({{}, near}, *near);
  }
  return unknown({"one of " + list_names(keys), {}});
}

std::optional<key_fault> explain_text(std::string_view section, const yaml_node& text) {
  if (text.what != yaml_node::kind::scalar || text.quoted) {
    return std::nullopt;
  }
  return explain_joined(keys_of(section), text.text);
}

}  // namespace steward::config
