#include "config/spec_places.hpp"

#include <fmt/format.h>

#include <utility>

namespace steward::config {
namespace {

void add_origins(const yaml_node& map, const std::string& prefix, const fault_log& faults,
                 std::map<std::string, std::string>& into) {
  for (const auto& one : map.entries) {
    if (one.key == "children") {
      continue;  // they have entries of their own
    }
    const auto key = prefix + one.key;
    into[key] = faults.origin(one.value.at);
    if (one.value.what == yaml_node::kind::map) {
      add_origins(one.value, key + ".", faults, into);
    }
  }
}

}  // namespace

void spec_places::add(const std::string& path, const section_reader& from) {
  auto& one = specs_[path];
  if (one.from) {
    one.is_sound = false;
  } else {
    one.from = from;
  }
}

const spec_places::entry* spec_places::find_sound(const std::string& path) const {
  const auto found = specs_.find(path);
  return found == specs_.end() || !found->second.from || !found->second.is_sound ? nullptr : &found->second;
}

const section_reader* spec_places::find(const std::string& path) const {
  const auto* found = find_sound(path);
  return found == nullptr ? nullptr : &*found->from;
}

void spec_places::report(const std::vector<spec_fault>& faults) const {
  for (const auto& fault : faults) {
    const auto* place = find_sound(fault.path);
    const auto parent = fault.path.substr(0, fault.path.rfind('/'));
    if (place == nullptr || (!parent.empty() && find_sound(parent) == nullptr)) {
      continue;
    }
    hint more;
    if (!fault.expected.empty()) more.expected = fault.expected;
    place->from->fault_below(fault.field, fault.message, std::move(more));
  }
}

origin_map spec_places::origins() const {
  origin_map result;
  for (const auto& [path, one] : specs_) {
    if (one.from && one.from->node() != nullptr) {
      add_origins(*one.from->node(), "", one.from->context().faults, result[path]);
    }
  }
  return result;
}

}  // namespace steward::config
