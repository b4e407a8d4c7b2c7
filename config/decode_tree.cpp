#include "config/decode_tree.hpp"

#include "config/suggest.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

namespace steward::config {
namespace {

template <class Infos>
std::vector<std::string> names_of(const Infos& infos) {
  std::vector<std::string> result;
  for (const auto& one : infos) {
    result.push_back(one.name);
  }
  return result;
}

// The registration with this name, or null after a report.
template <class Info>
const Info* resolve_registered(load_context& context, const placed_text& name, const std::vector<Info>& infos,
                               std::string_view kind) {
  if (!name.written) {
    return nullptr;
  }
  const auto found = std::find_if(infos.begin(), infos.end(), [&](const Info& x) { return x.name == name.text; });
  if (found != infos.end()) {
    return &*found;
  }
  hint more;
  if (!context.faults.full()) {
    const auto names = names_of(infos);
    more.expected = "registered: " + list_names(names);
    more.suggestion = did_you_mean(name.text, names);
  }
  context.faults.add(name.at, name.path, fmt::format("no {} is registered as '{}'", kind, name.text), std::move(more));
  return nullptr;
}

restart_type to_restart_type(std::string_view name) {
  if (name == "transient") {
    return restart_type::transient;
  }
  return name == "temporary" ? restart_type::temporary : restart_type::permanent;
}

intensity decode_intensity(const section_reader& from) { return {from.count("restarts"), from.duration("within")}; }

backoff_spec decode_backoff(const section_reader& from) {
  backoff_spec result{from.duration("min"), from.duration("max"), from.real("factor"), from.real("jitter"),
                      from.duration("healthy")};
  if (result.min > result.max) {
    from.fault(from.has("min") ? "min" : "max",
               fmt::format("min is {} and max is {}", render_duration(result.min), render_duration(result.max)),
               {"min no longer than max", {}});
  }
  return result;
}

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
  const bool is_text = where.spec.type == param_type::text || where.spec.type == param_type::actor;
  if (where.node.what == yaml_node::kind::invalid) {
    return std::nullopt;
  }
  if (where.node.what != yaml_node::kind::scalar || (where.node.quoted && !is_text)) {
    context.faults.add(where.at, where.path, fmt::format("found {}", describe(where.node)),
                       {to_string(where.spec.type), {}});
    return std::nullopt;
  }
  const std::string& text = where.node.text;
  switch (where.spec.type) {
    case param_type::integer:
      return accept(context, where, parse_integer(text));
    case param_type::real:
      return accept(context, where, parse_real(text));
    case param_type::boolean:
      return accept(context, where, parse_boolean(text));
    case param_type::duration:
      return accept(context, where, parse_duration(text));
    case param_type::text:
      return param_value{text};
    case param_type::actor:
      directory.resolve_earlier_actor(context, {text, where.at, where.path, true}, where.base);
      return param_value{text};
  }
  return std::nullopt;
}

param_map decode_params(const section_reader& from, const actor_info& actor, std::string_view base,
                        const child_directory& directory) {
  load_context& context = from.context();
  param_map result;
  const yaml_node* with = from.special("with");
  if (with != nullptr && with->what != yaml_node::kind::map) {
    from.fault("with", fmt::format("found {}", describe(*with)), {"a map", {}});
    return result;
  }
  const auto names = names_of(actor.params);
  if (with != nullptr) {
    for (const auto& entry : with->entries) {
      if (std::find(names.begin(), names.end(), entry.key) == names.end()) {
        hint more{names.empty() ? "no parameters" : "one of " + list_names(names), did_you_mean(entry.key, names)};
        context.faults.add(entry.at, fmt::format("{}.{}", from.path_of("with"), entry.key),
                           fmt::format("the actor '{}' has no such parameter", actor.name), std::move(more));
      }
    }
  }
  for (const auto& spec : actor.params) {
    const auto* entry = with == nullptr ? nullptr : with->find(spec.name);
    if (entry == nullptr) {
      if (spec.fallback) {
        result.emplace(spec.name, *spec.fallback);
      } else {
        from.fault(from.has("with") ? "with" : "actor",
                   fmt::format("the parameter '{}' of '{}' is missing", spec.name, actor.name),
                   {to_string(spec.type), {}});
      }
      continue;
    }
    const mark at = entry->value.what == yaml_node::kind::null ? entry->at : entry->value.at;
    const param_place where{spec, entry->value, at, fmt::format("{}.{}", from.path_of("with"), spec.name), base};
    if (auto value = decode_param(context, where, directory)) {
      check_param_range(context, where, *value);
      result.emplace(spec.name, std::move(*value));
    }
  }
  return result;
}

pool_spec decode_pool(const section_reader& from, std::string_view base, const child_directory& directory) {
  pool_spec result;
  const auto task = from.text("task");
  resolve_task(from.context(), task);
  result.task = task.text;
  result.runs_in = from.text("runs_in").text == "threads" ? rung::thread : rung::process;
  result.workers = from.count("workers");
  result.attempts = from.count("attempts");
  result.on_exception = from.text("on_exception").text == "retry" ? exception_policy::retry : exception_policy::fail;
  result.deadline = from.duration("deadline");
  result.queue_limit = from.count("queue_limit");
  result.memory_limit = static_cast<std::uint64_t>(from.size("memory_limit"));
  result.recycle_after = from.count("recycle_after");
  result.worker_restarts = decode_intensity(from.nested("worker_restarts"));
  result.backoff = decode_backoff(from.nested("worker_backoff"));
  result.start_within = from.duration("start_within");
  result.shutdown = from.duration("shutdown");
  for (const auto& actor : from.texts("actors")) {
    directory.resolve_earlier_actor(from.context(), actor, base);
    result.actors.push_back(actor.text);
  }
  if (result.runs_in == rung::thread) {
    for (const auto* key : {"memory_limit", "recycle_after"}) {
      if (from.has(key)) {
        from.fault_at_key(key, "threads have no such limit", {"this key only with runs_in: processes", {}});
      }
    }
  }
  return result;
}

// Reports unless exactly one of the keys that say what a child is stands there.
child_kind kind_of_child(const section_reader& from) {
  constexpr std::array<std::pair<const char*, child_kind>, 3> kinds{
      {{"actor", child_kind::actor}, {"pool", child_kind::pool}, {"supervisor", child_kind::supervisor}}};
  child_kind result = child_kind::unknown;
  std::string_view first;
  for (const auto& [key, kind] : kinds) {
    if (!from.has(key)) {
      continue;
    }
    if (result != child_kind::unknown) {
      from.fault_at_key(key, fmt::format("the child has '{}' already", first),
                        {"exactly one of actor, pool and supervisor", {}});
      continue;
    }
    result = kind;
    first = key;
  }
  if (result == child_kind::unknown && !from.garbled()) {
    from.context().faults.add(from.at(), from.path(), "the child is nothing",
                              {"exactly one of actor, pool and supervisor", {}});
  }
  if (result == child_kind::pool || result == child_kind::supervisor) {
    for (const auto* key : {"with", "runs_in"}) {
      if (from.has(key)) {
        from.fault_at_key(key, fmt::format("belongs to an actor, and this child is a {}", first));
      }
    }
  }
  return result;
}

child_spec decode_child(const section_reader& from, std::string id, const std::string& base,
                        child_directory& directory) {
  child_spec result;
  known_child known;
  result.id = std::move(id);
  result.restart = to_restart_type(from.text("restart").text);
  result.shutdown = from.duration("shutdown");
  result.start_within = from.duration("start_within");
  result.backoff = decode_backoff(from.nested("backoff"));
  known.id = result.id;
  known.path = fmt::format("{}/{}", base, result.id);
  known.kind = kind_of_child(from);
  known.restart = result.restart;
  if (known.kind == child_kind::actor) {
    const auto type = from.text("actor");
    from.text("runs_in");
    known.actor = resolve_registered(from.context(), type, from.context().names.actors, "actor");
    actor_spec actor{type.text, {}};
    if (known.actor != nullptr) {
      actor.params = decode_params(from, *known.actor, base, directory);
    }
    result.what = std::move(actor);
  } else if (known.kind == child_kind::pool) {
    auto pool = decode_pool(from.nested("pool"), base, directory);
    known.task = pool.task;
    result.what = std::move(pool);
  } else if (known.kind == child_kind::supervisor) {
    directory.add(known);
    result.what =
        std::make_shared<supervisor_spec>(decode_supervisor(from.nested("supervisor"), known.path, directory));
    return result;
  }
  directory.add(std::move(known));
  return result;
}

}  // namespace

const task_info* resolve_task(load_context& context, const placed_text& name) {
  return resolve_registered(context, name, context.names.tasks, "task");
}

supervisor_spec decode_supervisor(const section_reader& from, const std::string& path, child_directory& directory) {
  supervisor_spec result;
  from.text("strategy");
  result.limit = decode_intensity(from.nested("intensity"));
  std::map<std::string, mark> ids;
  for (const auto& child : from.nested_list("children")) {
    const auto id = child.text("id");
    if (id.written) {
      const auto [first, is_new] = ids.emplace(id.text, id.at);
      if (!is_new) {
        child.fault("id", fmt::format("another child is called '{}', at line {}", id.text, first->second.line),
                    {"ids that are unique among siblings", {}});
      }
    }
    result.children.push_back(decode_child(child, id.text, path, directory));
  }
  return result;
}

}  // namespace steward::config
