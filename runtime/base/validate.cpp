#include "base/bounds.hpp"
#include "base/command_rules.hpp"
#include "base/process_only.hpp"
#include "steward/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

namespace steward {
namespace {

// Longer times would overflow the clock's; what is meant to have no limit says `infinity`.
constexpr milliseconds max_duration = std::chrono::hours{24 * 365 * 100};
constexpr milliseconds max_worker_time = std::chrono::hours{1};

enum class kind : std::uint8_t { actor, pool, supervisor, command };

kind kind_of(const child_spec& x) {
  if (std::holds_alternative<actor_spec>(x.what)) return kind::actor;
  if (std::holds_alternative<command_spec>(x.what)) return kind::command;
  return std::holds_alternative<pool_spec>(x.what) ? kind::pool : kind::supervisor;
}

const char* name_of(kind x) {
  if (x == kind::command) return "command";
  return x == kind::pool ? "pool" : "supervisor";
}

bool is_valid_id(std::string_view id) {
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !id.empty() && id.size() <= bounds::id_bytes.max && is_word(id.front()) &&
         std::ranges::all_of(id, [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

std::ptrdiff_t level_of(std::string_view path) { return std::ranges::count(path, '/'); }

// Checks the whole of a tree, or one child, and keeps what is wrong. Fields are called as in YAML, from the child or
// the root on.
class checker {
public:
  void check_pool(const pool_spec& x, const std::string& path, const std::string& prefix) {
    const scope here{*this, path, prefix};
    const bool threads = x.runs_in == rung::thread;
    if (x.runs_in > rung::process) unknown("runs_in", "threads or processes");
    check_count("workers", x.size.workers, bounds::workers);
    check_count("min_workers", x.size.min_workers.value_or(0), bounds::least_workers);
    check_count("max_workers", x.size.max_workers, bounds::workers);
    check_range(x);
    check_count("spares", x.size.spares, bounds::spares);
    check_finite("idle_exit", x.size.idle_exit, milliseconds{1}, max_duration, "a duration");
    check_count("attempts", x.limits.attempts, bounds::attempts);
    if (x.on_exception > exception_policy::retry) unknown("on_exception", "fail or retry");
    check_finite("deadline", x.limits.deadline, milliseconds{0}, max_duration, "a duration, or 0 for none");
    check_finite("soft_deadline", x.limits.soft_deadline, milliseconds{0}, max_duration, "a duration, or 0 for none");
    if (x.limits.deadline.count() > 0 && x.limits.soft_deadline >= x.limits.deadline)
      fault("soft_deadline", "it is not before the deadline", "less than `deadline`");
    check_finite("grace", x.limits.grace, milliseconds{0}, max_worker_time, "a duration up to 1h");
    check_finite("heartbeat", x.limits.heartbeat, milliseconds{0}, max_worker_time,
                 "a duration up to 1h, or 0 for never");
    check_count("queue_limit", x.limits.queue_limit, bounds::queue);
    if (x.limits.on_full > full_policy::block) unknown("on_full", "reject or block");
    check_count("chunk", x.chunk, bounds::chunk);
    check_number("recycle_jitter", x.restarts.recycle_jitter, bounds::share);
    check_worker_side(x, threads);
    check_window("worker_restarts.within", x.restarts.worker_restarts.within);
    check_backoff("worker_backoff", x.restarts.worker_backoff);
    check_finite("start_within", x.limits.start_within, milliseconds{1}, max_worker_time, "a duration from 1ms to 1h");
    check_finite("shutdown", x.limits.shutdown, milliseconds{0}, max_worker_time, "a duration up to 1h");
  }

  void check_supervisor(const supervisor_spec& x, std::string path, std::string prefix) {
    const scope here{*this, path, std::move(prefix)};
    ancestors_.push_back(&x);
    const bool dynamic = x.strategy == strategy::simple_one_for_one;
    if (x.strategy > strategy::simple_one_for_one)
      unknown("strategy", "one_for_one, one_for_all, rest_for_one or simple_one_for_one");
    check_window("intensity.within", x.intensity.within);
    if (x.auto_shutdown > auto_shutdown::all_significant)
      unknown("auto_shutdown", "never, any_significant or all_significant");
    else if (dynamic && x.auto_shutdown != auto_shutdown::never)
      fault("auto_shutdown",
            fmt::format("'{}' with simple_one_for_one, whose children are not significant", to_string(x.auto_shutdown)),
            "never, or another strategy");
    if (dynamic && x.children.size() != 1)
      fault("children", fmt::format("{} children with simple_one_for_one", x.children.size()),
            "exactly one, the template of the children to come");
    check_crowd("initial", x.initial, bounds::initial, dynamic);
    check_crowd("partitions", x.partitions, bounds::partitions, dynamic);
    check_crowd("max_children", x.max_children, bounds::max_children, dynamic);
    if (dynamic && x.max_children > 0 && x.initial > x.max_children)
      fault("initial", fmt::format("{} children at the start, and max_children is {}", x.initial, x.max_children),
            "at most `max_children`");
    std::set<std::string_view> ids;
    for (const auto& child : x.children) {
      const bool is_new = ids.insert(child.id).second;
      check_child(child, x, path, is_new || child.id.empty());
    }
    ancestors_.pop_back();
  }

  void check_child(const child_spec& x, const supervisor_spec& parent, const std::string& parent_path, bool is_unique) {
    const scope here{*this, parent_path + "/" + x.id, ""};
    if (x.id.empty())
      fault("id", "the id is empty", "a name, such as 'counter'");
    else if (!is_valid_id(x.id))
      fault("id", fmt::format("'{}' is not a name", x.id),
            "1 to 64 letters, digits, '_', '-' and '.', with a letter, digit or '_' first");
    else if (!is_unique)
      fault("id", fmt::format("another child is called '{}'", x.id), "ids that are unique among siblings");
    if (x.restart > restart_type::temporary) unknown("restart", "permanent, transient or temporary");
    if (x.shutdown) check_time("shutdown", *x.shutdown, milliseconds{0}, "a duration, 0 (brutal_kill) or infinity");
    if (x.start_within)
      check_time("start_within", *x.start_within, milliseconds{1}, "a duration longer than 0ms or infinity");
    check_backoff("backoff", x.backoff);
    check_count("start_retries", x.start_retries, bounds::start_retries);
    if (x.significant) check_significant(x, parent);
    check_budget(x);
    const auto what = kind_of(x);
    check_partitions(x, parent);
    if (!process_of_.empty()) check_inside(x, what);
    if (what == kind::actor)
      check_actor(x);
    else
      check_no_actor(x, what);
    if (what == kind::actor && !x.process.group.empty()) check_group(x, parent);
    if (const auto* pool = std::get_if<pool_spec>(&x.what)) check_pool(*pool);
    if (what == kind::command)
      for (auto& one : faults_of_command(x)) fault(one.field, one.message, one.expected);
    if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&x.what)) {
      const auto outer = process_of_;
      if (x.runs_in == rung::process) process_of_ = path_;
      check_nested(*nested);
      process_of_ = outer;
    }
  }

  /// What is checked is below a supervisor that runs in a process.
  void be_inside(const std::string& path) { process_of_ = path; }

  std::vector<spec_fault> take() { return std::move(faults_); }

private:
  // Where faults are, while it lives.
  class scope {
  public:
    scope(checker& owner, std::string path, std::string prefix) : owner_(owner) {
      path_.swap(owner.path_);
      prefix_.swap(owner.prefix_);
      owner.path_ = std::move(path);
      owner.prefix_ = std::move(prefix);
    }
    ~scope() {
      owner_.path_.swap(path_);
      owner_.prefix_.swap(prefix_);
    }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

  private:
    checker& owner_;
    std::string path_;
    std::string prefix_;
  };

  void fault(std::string_view field, const std::string& wrong, std::string_view right) {
    faults_.push_back({path_, prefix_ + std::string{field}, wrong, std::string{right}});
  }

  // An enumerator that there is not: only a cast makes one.
  void unknown(std::string_view field, std::string_view right) {
    fault(field, "the value is not one of its type", right);
  }

  // ---- times and counts ----

  void check_time(std::string_view field, milliseconds x, milliseconds min, std::string_view right) {
    if (x == infinity) return;
    check_finite(field, x, min, max_duration, right);
  }

  void check_finite(std::string_view field, milliseconds x, milliseconds min, milliseconds max,
                    std::string_view right) {
    if (x == infinity)
      fault(field, "it is infinity", right);
    else if (x < min)
      fault(field, fmt::format("{} is too short", render_duration(x)), right);
    else if (x > max)
      fault(field, fmt::format("{} is too long", render_duration(x)), right);
  }

  void check_window(std::string_view field, milliseconds x) {
    check_finite(field, x, milliseconds{1}, max_duration, "a duration longer than 0ms, and not infinity");
  }

  template <class T>
  void check_count(std::string_view field, T x, const bound<T>& allowed) {
    if (allowed.or_zero && x == 0) return;
    if (x < allowed.min || x > allowed.max)
      fault(field, fmt::format("{} is too {}", x, x < allowed.min ? "small" : "large"),
            fmt::format("{}{} to {}", allowed.or_zero ? "0, or from " : "from ", allowed.min, allowed.max));
  }

  /// Written so that nan is refused, too.
  void check_number(std::string_view field, double x, const bound<double>& allowed) {
    if (x >= allowed.min && x <= allowed.max) return;
    fault(field, fmt::format("the {} is {}", field.substr(field.rfind('.') + 1), x),
          fmt::format("a number from {} to {}", allowed.min, allowed.max));
  }

  void check_crowd(std::string_view field, unsigned x, const bound<unsigned>& allowed, bool dynamic) {
    if (x > 0 && !dynamic)
      fault(field, fmt::format("{} is for dynamic children", field), "it only with strategy: simple_one_for_one");
    else
      check_count(field, x, allowed);
  }

  void check_backoff(const std::string& section, const backoff_spec& x) {
    const auto right = "a duration, and not infinity";
    check_finite(section + ".min", x.min, milliseconds{0}, max_duration, right);
    check_finite(section + ".max", x.max, milliseconds{0}, max_duration, right);
    check_finite(section + ".healthy", x.healthy, milliseconds{0}, max_duration, right);
    if (x.min > x.max && x.min != infinity)
      fault(section + ".min", fmt::format("min is {} and max is {}", render_duration(x.min), render_duration(x.max)),
            "min no longer than max");
    check_number(section + ".factor", x.factor, bounds::factor);
    check_number(section + ".jitter", x.jitter, bounds::share);
  }

  // ---- children ----

  void check_significant(const child_spec& x, const supervisor_spec& parent) {
    if (parent.strategy == strategy::simple_one_for_one)
      fault("significant", "a child of simple_one_for_one cannot be significant", "false, or another strategy");
    else if (parent.auto_shutdown == auto_shutdown::never)
      fault("significant", "the supervisor's auto_shutdown is never",
            "auto_shutdown: any_significant or all_significant");
    if (x.restart == restart_type::permanent)
      fault("significant", "a permanent child never ends by itself", "restart: transient or temporary");
  }

  void check_budget(const child_spec& x) {
    if (x.intensity) check_window("intensity.within", x.intensity->within);
    if (x.on_spent > spent_policy::end)
      unknown("on_spent", "escalate, park or end");
    else if (x.on_spent != spent_policy::escalate && !x.intensity)
      fault("on_spent",
            fmt::format("a child without a restart limit of its own cannot be {}",
                        x.on_spent == spent_policy::park ? "parked" : "ended by it"),
            "an intensity of this child");
    check_finite("park_for", x.park_for, milliseconds{0}, max_duration, "a duration, or 0 for no end");
    if (x.park_for > milliseconds{0} && x.on_spent != spent_policy::park)
      fault("park_for", "the child is never parked", "on_spent: park");
  }

  void check_partitions(const child_spec& x, const supervisor_spec& parent) {
    check_count("partitions", x.partitions, bounds::partitions);
    if (x.partitions == 0) return;
    const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&x.what);
    if (parent.strategy == strategy::simple_one_for_one)
      fault("partitions", "children of simple_one_for_one are many already", "the supervisor's `partitions`");
    else if (nested != nullptr && *nested && (*nested)->strategy == strategy::simple_one_for_one)
      fault("partitions", "a supervisor with simple_one_for_one has partitions of its own",
            "`partitions` beside its strategy");
    if (x.significant) fault("partitions", "a significant child is one child", "significant: false, or no partitions");
  }

  void check_actor(const child_spec& x) {
    check_count("mailbox.limit", x.mailbox.limit, bounds::mailbox);
    if (x.mailbox.overflow > overflow_policy::give_back)
      unknown("mailbox.overflow", "reject, drop_oldest, drop_newest or give_back");
    check_count("on_crash.redeliver", x.redeliver, bounds::redeliver);
    check_finite("hang_after", x.hang_after, milliseconds{0}, max_duration, "a duration, or 0 for never");
    if (x.on_hang > hang_policy::kill)
      unknown("on_hang", "report, replace or kill");
    else if (x.on_hang == hang_policy::kill && !in_process(x))
      fault("on_hang", "a thread cannot be killed", "replace, or an actor with runs_in: process");
    else if (x.on_hang == hang_policy::replace && in_process(x))
      fault("on_hang", "the process of an actor that hangs is killed", "kill");
    else if (x.on_hang != hang_policy::report && x.hang_after == milliseconds{0})
      fault("on_hang", "no handler counts as hung without a limit", "a hang_after");
    if (x.on_stop > stop_policy::drain)
      unknown("on_stop", "discard or drain");
    else if (x.on_stop == stop_policy::drain && shutdown_of(x) == brutal_kill)
      fault("on_stop", "a child with shutdown: brutal_kill has no time to drain", "a shutdown longer than 0ms");
    check_place(x);
  }

  /// Where the states of an actor live.
  void check_place(const child_spec& x) {
    if (x.runs_in > rung::process) unknown("runs_in", "thread or process");
    if (x.exceptions && in_process(x))
      fault("exceptions", "rules that are given to a child do not reach its process", "rules of its registration");
    if (!process_of_.empty()) return;
    if (x.runs_in == rung::thread) {
      for (const auto& [key, given] : given_settings(x.process))
        if (given) fault(fmt::format("process.{}", key), "a thread has no such limit", "it only with runs_in: process");
      return;
    }
    check_process(x.process, "process.");
  }

  bool in_process(const child_spec& x) const { return x.runs_in == rung::process || !process_of_.empty(); }

  /// It lives in a process that is not its own.
  void check_inside(const child_spec& x, kind what) {
    if (what == kind::pool || what == kind::command)
      fault(name_of(what), fmt::format("a {} cannot be in the process of {}", name_of(what), process_of_),
            "it beside that supervisor; below it, actors and supervisors");
    if (x.runs_in != rung::thread && (what == kind::actor || what == kind::supervisor))
      fault("runs_in", fmt::format("it lives in the process of {} already", process_of_), "no `runs_in` here");
    for (const auto& [key, given] : given_settings(x.process))
      if (given && what == kind::actor)
        fault(fmt::format("process.{}", key), fmt::format("it lives in the process of {}", process_of_),
              fmt::format("it under `process` of {}", process_of_));
  }

  /// Those of a group share a process, so they say the same of it.
  void check_group(const child_spec& x, const supervisor_spec& parent) {
    if (x.runs_in != rung::process || !process_of_.empty()) return;  // told already
    const auto& name = x.process.group;
    if (!is_valid_id(name))
      fault("process.group", fmt::format("'{}' is not a name", name),
            "1 to 64 letters, digits, '_', '-' and '.', with a letter, digit or '_' first");
    if (parent.strategy == strategy::simple_one_for_one)
      fault("process.group", "children of a template cannot be a group",
            "runs_in: process at their supervisor, or no group");
    if (x.partitions != 0)
      fault("process.group", "the partitions of an actor cannot be a group", "no partitions, or no group");
    if (x.process.spare) fault("process.spare", "the process of a group has no spare", "no spare, or no group");
    if (x.intensity)
      fault("intensity", "a member of a group is restarted with the others, so it has no limit of its own",
            "the supervisor's intensity, or no group");
    const auto first = std::ranges::find_if(parent.children, [&](const child_spec& other) {
      return other.runs_in == rung::process && other.process.group == name &&
             std::holds_alternative<actor_spec>(other.what);
    });
    if (first != parent.children.end() && first->id != x.id && first->process != x.process)
      fault("process", fmt::format("'{}' of the same group '{}' has other settings", first->id, name),
            "the same settings, for it is one process");
  }

  void check_no_actor(const child_spec& x, kind what) {
    const mailbox_spec plain;
    const auto refuse = [&](std::string_view field) {
      fault(field, fmt::format("belongs to an actor, and this child is a {}", name_of(what)), "it only on actors");
    };
    if (x.mailbox.limit != plain.limit) refuse("mailbox.limit");
    if (x.mailbox.overflow != plain.overflow) refuse("mailbox.overflow");
    if (x.redeliver != 0) refuse("on_crash.redeliver");
    if (x.hang_after != milliseconds{0}) refuse("hang_after");
    if (x.on_hang != hang_policy::report) refuse("on_hang");
    if (x.on_stop != stop_policy::discard) refuse("on_stop");
    if (x.exceptions) refuse("exceptions");
    if (what == kind::supervisor && process_of_.empty()) return check_shared_process(x);
    if (x.runs_in != rung::thread && what != kind::supervisor) refuse("runs_in");
    for (const auto& [key, given] : given_settings(x.process))
      if (given) refuse(fmt::format("process.{}", key));
  }

  /// The process in which all below a supervisor lives.
  void check_shared_process(const child_spec& x) {
    if (x.runs_in > rung::process) return unknown("runs_in", "thread or process");
    if (x.process.spare) fault("process.spare", "the process of a supervisor has no spare", "it only on actors");
    if (!x.process.group.empty())
      fault("process.group", "all below a supervisor share its process anyway", "it only on actors");
    if (x.runs_in == rung::process) return check_process(x.process, "process.");
    for (const auto& [key, given] : given_settings(x.process))
      if (given) fault(fmt::format("process.{}", key), "there is no process", "it only with runs_in: process");
  }

  static std::vector<std::pair<std::string_view, bool>> given_settings(const process_settings& x) {
    return {{"memory_limit", x.memory_limit != 0},
            {"cpu_limit", x.cpu_limit != milliseconds{0}},
            {"open_files", x.open_files != 0},
            {"sandbox", x.sandbox != sandbox_level::none},
            {"environment", !x.environment.empty()},
            {"working_directory", !x.working_directory.empty()},
            {"spare", x.spare},
            {"group", !x.group.empty()}};
  }

  void check_process(const process_settings& x, const std::string& at) {
    check_count(at + "memory_limit", x.memory_limit, bounds::memory);
    check_count(at + "open_files", x.open_files, bounds::open_files);
    check_finite(at + "cpu_limit", x.cpu_limit, milliseconds{0}, max_duration, "a duration, or 0 for none");
    if (x.sandbox > sandbox_level::strict) unknown(at + "sandbox", "none, basic or strict");
    if (x.environment.size() > bounds::variables.max)
      fault(at + "environment", fmt::format("{} variables", x.environment.size()),
            fmt::format("at most {}", bounds::variables.max));
    for (const auto& one : x.environment) {
      if (one.empty() || one.front() == '=' || one.find('\0') != std::string::npos)
        fault(at + "environment", "a variable without a name", "NAME or NAME=value");
    }
  }

  void check_nested(const std::shared_ptr<supervisor_spec>& x) {
    if (!x)
      fault("supervisor", "the supervisor's spec is null", "a spec");
    else if (std::ranges::find(ancestors_, x.get()) != ancestors_.end())
      fault("supervisor", "the supervisor holds itself", "a spec of its own");
    else if (level_of(path_) > bounds::levels.max)
      fault("supervisor", fmt::format("the tree is more than {} levels deep", bounds::levels.max),
            fmt::format("at most {} levels", bounds::levels.max));
    else
      check_supervisor(*x, path_, "supervisor.");
  }

  /// What a worker process may use and see; of threads there is nothing to say.
  void check_worker_side(const pool_spec& x, bool threads) {
    for (const auto& one : process_only_keys) {
      if (threads && one.is_set != nullptr && one.is_set(x))
        fault(one.key, "threads have no such limit", "it only with runs_in: processes");
    }
    check_initializer(x);
    if (x.process.spare) fault("spare", "belongs to the process of an actor", "spares");
    if (!x.process.group.empty()) fault("group", "belongs to the process of an actor", "no group");
    if (threads) return;
    check_process(x.process, "");
    check_count("recycle_after", x.restarts.recycle_after, bounds::recycle_after);
    check_count("recycle_memory", x.restarts.recycle_memory, bounds::recycle_memory);
  }

  void check_initializer(const pool_spec& x) {
    std::size_t bytes = x.initializer.size();
    for (const auto& one : x.initializer_args) {
      bytes += one.size() + 1;
      if (one.find('\0') != std::string::npos) fault("initializer_args", "a text with a NUL", "a text without");
    }
    if (bytes > bounds::initializer_bytes.max)
      fault("initializer_args", fmt::format("{} bytes with the initializer's name", bytes),
            fmt::format("at most {}", bounds::initializer_bytes.max));
    if (x.initializer.empty() && !x.initializer_args.empty())
      fault("initializer_args", "there is no initializer that takes them", "`initializer`, too");
  }

  /// Without `workers` the pool starts with as many as there are cores, or the nearest that the two limits allow.
  void check_range(const pool_spec& x) {
    const auto least = x.size.min_workers.value_or(0);
    if (x.size.max_workers > 0 && least > x.size.max_workers)
      fault("min_workers", fmt::format("{} are more than the {} of max_workers", least, x.size.max_workers),
            "at most `max_workers`");
    if (x.size.workers == 0) return;
    if (least > x.size.workers)
      fault("min_workers", fmt::format("{} are more than the {} workers of the start", least, x.size.workers),
            "at most `workers`");
    if (x.size.max_workers > 0 && x.size.max_workers < x.size.workers)
      fault("max_workers",
            fmt::format("{} are fewer than the {} workers of the start", x.size.max_workers, x.size.workers),
            "at least `workers`");
  }

  void check_pool(const pool_spec& x) { check_pool(x, path_, "pool."); }

  std::vector<spec_fault> faults_;
  std::vector<const supervisor_spec*> ancestors_;  // of what is being checked
  std::string path_;
  std::string prefix_;
  std::string process_of_;  // the supervisor in whose process it all lives; empty: none
};

}  // namespace

std::vector<spec_fault> validate(const supervisor_spec& tree, const std::string& path) {
  checker all;
  all.check_supervisor(tree, path, "");
  return all.take();
}

std::vector<spec_fault> validate(const pool_spec& pool, const std::string& path) {
  checker one;
  one.check_pool(pool, path, "");
  return one.take();
}

std::vector<spec_fault> validate(const child_spec& child, const supervisor_spec& parent, const std::string& parent_path,
                                 const std::string& process_of) {
  checker one;
  one.be_inside(process_of);
  one.check_child(child, parent, parent_path, true);
  return one.take();
}

}  // namespace steward
