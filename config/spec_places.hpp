#pragma once

#include "config/section_reader.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace steward::config {

/// Where each written value of a tree stands, "squares.yaml:7" or "--set": by the path of the child or supervisor, and
/// by the keys from its own section on, such as "backoff.min". What is not in it has its default.
using origin_map = std::map<std::string, std::map<std::string, std::string>>;

/// Where the specs of a tree stand in the document, by their paths; refers to the document. Not thread-safe.
class spec_places {
public:
  /// The section of a child, or of the root. A second one with the same path spoils both.
  void add(const std::string& path, const section_reader& from);

  /// Marks a spec of which something was reported as faulty: it holds defaults in place of what was meant, and what
  /// follows from these would be no news.
  void spoil(const std::string& path) { specs_[path].is_sound = false; }

  /// Reports each fault at its place, unless it is in, or right below, a spec that is spoilt.
  void report(const std::vector<spec_fault>& faults) const;

  /// What is written of a child, or of the root; null when nothing is, or when it is spoilt.
  const section_reader* find(const std::string& path) const;

  origin_map origins() const;

private:
  struct entry {
    std::optional<section_reader> from;
    bool is_sound = true;
  };

  const entry* find_sound(const std::string& path) const;

  std::map<std::string, entry> specs_;
};

}  // namespace steward::config
