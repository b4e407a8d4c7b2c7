#include "config/decode_run.hpp"

#include "config/decode_params.hpp"
#include "config/decode_tree.hpp"
#include "config/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace steward::config {
namespace {

constexpr std::array<const char*, 12> step_kinds{"map",           "compare",  "wait_for",    "show",
                                                 "crash",         "parallel", "start_child", "terminate_child",
                                                 "restart_child", "kill",     "children",    "resize"};
constexpr std::array<std::string_view, 4> administration{"start_child", "terminate_child", "restart_child", "kill"};

// A misspelt placeholder would be printed as it stands, so it is refused.
void check_template(const section_reader& from, const std::string& text, const task_info* task) {
  const std::vector<std::string> known{"input", "result"};
  std::size_t open = text.find('{');
  while (open != std::string::npos) {
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos) {
      return;
    }
    const auto word = text.substr(open + 1, close - open - 1);
    const bool numbered = word.size() == 1 && word[0] >= '1' && word[0] <= '9';
    if (numbered && task != nullptr && static_cast<std::size_t>(word[0] - '0') > task->arity) {
      from.fault("each", fmt::format("there is no argument {}", word),
                 {fmt::format("{{1}} to {{{}}}, the arguments of '{}'", task->arity, task->name), {}});
    } else if (!numbered && std::find(known.begin(), known.end(), word) == known.end()) {
      from.fault("each", fmt::format("unknown placeholder '{{{}}}'", word),
                 {"{input}, {result}, or {1} for the first argument", did_you_mean(word, known)});
    }
    open = text.find('{', close);
  }
}

void decode_print(const section_reader& from, map_step& into) {
  const auto faults_before = from.context().faults.count();
  const auto words = from.texts("print");
  const bool is_sound = from.context().faults.count() == faults_before;
  const auto names = [&](std::string_view word) {
    return std::any_of(words.begin(), words.end(), [&](const placed_text& x) { return x.text == word; });
  };
  into.print_size = names("pool_size");
  into.print_each = names("each");
  into.print_results = names("results");
  into.print_time = names("time");
  if (from.has("each") && !into.print_each && is_sound) {
    from.fault_at_key("each", "a line for each input, but 'print' does not ask for one", {"print: [each]", {}});
  }
}

// The task of a map step: its own, or else the pool's.
const task_info* decode_task(const section_reader& from, const known_child* pool, map_step& into) {
  const auto task = from.text("task");
  into.task = task.text;
  if (from.has("task")) {
    return resolve_task(from.context(), task);
  }
  if (pool == nullptr || pool->kind == child_kind::unknown || !pool->task) {
    return nullptr;
  }
  into.task = *pool->task;
  if (into.task.empty()) {
    from.context().faults.add(from.at(), from.path(),
                              fmt::format("neither the step nor the pool '{}' names a task", pool->id),
                              {"a key 'task'", {}});
    return nullptr;
  }
  // The name was resolved, and reported if unknown, where the pool is.
  const auto& tasks = from.context().names.tasks;
  const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const auto& x) { return x.name == into.task; });
  return found == tasks.end() ? nullptr : &*found;
}

// The sizes of the fresh pools; each has the limits of the tree's pool.
std::vector<unsigned> decode_sizes(const section_reader& from, const known_child* pool) {
  std::vector<unsigned> result;
  for (const auto& size : from.integers("workers")) {
    result.push_back(static_cast<unsigned>(size.value));
    if (pool == nullptr || !pool->pool) {
      continue;
    }
    const auto report = [&](std::string_view limit, unsigned value, std::string_view than) {
      from.context().faults.add(
          size.at, size.path,
          fmt::format("{} is {} than the {} of the pool '{}', {}", size.value, than, limit, pool->id, value),
          {fmt::format("at {} {}", than == "less" ? "least" : "most", value), {}});
    };
    if (const auto least = pool->pool->size.min_workers; least && result.back() < *least) {
      report("min_workers", *least, "less");
    } else if (pool->pool->size.max_workers > 0 && result.back() > pool->pool->size.max_workers) {
      report("max_workers", pool->pool->size.max_workers, "more");
    }
  }
  return result;
}

map_step decode_map(const section_reader& from, const child_directory& directory) {
  map_step result;
  const auto pool = from.text("pool");
  const auto* known = directory.resolve(from.context(), pool, child_kind::pool);
  result.pool = pool.text;
  const auto* task = decode_task(from, known, result);
  result.inputs = decode_inputs(from, task);
  result.workers = decode_sizes(from, known);
  result.chunk = from.count("chunk");
  result.window = from.count("window");
  result.within = from.duration("within");
  result.as_completed = from.text("order").text == "completion";
  result.priority = static_cast<int>(from.integer("priority"));
  if (from.text("on_failure").text == "first_error") result.on_failure = failure_policy::first_error;
  result.progress = from.boolean("progress");
  decode_print(from, result);
  if (from.has("progress") && result.progress && result.as_completed && result.print_each) {
    from.warn_below("progress", "this has no effect: the lines of `order: completion` come instead of a bar");
  }
  result.each = from.text("each").text;
  check_template(from, result.each, task);
  return result;
}

compare_step decode_compare(const section_reader& from, const child_directory& directory) {
  compare_step result;
  const auto faults_before = from.context().faults.count();
  bool any_may_be_threads = false;
  for (const auto& pool : from.texts("pools")) {
    const auto* known = directory.resolve(from.context(), pool, child_kind::pool);
    any_may_be_threads |= known == nullptr || !known->pool || known->pool->runs_in == rung::thread;
    result.pools.push_back(pool.text);
  }
  const bool is_sound = from.context().faults.count() == faults_before;
  for (const auto& work : from.nested_list("work")) {
    compare_work one;
    const auto task = work.text("task");
    one.name = work.text("name").text;
    one.task = task.text;
    one.inputs = decode_inputs(work, resolve_task(from.context(), task));
    one.contain = work.boolean("contain");
    if (one.contain && !any_may_be_threads) {
      work.warn_below("contain", "this has no effect: none of the pools runs on threads");
    }
    result.work.push_back(std::move(one));
  }
  result.ratio = from.text("ratio").text;
  result.verdict = from.boolean("verdict");
  result.advice = from.text("advice").text;
  if (from.has("ratio") && result.pools.size() != 2 && is_sound) {
    from.fault("ratio", fmt::format("a ratio of {} pools", result.pools.size()), {"two pools", {}});
  }
  return result;
}

wait_step decode_wait(const section_reader& from, const child_directory& directory) {
  wait_step result;
  result.within = from.duration("within");
  for (const auto& child : from.texts("children")) {
    const auto* known = directory.resolve(from.context(), child, child_kind::actor, child_kind::command);
    if (known != nullptr && known->restart == restart_type::permanent && known->kind != child_kind::unknown) {
      from.context().faults.add(child.at, child.path,
                                fmt::format("'{}' is permanent: when it ends it is started again", child.text),
                                {"an actor with restart: transient or temporary", {}});
    }
    result.children.push_back(child.text);
  }
  return result;
}

show_step decode_show(const section_reader& from, const child_directory& directory) {
  show_step result;
  const auto actor = from.text("actor");
  directory.resolve(from.context(), actor, child_kind::actor);
  result.actor = actor.text;
  result.label = from.has("label") ? from.text("label").text : actor.text;
  if (from.has("expect")) {
    result.expect = from.text("expect").text;
  }
  return result;
}

crash_step decode_crash(const section_reader& from, const child_directory& directory) {
  const auto actor = from.text("actor");
  directory.resolve(from.context(), actor, child_kind::actor);
  return {actor.text};
}

resize_step decode_resize(const section_reader& from, const child_directory& directory) {
  resize_step result;
  const auto pool = from.text("pool");
  directory.resolve(from.context(), pool, child_kind::pool);
  result.pool = pool.text;
  result.workers = from.count("workers");
  if (from.has("min_workers")) result.min_workers = from.count("min_workers");
  result.within = from.duration("within");
  if (result.min_workers.value_or(0) > result.workers && from.has("workers")) {
    from.fault_at_key("min_workers", fmt::format("{} is more than `workers`, {}", *result.min_workers, result.workers),
                      {fmt::format("at most {}", result.workers), {}});
  }
  return result;
}

start_child_step decode_start_child(const section_reader& from, const child_directory& directory) {
  start_child_step result;
  const auto supervisor = from.text("supervisor");
  const auto* known = directory.resolve(from.context(), supervisor, child_kind::supervisor);
  result.supervisor = supervisor.text;
  result.count = from.count("count");
  if (known == nullptr) {
    return result;
  }
  const auto* made = directory.template_of(*known);
  if (made == nullptr && directory.conceals()) {
    return result;
  }
  if (made == nullptr) {
    from.fault("supervisor", fmt::format("'{}' is not dynamic", supervisor.text),
               {"a supervisor with strategy: simple_one_for_one", {}});
  } else if (from.has("with") && made->kind != child_kind::actor) {
    from.fault_at_key("with", "belongs to an actor, and the template is none");
  } else if (from.has("with") && made->actor != nullptr) {
    result.with = decode_given_params(from, *made->actor, known->path, directory);
  }
  return result;
}

std::string decode_child_name(const section_reader& from, std::string_view key, std::optional<child_kind> wanted,
                              const child_directory& directory) {
  const auto name = from.text(key);
  directory.resolve(from.context(), name, wanted);
  return name.text;
}

void decode_expect(const section_reader& from, std::string_view kind, step& into) {
  if (!from.has("expect")) {
    return;
  }
  if (std::find(administration.begin(), administration.end(), kind) == administration.end()) {
    from.fault_at_key("expect", fmt::format("a step of '{}' has no such result", kind),
                      {"it only with start_child, terminate_child, restart_child or kill", {}});
  }
  into.expect = from.text("expect").text;
}

// The one key that says what a step does; null after a report.
const char* kind_of_step(const section_reader& from) {
  const char* result = nullptr;
  for (const auto* key : step_kinds) {
    if (!from.has(key)) {
      continue;
    }
    if (result != nullptr) {
      from.fault_at_key(key, fmt::format("the step has '{}' already", result), {"one key in each step", {}});
      continue;
    }
    result = key;
  }
  if (result == nullptr && !from.garbled()) {
    from.context().faults.add(from.at(), from.path(), "the step does nothing",
                              {"one of map, compare, wait_for, show, crash, parallel, start_child, terminate_child, "
                               "restart_child, kill, children and resize",
                               {}});
  }
  return result;
}

// Steps in a `parallel` begin with it.
void refuse_times(const std::vector<section_reader>& inner) {
  for (const auto& one : inner)
    for (const auto* key : {"every", "at"})
      if (one.has(key))
        one.fault_at_key(key, "a step of `parallel` has no time of its own", {"it beside `parallel`", {}});
}

std::optional<step> decode_step(const section_reader& from, const child_directory& directory) {
  const char* key = kind_of_step(from);
  if (key == nullptr) {
    return std::nullopt;
  }
  step result;
  result.where = from.context().faults.where(from.at());
  const std::string_view kind{key};
  decode_expect(from, kind, result);
  if (from.has("every")) result.every = from.duration("every");
  result.at_start = from.has("at");
  if (from.has("at")) (void)from.text("at");
  if (kind == "parallel") {
    const auto inner = from.nested_list(kind);
    refuse_times(inner);
    parallel_step all{decode_steps(inner, directory)};
    result.what = std::move(all);
    return result;
  }
  if (kind == "terminate_child") {
    result.what = terminate_child_step{decode_child_name(from, kind, std::nullopt, directory)};
    return result;
  }
  if (kind == "restart_child") {
    result.what = restart_child_step{decode_child_name(from, kind, std::nullopt, directory)};
    return result;
  }
  if (kind == "kill") {
    result.what = kill_step{decode_child_name(from, kind, std::nullopt, directory)};
    return result;
  }
  if (kind == "children") {
    result.what = children_step{decode_child_name(from, kind, child_kind::supervisor, directory)};
    return result;
  }
  const auto body = from.nested(kind);
  if (kind == "map") {
    result.what = decode_map(body, directory);
  } else if (kind == "compare") {
    result.what = decode_compare(body, directory);
  } else if (kind == "wait_for") {
    result.what = decode_wait(body, directory);
  } else if (kind == "show") {
    result.what = decode_show(body, directory);
  } else if (kind == "resize") {
    result.what = decode_resize(body, directory);
  } else if (kind == "start_child") {
    result.what = decode_start_child(body, directory);
  } else {
    result.what = decode_crash(body, directory);
  }
  return result;
}

}  // namespace

std::vector<step> decode_steps(const std::vector<section_reader>& from, const child_directory& directory) {
  std::vector<step> result;
  for (const auto& one : from) {
    if (auto decoded = decode_step(one, directory)) {
      result.push_back(std::move(*decoded));
    }
  }
  return result;
}

}  // namespace steward::config
