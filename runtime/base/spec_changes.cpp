#include "base/spec_changes.hpp"

#include <algorithm>
#include <memory>
#include <thread>

namespace steward {

namespace {

bool same(const intensity& a, const intensity& b) { return a.restarts == b.restarts && a.within == b.within; }
bool same(const std::optional<intensity>& a, const std::optional<intensity>& b) {
  return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
bool same(const backoff_spec& a, const backoff_spec& b) {
  return a.min == b.min && a.max == b.max && a.factor == b.factor && a.jitter == b.jitter && a.healthy == b.healthy;
}
bool same(const mailbox_spec& a, const mailbox_spec& b) { return a.limit == b.limit && a.overflow == b.overflow; }
bool same(const param_map& a, const param_map& b) {
  return std::ranges::equal(
      a, b, [](const auto& x, const auto& y) { return x.first == y.first && x.second.value == y.second.value; });
}
bool same(const command_ready& a, const command_ready& b) {
  return a.line == b.line && a.port == b.port && a.file == b.file && a.http == b.http && a.notify == b.notify &&
         a.after == b.after;
}
bool same(const command_logs& a, const command_logs& b) {
  return a.lines_a_second == b.lines_a_second && a.line_length == b.line_length;
}
template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}

/// Notes a key where its values differ.
class comparison {
public:
  explicit comparison(std::vector<std::string>& into) : into_(into) {}
  template <class T>
  comparison& operator()(const char* key, const T& before, const T& after) {
    if (!same(before, after)) into_.emplace_back(key);
    return *this;
  }

private:
  std::vector<std::string>& into_;
};

void compare_pools(const pool_spec& a, const pool_spec& b, spec_changes& out) {
  comparison{out.now}("workers", worker_bounds_of(a), worker_bounds_of(b));
  comparison{out.at_restart}("task", a.task, b.task)("runs_in", a.runs_in, b.runs_in)(
      "idle_exit", a.size.idle_exit, b.size.idle_exit)("spares", a.size.spares, b.size.spares)(
      "attempts", a.limits.attempts, b.limits.attempts)("on_exception", a.on_exception, b.on_exception)(
      "deadline", a.limits.deadline, b.limits.deadline)(
      "soft_deadline", a.limits.soft_deadline, b.limits.soft_deadline)("grace", a.limits.grace, b.limits.grace)(
      "heartbeat", a.limits.heartbeat, b.limits.heartbeat)("queue_limit", a.limits.queue_limit, b.limits.queue_limit)(
      "on_full", a.limits.on_full, b.limits.on_full)("chunk", a.chunk, b.chunk)("memory_limit", a.process.memory_limit,
                                                                                b.process.memory_limit)(
      "cpu_limit", a.process.cpu_limit, b.process.cpu_limit)("open_files", a.process.open_files, b.process.open_files)(
      "recycle_after", a.restarts.recycle_after, b.restarts.recycle_after)("recycle_jitter", a.restarts.recycle_jitter,
                                                                           b.restarts.recycle_jitter)(
      "recycle_memory", a.restarts.recycle_memory, b.restarts.recycle_memory)(
      "initializer", a.initializer, b.initializer)("initializer_args", a.initializer_args, b.initializer_args)(
      "sandbox", a.process.sandbox, b.process.sandbox)("environment", a.process.environment, b.process.environment)(
      "working_directory", a.process.working_directory, b.process.working_directory)(
      "worker_restarts", a.restarts.worker_restarts, b.restarts.worker_restarts)(
      "backoff of workers", a.restarts.worker_backoff, b.restarts.worker_backoff)(
      "start_within of workers", a.limits.start_within, b.limits.start_within)(
      "shutdown of workers", a.limits.shutdown, b.limits.shutdown)("actors", a.actors, b.actors);
}

void compare_commands(const command_spec& a, const command_spec& b, spec_changes& out) {
  comparison{out.now}("stop", a.stop, b.stop);
  comparison{out.at_restart}("command", a.run, b.run)("ready", a.ready, b.ready)("ok_codes", a.ok_codes, b.ok_codes)(
      "environment", a.environment, b.environment)("working_directory", a.working_directory, b.working_directory)(
      "user", a.user, b.user)("umask", a.umask, b.umask)("nice", a.nice, b.nice)("rlimits", a.rlimits, b.rlimits)(
      "logs", a.logs, b.logs);
}

}  // namespace

spec_changes changes_between(const child_spec& a, const child_spec& b) {
  spec_changes out;
  comparison{out.now}("restart", a.restart, b.restart)("shutdown", a.shutdown, b.shutdown)(
      "start_within", a.start_within, b.start_within)("backoff", a.backoff, b.backoff)(
      "start_retries", a.start_retries, b.start_retries)("significant", a.significant, b.significant)(
      "intensity", a.intensity, b.intensity)("on_spent", a.on_spent, b.on_spent)("park_for", a.park_for, b.park_for)(
      "mailbox", a.mailbox, b.mailbox)("redeliver", a.redeliver, b.redeliver)("on_hang", a.on_hang, b.on_hang)(
      "on_stop", a.on_stop, b.on_stop)("exceptions", a.exceptions, b.exceptions);
  comparison{a.hang_after.count() > 0 ? out.now : out.at_restart}("hang_after", a.hang_after, b.hang_after);
  comparison{out.at_restart}("runs_in", a.runs_in, b.runs_in)("process.memory_limit", a.process.memory_limit,
                                                              b.process.memory_limit)(
      "process.cpu_limit", a.process.cpu_limit, b.process.cpu_limit)("process.open_files", a.process.open_files,
                                                                     b.process.open_files)(
      "process.sandbox", a.process.sandbox, b.process.sandbox)("process.environment", a.process.environment,
                                                               b.process.environment)(
      "process.working_directory", a.process.working_directory, b.process.working_directory)(
      "process.spare", a.process.spare, b.process.spare)("process.group", a.process.group, b.process.group);
  const auto* pool = std::get_if<pool_spec>(&a.what);
  const auto* actor = std::get_if<actor_spec>(&a.what);
  if (a.what.index() != b.what.index()) return out;
  if (const auto* command = std::get_if<command_spec>(&a.what))
    compare_commands(*command, std::get<command_spec>(b.what), out);
  if (pool != nullptr) compare_pools(*pool, std::get<pool_spec>(b.what), out);
  if (actor != nullptr)
    comparison{out.at_restart}("actor", actor->type, std::get<actor_spec>(b.what).type)(
        "with", actor->params, std::get<actor_spec>(b.what).params)("state", actor->own,
                                                                    std::get<actor_spec>(b.what).own);
  return out;
}

spec_changes changes_between(const supervisor_spec& a, const supervisor_spec& b) {
  spec_changes out;
  comparison{out.now}("strategy", a.strategy, b.strategy)("intensity", a.intensity, b.intensity)(
      "auto_shutdown", a.auto_shutdown, b.auto_shutdown)("max_children", a.max_children, b.max_children);
  comparison{out.at_restart}("initial", a.initial, b.initial);
  return out;
}

worker_bounds worker_bounds_of(const pool_spec& spec) {
  const auto& given = spec.size;
  auto size = given.workers;
  if (size == 0) {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    size = std::max(given.max_workers > 0 ? std::min(cores, given.max_workers) : cores, given.min_workers.value_or(0));
  }
  const bool on_demand = given.workers == 0 && given.min_workers == 0U;
  return {on_demand ? 0 : size, std::min(size, given.min_workers.value_or(size)), std::max(size, given.max_workers)};
}

std::optional<event_backoff> told_backoff(const backoff_spec& of, const backoff_spec& usual, bool is_new) {
  if (!is_new && same(of, usual)) return std::nullopt;
  return event_backoff{of.min.count(), of.max.count(), of.factor, of.healthy.count()};
}

std::string enumerated(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : (i + 1 == names.size() ? " and " : ", ")) + names[i];
  return out;
}

}  // namespace steward
