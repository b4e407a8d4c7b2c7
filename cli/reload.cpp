#include "cli/reload.hpp"

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
    reload();
    manager_.reloaded();
    lock.lock();
  }
}

void reloader::reload() {
  const auto loaded = config::load_file(file_, names_, options_);
  for (const auto& fault : loaded.problems) standard_streams::say(config::render(fault));
  if (!loaded.value)
    return tell(event_kind::operator_, event_level::warn,
                file_ + " was not reloaded: " + count_of(loaded.problems.size()) + "; the old specs stay");
  if (!has_links_ && needs_links(loaded.value->tree))
    return tell(event_kind::operator_, event_level::warn,
                file_ +
                    " was not reloaded: a pool of processes names actors now, which needs a new "
                    "run; the old specs stay");
  std::vector<reload_change> changes;
  const auto faults = tree_.reload(loaded.value->tree, &changes);
  for (const auto& one : faults) standard_streams::say(file_ + ": error: " + describe(one) + "\n");
  if (!faults.empty())
    return tell(event_kind::operator_, event_level::warn,
                file_ + " was not reloaded: " + count_of(faults.size()) + "; the old specs stay");
  tell(event_kind::config, event_level::info,
       file_ + " was reloaded: " + summary_of(changes) + "; its steps, its name and its seed are not read again");
}

void reloader::tell(event_kind kind, event_level level, const std::string& text) {
  event e;
  e.kind = kind;
  e.level = level;
  e.actor = "/root";
  e.text = text;
  events_.emit(std::move(e));
}

}  // namespace steward::cli
