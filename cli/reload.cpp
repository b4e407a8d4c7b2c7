#include "cli/reload.hpp"

#include "base/spec_changes.hpp"
#include "cli/plan.hpp"
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

std::string summary_of(const std::vector<reload_change>& changes, bool dry) {
  if (changes.empty()) return "nothing in its tree differs";
  const auto waiting = std::ranges::count_if(changes, [](const auto& x) { return !x.waits_for.empty(); });
  const auto all = static_cast<std::ptrdiff_t>(changes.size());
  const std::string at_once = dry ? "would count at once" : "counts from now on";
  const std::string waits = dry ? "would wait" : "waits";
  if (waiting == 0) return "all that differs " + at_once;
  if (waiting == all) return "what differs " + waits + ", as told";
  return "part of what differs " + at_once + ", and part " + waits + ", as told";
}

/// What differs beside the tree, which a reload leaves as it was.
std::string left_aside(const config::scenario& before, const config::scenario& next) {
  std::vector<std::string> what;
  if (before.run != next.run) what.emplace_back("steps");
  if (before.name != next.name) what.emplace_back("name");
  if (before.seed != next.seed) what.emplace_back("seed");
  if (what.empty()) return {};
  return "; the run goes on with the " + enumerated(what) + " that it began with, though the file has others";
}

}  // namespace

reloader::reloader(supervisor& tree, event_log& events, config::catalog names, const config::scenario& what,
                   const config::origin_map& origins, config::load_options options, service_manager& manager,
                   std::function<void(std::string)> keep_plan)
    : tree_(tree),
      events_(events),
      names_(std::move(names)),
      file_(what.file),
      began_with_(what),
      began_with_origins_(origins),
      has_links_(needs_links(what.tree)),
      options_(std::move(options)),
      manager_(manager),
      keep_plan_(std::move(keep_plan)) {
  if (keep_plan_) keep_plan_(plan());
  thread_ = std::thread([this] { serve(); });
}

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
    for (const auto& fault : reload({}, "SIGHUP").faults) standard_streams::say(fault);
    lock.lock();
  }
}

control_outcome reloader::reload(const control_reload& what, const std::string& by) {
  const std::lock_guard guard{one_at_a_time_};
  if (what.dry_run) return load(what, by);
  manager_.reloading();
  auto out = load(what, by);
  manager_.reloaded();
  return out;
}

control_outcome reloader::load(const control_reload& what, const std::string& by) {
  const auto file = what.file.empty() ? file_ : what.file;
  auto loaded = config::load_file(file, names_, options_);
  std::vector<std::string> problems;
  for (const auto& fault : loaded.problems) problems.push_back(config::render(fault));
  if (!loaded.value) {
    const auto why = count_of(problems.size());
    return refuse(what, by, why, std::move(problems));
  }
  const auto& next = loaded.value->tree;
  if (!has_links_ && needs_links(next))
    return refuse(what, by, "a pool of processes names actors now, which needs a new run", {});
  control_outcome out;
  const auto faults = what.dry_run ? tree_.preview(next, &out.changes) : tree_.reload(next, &out.changes, by);
  for (const auto& one : faults) problems.push_back(file + ": error: " + describe(one) + "\n");
  if (!faults.empty()) return refuse(what, by, count_of(faults.size()), std::move(problems));
  out.text = file + (what.dry_run ? " would be reloaded: " : " was reloaded: ") +
             summary_of(out.changes, what.dry_run) + left_aside(began_with_, *loaded.value);
  if (what.dry_run) return out;
  file_ = file;
  {
    const std::lock_guard guard{plan_mutex_};
    reloaded_ = std::move(loaded);
  }
  tell(event_kind::config, event_level::info, out.text, by);
  if (keep_plan_) keep_plan_(plan());
  return out;
}

std::string reloader::plan() {
  const std::lock_guard guard{plan_mutex_};
  return reloaded_ ? render_plan_json(*reloaded_->value, reloaded_->origins)
                   : render_plan_json(began_with_, began_with_origins_);
}

/// Tells of it, unless nobody wanted more than to know what would be.
control_outcome reloader::refuse(const control_reload& what, const std::string& by, const std::string& why,
                                 std::vector<std::string> faults) {
  const auto& file = what.file.empty() ? file_ : what.file;
  control_outcome out;
  out.code = "invalid";
  out.text = file + (what.dry_run ? " would not be reloaded: " : " was not reloaded: ") + why + "; the old specs stay";
  out.faults = std::move(faults);
  if (!what.dry_run) tell(event_kind::operator_, event_level::warn, out.text, by);
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
