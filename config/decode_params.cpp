#include "config/decode_params.hpp"

#include "config/key_advice.hpp"
#include "config/suggest.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace steward::config {
namespace {

// Where one parameter of an actor stands and what it must be.
struct param_place {
  const param_spec& spec;
  const yaml_node& node;
  mark at;
  std::string path;
  std::string_view base;  // path of the supervisor
};

template <class T>
std::optional<param_value> accept(load_context& context, const param_place& where, parsed<T> value) {
  if (auto* bad = std::get_if<value_fault>(&value)) {
    context.faults.add(where.at, where.path, std::move(bad->message), std::move(bad->more));
    return std::nullopt;
  }
  return param_value{std::get<T>(value)};
}

std::optional<std::int64_t> number_of(const param_value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value.value)) {
    return *integer;
  }
  if (const auto* duration = std::get_if<milliseconds>(&value.value)) {
    return duration->count();
  }
  return std::nullopt;
}

void check_param_range(load_context& context, const param_place& where, const param_value& value) {
  const auto number = number_of(value);
  const bool too_small = number && where.spec.min && *number < *where.spec.min;
  const bool too_large = number && where.spec.max && *number > *where.spec.max;
  if (!too_small && !too_large) {
    return;
  }
  const auto render = [&](std::int64_t x) {
    return where.spec.type == param_type::duration ? render_duration(milliseconds{x}) : fmt::format("{}", x);
  };
  const auto bound = too_small ? fmt::format("at least {}", render(*where.spec.min))
                               : fmt::format("at most {}", render(*where.spec.max));
  context.faults.add(where.at, where.path, fmt::format("{} is too {}", where.node.text, too_small ? "small" : "large"),
                     {bound, {}});
}

std::optional<param_value> decode_param(load_context& context, const param_place& where,
                                        const child_directory& directory) {
  const bool names_a_child = where.spec.type == param_type::actor || where.spec.type == param_type::pool;
  const bool is_text = where.spec.type == param_type::text || names_a_child;
  if (where.node.what == yaml_node::kind::invalid) {
    return std::nullopt;
  }
  if (where.node.what != yaml_node::kind::scalar || (where.node.quoted && !is_text)) {
    context.faults.add(where.at, where.path, fmt::format("found {}", describe(where.node)),
                       {to_string(where.spec.type), {}});
    return std::nullopt;
  }
  const std::string& text = where.node.text;
  const auto fits = [&](std::int64_t x) { return x >= where.spec.min.value_or(x) && x <= where.spec.max.value_or(x); };
  switch (where.spec.type) {
    case param_type::integer:
      return accept(context, where, parse_integer(text, fits));
    case param_type::real:
      return accept(context, where, parse_real(text));
    case param_type::boolean:
      return accept(context, where, parse_boolean(text));
    case param_type::duration:
      return accept(context, where, parse_duration(text, fits));
    case param_type::text:
      return param_value{text};
    case param_type::actor:
      directory.resolve_earlier(context, {text, where.at, where.path, true}, where.base, child_kind::actor);
      return param_value{text};
    case param_type::pool:
      directory.resolve_earlier(context, {text, where.at, where.path, true}, where.base, child_kind::pool);
      return param_value{text};
  }
  return std::nullopt;
}

key_fault explain_parameter(const actor_info& actor, const std::vector<std::string>& names, const yaml_entry& entry) {
  if (entry.value.what == yaml_node::kind::null) {
    if (auto joined = explain_joined(names, entry.key)) {
      return *joined;
    }
  }
  auto meant = did_you_mean(entry.key, names);
  return {fmt::format("the actor '{}' has no such parameter", actor.name),
          {names.empty() ? "no parameters" : "one of " + list_names(names), meant},
          meant.value_or("")};
}

// The map behind `with`, its keys checked; null when there is none. Adds the parameters that misspelt keys stand for.
const yaml_node* read_with(const section_reader& from, const actor_info& actor, std::vector<std::string>& misspelt) {
  const yaml_node* with = from.special("with");
  if (with == nullptr) {
    return nullptr;
  }
  if (with->what != yaml_node::kind::map) {
    from.fault("with", fmt::format("found {}", describe(*with)), {"a map", {}});
    return nullptr;
  }
  std::vector<std::string> names;
  for (const auto& one : actor.params) {
    names.push_back(one.name);
  }
  for (const auto& entry : with->entries) {
    if (std::find(names.begin(), names.end(), entry.key) == names.end()) {
      auto fault = explain_parameter(actor, names, entry);
      misspelt.push_back(std::move(fault.meant));
      from.context().faults.add(entry.at, fmt::format("{}.{}", from.path_of("with"), entry.key),
                                std::move(fault.message), std::move(fault.more));
    }
  }
  return with;
}

void decode_entry(const section_reader& from, const param_spec& spec, const yaml_entry& entry, std::string_view base,
                  const child_directory& directory, param_map& into) {
  const mark at = entry.value.what == yaml_node::kind::null ? entry.at : entry.value.at;
  const param_place where{spec, entry.value, at, fmt::format("{}.{}", from.path_of("with"), spec.name), base};
  if (auto value = decode_param(from.context(), where, directory)) {
    check_param_range(from.context(), where, *value);
    into.emplace(spec.name, std::move(*value));
  }
}

}  // namespace

param_map decode_params(const section_reader& from, const actor_info& actor, std::string_view base,
                        const child_directory& directory) {
  param_map result;
  std::vector<std::string> misspelt;
  const yaml_node* with = read_with(from, actor, misspelt);
  if (with == nullptr && from.has("with")) {
    return result;
  }
  for (const auto& spec : actor.params) {
    const auto* entry = with == nullptr ? nullptr : with->find(spec.name);
    if (entry != nullptr) {
      decode_entry(from, spec, *entry, base, directory, result);
    } else if (spec.fallback) {
      result.emplace(spec.name, *spec.fallback);
    } else if (std::find(misspelt.begin(), misspelt.end(), spec.name) == misspelt.end()) {
      from.fault(from.has("with") ? "with" : "actor",
                 fmt::format("the parameter '{}' of '{}' is missing", spec.name, actor.name),
                 {to_string(spec.type), {}});
    }
  }
  return result;
}

param_map decode_given_params(const section_reader& from, const actor_info& actor, std::string_view base,
                              const child_directory& directory) {
  param_map result;
  std::vector<std::string> misspelt;
  const yaml_node* with = read_with(from, actor, misspelt);
  for (const auto& spec : actor.params) {
    if (const auto* entry = with == nullptr ? nullptr : with->find(spec.name)) {
      decode_entry(from, spec, *entry, base, directory, result);
    }
  }
  return result;
}

}  // namespace steward::config
