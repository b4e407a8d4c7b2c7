#include "config/overrides.hpp"

#include "config/suggest.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace steward::config {
namespace {

struct part {
  std::string text;
  std::size_t begin = 0;  // byte offset in the assignment
};

// An override on its way through the document.
class override_walk {
public:
  override_walk(std::string_view path, std::size_t source, fault_log& faults)
      : path_(path), source_(source), faults_(faults) {}

  void run(yaml_node& document, yaml_node value) {
    if (!split()) {
      return;
    }
    yaml_node* here = &document;
    while (here != nullptr && next_ < parts_.size()) {
      here = descend(*here);
    }
    if (here != nullptr) {
      if (here->at.source != 0 && here->at.source != source_) {
        faults_.warn(here->at, path_, "this has no effect: a later --set wins");
      }
      *here = std::move(value);
    }
  }

private:
  bool split() {
    std::size_t begin = 0;
    while (begin <= path_.size()) {
      const std::size_t end = std::min(path_.find('.', begin), path_.size());
      parts_.push_back({std::string{path_.substr(begin, end - begin)}, begin});
      if (parts_.back().text.empty()) {
        report(begin, "the path has an empty part");
        return false;
      }
      begin = end + 1;
    }
    if (parts_.size() > max_depth) {
      report(0, fmt::format("the path has more than {} parts", max_depth));
      return false;
    }
    return true;
  }

  mark place(std::size_t offset) const { return {source_, 1, offset + 1}; }

  void report(std::size_t offset, std::string message, hint more = {}) {
    faults_.add(place(offset), path_, std::move(message), std::move(more));
  }

  yaml_node* descend(yaml_node& here) {
    switch (here.what) {
      case yaml_node::kind::invalid:
        return nullptr;
      case yaml_node::kind::scalar:
        report(parts_[next_].begin, fmt::format("'{}' is a single value and has no parts", path_before()));
        return nullptr;
      case yaml_node::kind::null:
        here.what = yaml_node::kind::map;
        here.at = place(parts_[next_].begin);
        return into_map(here);
      case yaml_node::kind::map:
        return into_map(here);
      case yaml_node::kind::sequence:
        return into_list(here);
    }
    return nullptr;
  }

  // Unknown keys are added like known ones: validation reports them, with what was meant.
  yaml_node* into_map(yaml_node& here) {
    const part& key = parts_[next_++];
    if (auto* found = here.find(key.text)) {
      if (next_ == parts_.size()) {
        found->at = place(key.begin);
      }
      return &found->value;
    }
    here.entries.push_back({key.text, place(key.begin), {}});
    here.entries.back().value.at = place(key.begin);
    return &here.entries.back().value;
  }

  // Ids may contain dots, so an element takes as many parts as its id has.
  yaml_node* into_list(yaml_node& here) {
    for (std::size_t last = parts_.size(); last > next_; --last) {
      const std::size_t begin = parts_[next_].begin;
      const std::size_t end = parts_[last - 1].begin + parts_[last - 1].text.size();
      const auto joined = path_.substr(begin, end - begin);
      for (auto& item : here.items) {
        if (name_of(item) == joined) {
          next_ = last;
          return &item;
        }
      }
    }
    const part& wanted = parts_[next_++];
    const auto index = parse_integer(wanted.text);
    if (const auto* number = std::get_if<std::int64_t>(&index)) {
      const auto count = here.items.size();
      if (*number >= 0 && static_cast<std::size_t>(*number) < count) {
        return &here.items[static_cast<std::size_t>(*number)];
      }
      if (*number >= 0 && static_cast<std::size_t>(*number) == count) {
        here.items.emplace_back();
        here.items.back().at = place(wanted.begin);
        return &here.items.back();
      }
      report(wanted.begin, fmt::format("there is no element {}", wanted.text),
             {fmt::format("an index from 0 to {}", count), {}});
      return nullptr;
    }
    report_unknown_element(here, wanted);
    return nullptr;
  }

  void report_unknown_element(const yaml_node& here, const part& wanted) {
    std::vector<std::string> names;
    for (const auto& item : here.items) {
      if (const auto name = name_of(item)) {
        names.emplace_back(*name);
      }
    }
    hint more;
    more.suggestion = did_you_mean(wanted.text, names);
    more.expected = names.empty() ? "an index" : "an index or one of " + list_names(names);
    report(wanted.begin, fmt::format("there is no element '{}'", wanted.text), std::move(more));
  }

  static std::optional<std::string_view> name_of(const yaml_node& item) {
    for (const auto* key : {"id", "name"}) {
      const auto* found = item.find(key);
      if (found != nullptr && found->value.what == yaml_node::kind::scalar) {
        return found->value.text;
      }
    }
    return std::nullopt;
  }

  std::string_view path_before() const {
    const std::size_t begin = parts_[next_].begin;
    return begin == 0 ? path_ : path_.substr(0, begin - 1);
  }

  std::string_view path_;
  std::size_t source_;
  fault_log& faults_;
  std::vector<part> parts_;
  std::size_t next_ = 0;
};

}  // namespace

void apply_override(yaml_node& document, const std::string& assignment, fault_log& faults) {
  const std::size_t source = faults.add_source("--set", assignment);
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos) {
    faults.add({source, 1, 1}, "", fmt::format("'{}' has no '='", assignment), {"PATH=VALUE", {}});
    return;
  }
  const std::string_view path = std::string_view{assignment}.substr(0, equals);
  const std::size_t faults_before = faults.count();
  auto value = read_yaml(std::string_view{assignment}.substr(equals + 1), source, faults, equals + 1);
  if (!value) {
    if (faults.count() == faults_before) {
      faults.add({source, 1, equals + 2}, path, "there is no value behind the '='", {"PATH=VALUE", {}});
    }
    return;
  }
  override_walk{path, source, faults}.run(document, std::move(*value));
}

}  // namespace steward::config
