#include "pool/pool_events.hpp"

#include <algorithm>
#include <cstddef>

namespace steward::pooling {

namespace {

// More than this is not decoded for the few bytes that are shown of it.
constexpr std::size_t shown_args_bytes = std::size_t{64} * 1024;

std::string args_text(const job& task, const task_entry& entry, std::uint64_t item) {
  bytes_view args = task.args;
  if (task.sink) {
    detail::item_reader items(task.args, entry.args_size);
    items.next(static_cast<std::size_t>(item));
    args = items.next();
  }
  if (args.size() > shown_args_bytes) return "<" + std::to_string(args.size()) + " bytes>";
  try {
    return entry.render_args(args).substr(0, event_log::max_args_bytes);
  } catch (...) {
    // The decoder may be the user's, and what it throws the very reason for the event.
    return "<" + std::to_string(args.size()) + " bytes that cannot be shown>";
  }
}

}  // namespace

event pool_events::of_pool(event_kind kind, event_level how) const {
  event e;
  e.kind = kind;
  e.level = how;
  e.actor = path_;
  e.runs_in = to_string(spec_.runs_in);
  return e;
}

event pool_events::of_worker(event_kind kind, event_level how, const worker_life& worker) const {
  auto e = of_pool(kind, how);
  e.actor += "/" + worker.name();
  e.incarnation = worker.incarnation();
  if (worker.pid() != 0) e.pid = worker.pid();
  return e;
}

event_child pool_events::described(const sizing& size) const {
  const auto& budget = spec_.restarts.worker_restarts;
  event_child out;
  out.kind = "pool";
  out.type = spec_.task;
  out.limit = budget.restarts;
  out.period_ms = budget.within.count();
  out.workers = size.size();
  out.least_workers = size.least();
  out.most_workers = size.most();
  out.spares = spec_.size.spares;
  return out;
}

event_task pool_events::task(const ledger::record& r, std::uint64_t item) const {
  event_task view;
  view.id = r.id + item;
  view.name = name_of(r.task->entry);
  if (r.task->entry) view.args = args_text(*r.task, *r.task->entry, item);
  view.attempt = r.attempt;
  view.attempts = r.task->attempts_in(spec_);
  return view;
}

}  // namespace steward::pooling
