#include "base/params.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace steward {

param_type type_of(const param_value& x) noexcept {
  constexpr param_type types[] = {param_type::integer, param_type::real, param_type::boolean, param_type::text,
                                  param_type::duration};
  return types[x.value.index()];
}

namespace {

/// The type of what a parameter must hold.
param_type held_by(const param_spec& x) {
  const bool names = x.type == param_type::actor || x.type == param_type::pool;
  return names ? param_type::text : x.type;
}

std::optional<std::int64_t> number_of(const param_value& x) {
  if (const auto* integer = std::get_if<std::int64_t>(&x.value)) return *integer;
  if (const auto* duration = std::get_if<milliseconds>(&x.value)) return duration->count();
  return std::nullopt;
}

struct mistake {
  std::string message;
  std::string expected;
};

/// Nothing when the value is as it is declared.
std::optional<mistake> wrong_with(const param_value& x, const param_spec& declared) {
  if (type_of(x) != held_by(declared))
    return mistake{fmt::format("of type {}", to_string(type_of(x))), to_string(declared.type)};
  const auto number = number_of(x);
  if (!number) return std::nullopt;
  const auto shown = [&](std::int64_t n) {
    return declared.type == param_type::duration ? render_duration(milliseconds{n}) : fmt::format("{}", n);
  };
  if (declared.min && *number < *declared.min)
    return mistake{fmt::format("{} is too small", shown(*number)), fmt::format("at least {}", shown(*declared.min))};
  if (declared.max && *number > *declared.max)
    return mistake{fmt::format("{} is too large", shown(*number)), fmt::format("at most {}", shown(*declared.max))};
  return std::nullopt;
}

const param_spec* find(const std::vector<param_spec>& declared, std::string_view name) {
  const auto found = std::find_if(declared.begin(), declared.end(), [&](const auto& x) { return x.name == name; });
  return found == declared.end() ? nullptr : &*found;
}

}  // namespace

std::vector<spec_fault> params_faults(const param_map& given, const std::vector<param_spec>& declared,
                                      const std::string& actor, bool complete) {
  std::vector<spec_fault> out;
  for (const auto& [name, value] : given) {
    const auto* spec = find(declared, name);
    const auto wrong = spec == nullptr
                           ? std::optional<mistake>{{fmt::format("the actor '{}' has no such parameter", actor), {}}}
                           : wrong_with(value, *spec);
    if (wrong) out.push_back({{}, name, wrong->message, wrong->expected});
  }
  for (const auto& spec : declared) {
    if (!complete || spec.fallback || given.contains(spec.name)) continue;
    out.push_back(
        {{}, spec.name, fmt::format("the parameter '{}' of '{}' is missing", spec.name, actor), to_string(spec.type)});
  }
  return out;
}

param_map with_defaults(param_map given, const std::vector<param_spec>& declared) {
  for (const auto& spec : declared)
    if (spec.fallback) given.emplace(spec.name, *spec.fallback);
  return given;
}

}  // namespace steward
