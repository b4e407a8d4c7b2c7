#include "steward/operation.hpp"

#include <array>

namespace steward {

const char* to_string(operation x) noexcept {
  switch (x) {
    case operation::start:
      return "start";
    case operation::stop:
      return "stop";
    case operation::restart:
      return "restart";
    case operation::kill:
      return "kill";
    case operation::park:
      return "park";
    case operation::revive:
      return "revive";
  }
  return "unknown";
}

std::optional<operation> operation_named(std::string_view name) noexcept {
  using enum operation;
  for (const auto x : std::array{start, stop, restart, kill, park, revive})
    if (name == to_string(x)) return x;
  return std::nullopt;
}

}  // namespace steward
