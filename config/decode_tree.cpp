#include "config/decode_tree.hpp"
#include "base/bounds.hpp"
#include "base/placed_actor.hpp"
#include "base/process_only.hpp"

#include "config/decode_command.hpp"
#include "config/decode_params.hpp"
#include "config/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <thread>

namespace steward::config {
namespace {

constexpr std::string_view runs_in_key = "runs_in";
constexpr std::string_view process_key = "process";

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

// The enumerator of type T, up to `last`, that a choice names: words are those of `to_string`.
template <class T>
T to_enum(std::string_view name, T last) {
  for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(last); ++i) {
    if (name == to_string(static_cast<T>(i))) {
      return static_cast<T>(i);
    }
  }
  return last;
}

// A limit that may be a word; empty when it is not written.
std::optional<milliseconds> decode_limit(const section_reader& from, std::string_view key) {
  if (!from.has(key)) {
    return std::nullopt;
  }
  const auto word = from.word(key);
  if (word.empty()) {
    return from.duration(key);
  }
  return word == "infinity" ? infinity : brutal_kill;
}

intensity decode_intensity(const section_reader& from) { return {from.count("restarts"), from.duration("within")}; }

backoff_spec decode_backoff(const section_reader& from) {
  return {from.duration("min"), from.duration("max"), from.real("factor"), from.real("jitter"),
          from.duration("healthy")};
}

void decode_initializer(const section_reader& from, pool_spec& into) {
  const auto initializer = from.text("initializer");
  into.initializer = initializer.text;
  for (const auto& one : from.texts("initializer_args")) into.initializer_args.push_back(one.text);
  const auto* task = resolve_task(from.context(), initializer);
  if (task == nullptr) return;
  const auto* key = from.has("initializer_args") ? "initializer_args" : "initializer";
  const auto what = task->signature.empty() ? "'" + task->name + "'" : "'" + task->name + "', " + task->signature;
  const auto given = into.initializer_args.size();
  if (!task->parsable) {
    from.fault("initializer", fmt::format("the task {} takes arguments that have no text form", what),
               {"a task of numbers and text", {}});
  } else if (given != task->arity) {
    from.fault(key, fmt::format("{} {} for {}", given, given == 1 ? "argument" : "arguments", what),
               {fmt::format("{} in initializer_args", task->arity), {}});
  } else if (auto fault = task->check ? task->check(into.initializer_args) : std::nullopt) {
    from.fault(key, fmt::format("not an input of {}: {}", what, *fault));
  }
}

/// What a process may take and see: the keys of a pool, and of an actor's `process`.
process_settings decode_process(const section_reader& from) {
  process_settings result;
  result.memory_limit = static_cast<std::uint64_t>(from.size("memory_limit"));
  result.cpu_limit = from.duration("cpu_limit");
  result.open_files = from.count("open_files");
  result.sandbox = to_enum(from.text("sandbox").text, sandbox_level::strict);
  for (const auto& one : from.texts("environment")) result.environment.push_back(one.text);
  result.working_directory = from.text("working_directory").text;
  return result;
}

/// What a worker runs first, and what of the machine it sees.
void decode_worker_side(const section_reader& from, pool_spec& into) {
  decode_initializer(from, into);
  into.process = decode_process(from);
}

pool_spec decode_pool(const section_reader& from, std::string_view base, const child_directory& directory) {
  pool_spec result;
  const auto task = from.text("task");
  resolve_task(from.context(), task);
  result.task = task.text;
  result.runs_in = from.text("runs_in").text == "threads" ? rung::thread : rung::process;
  result.size.workers = from.count("workers");
  if (from.has("min_workers")) result.size.min_workers = from.count("min_workers");
  result.size.max_workers = from.count("max_workers");
  result.size.idle_exit = from.duration("idle_exit");
  result.size.spares = from.count("spares");
  result.limits.attempts = from.count("attempts");
  result.on_exception = from.text("on_exception").text == "retry" ? exception_policy::retry : exception_policy::fail;
  result.limits.deadline = from.duration("deadline");
  result.limits.soft_deadline = from.duration("soft_deadline");
  result.limits.grace = from.duration("grace");
  result.limits.heartbeat = from.duration("heartbeat");
  result.limits.queue_limit = from.count("queue_limit");
  result.limits.on_full = from.text("on_full").text == "block" ? full_policy::block : full_policy::reject;
  result.chunk = from.count("chunk");
  result.restarts.recycle_after = from.count("recycle_after");
  result.restarts.recycle_jitter = from.real("recycle_jitter");
  result.restarts.recycle_memory = static_cast<std::uint64_t>(from.size("recycle_memory"));
  decode_worker_side(from, result);
  result.restarts.worker_restarts = decode_intensity(from.nested("worker_restarts"));
  result.restarts.worker_backoff = decode_backoff(from.nested("worker_backoff"));
  result.limits.start_within = from.duration("start_within");
  result.limits.shutdown = from.duration("shutdown");
  for (const auto& actor : from.texts("actors")) {
    directory.resolve_earlier(from.context(), actor, base, child_kind::actor);
    result.actors.push_back(actor.text);
  }
  if (result.runs_in == rung::thread) {
    for (const auto& only : process_only_keys) {
      if (from.has(only.key)) {
        from.fault_at_key(only.key, "threads have no such limit", {"this key only with runs_in: processes", {}});
      }
    }
  }
  return result;
}

// Reports unless exactly one of the keys that say what a child is stands there.
child_kind kind_of_child(const section_reader& from) {
  constexpr std::array<std::pair<const char*, child_kind>, 4> kinds{{{"actor", child_kind::actor},
                                                                     {"pool", child_kind::pool},
                                                                     {"supervisor", child_kind::supervisor},
                                                                     {"command", child_kind::command}}};
  child_kind result = child_kind::unknown;
  std::string_view first;
  for (const auto& [key, kind] : kinds) {
    if (!from.has(key)) {
      continue;
    }
    if (result != child_kind::unknown) {
      from.fault_at_key(key, fmt::format("the child has '{}' already", first),
                        {"exactly one of actor, pool, supervisor and command", {}});
      continue;
    }
    result = kind;
    first = key;
  }
  if (result == child_kind::unknown && !from.garbled()) {
    from.context().faults.add(from.at(), from.path(), "the child is nothing",
                              {"exactly one of actor, pool, supervisor and command", {}});
  }
  if (result != child_kind::command && result != child_kind::unknown) {
    for (const auto* key : command_keys) {
      if (from.has(key)) {
        from.fault_at_key(key, fmt::format("belongs to a command, and this child is {} {}",
                                           result == child_kind::actor ? "an" : "a", first));
      }
    }
  }
  if (result != child_kind::actor && result != child_kind::unknown) {
    for (const std::string_view key :
         {std::string_view{"with"}, std::string_view{"mailbox"}, std::string_view{"on_crash"},
          std::string_view{"hang_after"}, std::string_view{"on_hang"}, std::string_view{"on_stop"}, runs_in_key,
          process_key}) {
      const bool of_all_below = result == child_kind::supervisor && (key == runs_in_key || key == process_key);
      if (from.has(key) && !of_all_below) {
        from.fault_at_key(key, fmt::format("belongs to an actor, and this child is a {}", first));
      }
    }
  }
  return result;
}

unsigned decode_redeliver(const section_reader& from) {
  const yaml_node* node = from.special("on_crash");
  if (node == nullptr || (node->what == yaml_node::kind::scalar && node->text == "drop")) {
    return 0;
  }
  if (node->what != yaml_node::kind::map) {
    const auto found = node->what == yaml_node::kind::scalar ? fmt::format("unknown value '{}'", node->text)
                                                             : fmt::format("found {}", describe(*node));
    from.fault("on_crash", found,
               {"drop or {redeliver: N}", did_you_mean(node->text, std::vector<std::string>{"drop", "redeliver"})});
    return 0;
  }
  const section_reader way{from.context(), "on_crash", node, from.path_of("on_crash"), node->at};
  return way.has("redeliver") ? way.count("redeliver") : 0;
}

unsigned decode_partitions(const section_reader& from) {
  if (from.word("partitions") != "per_core") {
    return from.count("partitions");
  }
  return std::clamp(std::thread::hardware_concurrency(), bounds::partitions.min, bounds::partitions.max);
}

// How a child is supervised, whatever it is.
void decode_policy(const section_reader& from, child_spec& into) {
  into.shutdown = decode_limit(from, "shutdown");
  into.start_within = decode_limit(from, "start_within");
  into.backoff = decode_backoff(from.nested("backoff"));
  into.start_retries = from.count("start_retries");
  into.significant = from.boolean("significant");
  if (from.has("intensity")) {
    into.intensity = decode_intensity(from.nested("intensity"));
  }
  into.on_spent = to_enum(from.text("on_spent").text, spent_policy::end);
  into.park_for = from.duration("park_for");
  into.partitions = decode_partitions(from);
}

// Where the states of an actor live, or of all actors below a supervisor.
void decode_place(const section_reader& from, child_spec& into) {
  into.runs_in = to_enum(from.text(runs_in_key).text, rung::process);
  const auto process = from.nested(process_key);
  into.process = decode_process(process);
  into.process.spare = process.boolean("spare");
  into.process.group = process.text("group").text;
}

void decode_actor_policy(const section_reader& from, child_spec& into) {
  const auto mailbox = from.nested("mailbox");
  into.mailbox = {mailbox.count("limit"), to_enum(mailbox.text("overflow").text, overflow_policy::give_back)};
  into.redeliver = decode_redeliver(from);
  into.hang_after = from.duration("hang_after");
  into.on_hang = to_enum(from.text("on_hang").text, hang_policy::kill);
  into.on_stop = to_enum(from.text("on_stop").text, stop_policy::drain);
}

// Reads a tree from the top down.
class tree_decoder {
public:
  tree_decoder(child_directory& directory, spec_places& places) : directory_(directory), places_(places) {}

  supervisor_spec decode_supervisor(const section_reader& from, const std::string& path) {
    supervisor_spec result;
    const fault_log& faults = from.context().faults;
    const auto faults_before = faults.count();
    result.strategy = to_enum(from.text("strategy").text, strategy::simple_one_for_one);
    if (!from.has("children") || faults.count() != faults_before) {
      directory_.conceal();  // what a dynamic supervisor makes is called by other names
    }
    result.intensity = decode_intensity(from.nested("intensity"));
    result.auto_shutdown = to_enum(from.text("auto_shutdown").text, auto_shutdown::all_significant);
    result.initial = from.count("initial");
    result.partitions = decode_partitions(from);
    result.max_children = from.count("max_children");
    bool is_sound = !from.garbled() && from.has("children") && faults.count() == faults_before;
    const auto faults_before_children = faults.count();
    const auto children = from.nested_list("children");
    if (children.empty() && faults.count() != faults_before_children) {
      is_sound = false;
      directory_.conceal();
    }
    if (!is_sound) {
      places_.spoil(path);
    }
    std::map<std::string, mark> ids;
    for (const auto& child : children) {
      const auto id = child.text("id");
      if (result.strategy == strategy::simple_one_for_one && &child == &children.front()) {
        directory_.add_crowd({path, id.text, result.initial, result.partitions});
      }
      if (id.written) {
        const auto [first, is_new] = ids.emplace(id.text, id.at);
        if (!is_new) {
          directory_.conceal();  // one of the two was to be called otherwise
          child.fault("id", fmt::format("another child is called '{}', at line {}", id.text, first->second.line),
                      {"ids that are unique among siblings", {}});
        }
      }
      result.children.push_back(decode_child(child, id, path));
    }
    return result;
  }

private:
  child_spec decode_child(const section_reader& from, const placed_text& id, const std::string& base) {
    child_spec result;
    known_child known;
    const auto faults_before = from.context().faults.count();
    result.id = id.text;
    const auto restart = from.text("restart");
    result.restart = to_enum(restart.text, restart_type::temporary);
    if (from.has("restart") && !restart.written) {
      known.restart.reset();
    } else {
      known.restart = result.restart;
    }
    decode_policy(from, result);
    const bool is_wrong = from.context().faults.count() != faults_before;
    if (from.means("partitions") || (is_wrong && from.has("partitions") && result.partitions == 0)) {
      directory_.conceal();  // they are children, too
    }
    known.id = result.id;
    known.path = fmt::format("{}/{}", base, result.id);
    known.kind = kind_of_child(from);
    if (!id.written || (known.kind == child_kind::unknown && from.garbled())) {
      directory_.conceal();
    }
    places_.add(known.path, from);
    if (known.kind == child_kind::actor) {
      decode_actor(from, base, known, result);
    } else if (known.kind == child_kind::pool) {
      const auto section = from.nested("pool");
      auto pool = decode_pool(section, base, directory_);
      known.task = pool.task;
      if (pool.task.empty() && (section.has("task") || section.garbled())) {
        known.task.reset();
      }
      known.pool = pool;
      result.what = std::move(pool);
    } else if (known.kind == child_kind::command) {
      result.what = decode_command(from);
    } else if (known.kind == child_kind::supervisor) {
      decode_place(from, result);
    }
    if (from.garbled() || !id.written || from.context().faults.count() != faults_before) {
      places_.spoil(known.path);
      known.pool.reset();
    }
    add_known(known, result.partitions);
    if (known.kind == child_kind::supervisor) {
      result.what = std::make_shared<supervisor_spec>(decode_supervisor(from.nested("supervisor"), known.path));
    }
    return result;
  }

  // Of a child with partitions, those are what it is; of a supervisor with them, what is below is below each.
  void add_known(known_child child, unsigned partitions) {
    if (partitions == 0 || child.kind == child_kind::unknown) {
      directory_.add(std::move(child));
      return;
    }
    if (child.kind == child_kind::supervisor) {
      directory_.add_partitions({child.path, std::min(partitions, bounds::partitions.max)});
      directory_.add(std::move(child));
      return;
    }
    auto part = child;
    part.by_path_only = true;
    child.kind = child_kind::supervisor;
    directory_.add(child);
    for (unsigned i = 0; i < std::min(partitions, bounds::partitions.max); ++i) {
      part.id = std::to_string(i);
      part.path = fmt::format("{}/{}", child.path, i);
      directory_.add(part);
    }
  }

  void decode_actor(const section_reader& from, const std::string& base, known_child& known, child_spec& into) {
    decode_actor_policy(from, into);
    decode_place(from, into);
    const auto type = from.text("actor");
    known.actor = resolve_registered(from.context(), type, from.context().names.actors, "actor");
    actor_spec actor{type.text, {}};
    if (known.actor != nullptr) {
      actor.params = decode_params(from, *known.actor, base, directory_);
    }
    into.what = std::move(actor);
  }

  child_directory& directory_;
  spec_places& places_;
};

/// What keeps actors out of the processes that they are to be in. Pools and commands have faults of their own there.
void check_placed(const supervisor_spec& tree, const std::string& path, bool in_process, const catalog& names,
                  std::vector<spec_fault>& faults) {
  for (const auto& one : tree.children) {
    const auto at = path + "/" + one.id;
    const bool placed = in_process || one.runs_in == rung::process;
    if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&one.what)) {
      check_placed(**nested, at, placed, names, faults);
    } else if (const auto* actor = std::get_if<actor_spec>(&one.what); actor != nullptr && placed) {
      const auto found = std::ranges::find(names.actors, actor->type, &actor_info::name);
      if (found == names.actors.end()) {
        continue;
      }
      for (auto& fault : placed_faults(actor->params, found->params, found->unannounced)) {
        fault.path = at;
        faults.push_back(std::move(fault));
      }
    }
  }
}

}  // namespace

const task_info* resolve_task(load_context& context, const placed_text& name) {
  return resolve_registered(context, name, context.names.tasks, "task");
}

supervisor_spec decode_tree(const section_reader& from, child_directory& directory, spec_places& places) {
  const std::string path = "/root";
  directory.add({"root", path, child_kind::supervisor});
  places.add(path, from);
  auto result = tree_decoder{directory, places}.decode_supervisor(from, path);
  auto faults = validate(result, path);
  check_placed(result, path, false, from.context().names, faults);
  places.report(faults);
  if (!faults.empty() && from.context().faults.empty()) {
    // Nothing that is refused may pass, even where its place is not known.
    from.context().faults.add(from.at(), faults.front().path, faults.front().message);
  }
  return result;
}

}  // namespace steward::config
