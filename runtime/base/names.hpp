#pragma once

#include <string_view>

namespace steward {

/// True for the names under which actors and tasks are registered: `[a-z][a-z0-9_]*`.
constexpr bool is_registered_name(std::string_view name) noexcept {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  return true;
}

}  // namespace steward
