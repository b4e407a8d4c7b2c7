#include "steward/spec.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace steward {

const char* to_string(restart_type x) noexcept {
  switch (x) {
    case restart_type::permanent:
      return "permanent";
    case restart_type::transient:
      return "transient";
    case restart_type::temporary:
      return "temporary";
  }
  return "unknown";
}

const char* to_string(strategy x) noexcept {
  switch (x) {
    case strategy::one_for_one:
      return "one_for_one";
  }
  return "unknown";
}

const char* to_string(rung x) noexcept {
  switch (x) {
    case rung::thread:
      return "thread";
    case rung::process:
      return "process";
  }
  return "unknown";
}

const char* to_string(param_type x) noexcept {
  switch (x) {
    case param_type::integer:
      return "integer";
    case param_type::real:
      return "real";
    case param_type::boolean:
      return "boolean";
    case param_type::text:
      return "text";
    case param_type::duration:
      return "duration";
    case param_type::actor:
      return "actor";
  }
  return "unknown";
}

std::string render_duration(milliseconds x) {
  struct unit {
    std::int64_t ms;
    std::string_view name;
  };
  constexpr std::array<unit, 3> units{{{3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}}};
  const std::int64_t count = x.count();
  for (const auto& u : units) {
    if (count != 0 && count % u.ms == 0) {
      return fmt::format("{}{}", count / u.ms, u.name);
    }
  }
  return fmt::format("{}ms", count);
}

}  // namespace steward
