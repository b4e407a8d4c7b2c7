#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace steward::supervision {

/// Hashes of paths. Children that are told apart by the number at the end of their names get neighbouring ones, so that
/// tables which many of them are put into, or taken from, one after the other are gone through in order of memory.
struct path_hash {
  static std::size_t of(std::string_view path) {
    constexpr std::size_t max_digits = 18;
    std::uint64_t number = 0;
    std::uint64_t place = 1;
    auto lead = path.size();
    while (lead > 0 && path.size() - lead < max_digits && path[lead - 1] >= '0' && path[lead - 1] <= '9') {
      number += static_cast<std::uint64_t>(path[--lead] - '0') * place;
      place *= 10;
    }
    return of(std::hash<std::string_view>{}(path.substr(0, lead)), number);
  }
  /// The same, when the hash of what comes before the number is known.
  static std::size_t of(std::size_t lead, std::uint64_t number) { return lead + number; }
};

}  // namespace steward::supervision
