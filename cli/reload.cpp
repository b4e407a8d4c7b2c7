#include "cli/reload.hpp"

#include "cli/reload_changes.hpp"
#include "config/diagnostics.hpp"
#include "observe/standard_streams.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace steward::cli {

bool needs_links(const supervisor_spec& tree) {
  for (const auto& child : tree.children) {
    if (const auto* as_pool = std::get_if<pool_spec>(&child.what)) {
      if (as_pool->runs_in == rung::process && !as_pool->actors.empty()) return true;
    } else if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&child.what)) {
      if (needs_links(**nested)) return true;
    }
  }
  return false;
}

namespace {

std::string count_of(std::size_t faults) { return std::to_string(faults) + (faults == 1 ? " fault" : " faults"); }

std::string summary_of(const std::vector<reload_change>& changes) {
  if (changes.empty()) return "nothing in its tree differs";
  const auto waiting = std::ranges::count_if(changes, [](const auto& x) { return !x.waits_for.empty(); });
  const auto all = static_cast<std::ptrdiff_t>(changes.size());
  if (waiting == 0) return "all that differs counts from now on";
  if (waiting == all) return "what differs waits, as told";
  return "part of what differs counts from now on, and part waits, as told";
}

}  // namespace

reloader::reloader(supervisor& tree, event_log& events, config::catalog names, const config::scenario& what,
                   config::load_options options, service_manager& manager)
    : tree_(tree),
      events_(events),
      names_(std::move(names)),
      file_(what.file),
      spec_(what.tree),
      has_links_(needs_links(what.tree)),
      options_(std::move(options)),
      manager_(manager),
      thread_([this] { serve(); }) {}

reloader::~reloader() {
  {
    std::lock_guard guard{mutex_};
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void reloader::ask() {
  {
    std::lock_guard guard{mutex_};
    asked_ = true;
  }
  changed_.notify_one();
}

void reloader::serve() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return asked_ || over_; });
    if (over_) return;
    asked_ = false;
    lock.unlock();
    manager_.reloading();
    for (const auto& fault : reload({}, "SIGHUP").faults) standard_streams::say(fault);
    manager_.reloaded();
    lock.lock();
  }
}

control_outcome reloader::reload(const control_reload& what, const std::string& by) {
  const std::lock_guard lock{reload_mutex_};
  const auto file = what.file.empty() ? file_ : what.file;
  const auto loaded = config::load_file(file, names_, options_);
  if (!loaded.value) {
    std::vector<std::string> faults;
    for (const auto& fault : loaded.problems) faults.push_back(config::render(fault));
    return refused(file, count_of(faults.size()), std::move(faults), what.dry_run ? std::string{} : by);
  }
  const auto& next = loaded.value->tree;
  if (!has_links_ && needs_links(next))
    return refused(file, "a pool of processes names actors now, which needs a new run", {},
                   what.dry_run ? std::string{} : by);
  control_outcome out;
  if (what.dry_run) {
    auto planned = plan_reload("/root", spec_, next);
    if (!planned.faults.empty()) return refused(file, count_of(planned.faults.size()), std::move(planned.faults), {});
    out.changes = std::move(planned.changes);
    out.text = file + ": " + (out.changes.empty() ? "nothing in its tree differs" : "nothing was changed");
    return out;
  }
  std::vector<std::string> faults;
  for (const auto& one : tree_.reload(next, &out.changes)) faults.push_back(file + ": error: " + describe(one) + "\n");
  if (!faults.empty()) return refused(file, count_of(faults.size()), std::move(faults), by);
  file_ = file;
  spec_ = next;
  out.text = file + " was reloaded: " + summary_of(out.changes);
  tell(event_kind::config, event_level::info, out.text + "; its steps, its name and its seed are not read again", by);
  return out;
}

/// Tells of it, unless nobody wanted more than to know what would be.
control_outcome reloader::refused(const std::string& file, std::string why, std::vector<std::string> faults,
                                  const std::string& by) {
  control_outcome out;
  out.code = "invalid";
  out.text = file + " was not reloaded: " + why + "; the old specs stay";
  out.faults = std::move(faults);
  if (!by.empty()) tell(event_kind::operator_, event_level::warn, out.text, by);
  return out;
}

void reloader::tell(event_kind kind, event_level level, const std::string& text, const std::string& by) {
  event e;
  e.kind = kind;
  e.level = level;
  e.actor = "/root";
  e.text = text;
  if (kind == event_kind::operator_) e.by = by;
  events_.emit(std::move(e));
}

}  // namespace steward::cli
