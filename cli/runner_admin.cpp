#include "cli/children_table.hpp"
#include "cli/runner.hpp"

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

namespace steward::cli {

namespace {

constexpr const char* by_step = "a step";  // of the run, in events that say who intervened

/// Whether an id such as "conn-3" is one that a dynamic supervisor gives to the children of the template `conn`.
bool is_numbered(std::string_view id, const std::string& from) {
  return id.size() > from.size() + 1 && id.starts_with(from) && id[from.size()] == '-' &&
         id.find_first_not_of("0123456789", from.size() + 1) == std::string_view::npos;
}

std::optional<std::string> path_of(const std::string& id, const supervisor_spec& in, const std::string& prefix) {
  if (in.strategy == strategy::simple_one_for_one) {
    // Of what a dynamic supervisor makes, only its direct children can be named by id, and only without partitions.
    if (in.partitions == 0 && !in.children.empty() && is_numbered(id, in.children.front().id)) return prefix + "/" + id;
    return std::nullopt;
  }
  for (const auto& child : in.children) {
    const auto path = prefix + "/" + child.id;
    if (child.id == id) return path;
    if (child.partitions > 0) continue;  // what is in several is named by its path
    if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&child.what))
      if (auto found = path_of(id, **nested, path)) return found;
  }
  return std::nullopt;
}

}  // namespace

std::string runner::absolute(const std::string& name) const {
  if (name.starts_with('/')) return name;
  if (auto found = path_of(name, what_.tree, "/root")) return *found;
  return name == "root" ? "/root" : "/root/" + name;
}

void runner::tell_result(const std::string& request, const admin_result& result, const config::step& whole) {
  const std::string code = to_string(result.code);
  std::string line = request + ": " + code;
  if (result.code == admin_code::failed || result.code == admin_code::max_children) line += ", " + describe(result.why);
  if (!result.extra.empty()) line += ", " + result.extra;
  out_.line(line);
  for (const auto& fault : result.faults) out_.line("  " + describe(fault));
  if (whole.expect ? code == *whole.expect : result || result.code == admin_code::ignored) return;
  failed(request + " was expected to be " + whole.expect.value_or("ok") + " and is " + code);
}

child_status runner::status_after_crash(const std::string& actor, std::uint64_t incarnation) {
  constexpr milliseconds limit{10'000};
  constexpr milliseconds pause{2};
  const auto path = absolute(actor);
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto now = tree_.which_child(path);
    if (!now) return child_status::undefined;
    const bool is_up = now->status == child_status::running && now->incarnation > incarnation;
    const bool is_down = now->status == child_status::parked || now->status == child_status::undefined;
    if (is_up || is_down || interrupted() || std::chrono::steady_clock::now() >= until) return now->status;
    std::this_thread::sleep_for(pause);  // the answer to the request overtakes the news of the crash
  }
}

void runner::perform(const config::start_child_step& step, const config::step& whole) {
  const auto path = absolute(step.supervisor);
  auto result = tree_.start_children(path, std::vector<param_map>(step.count, step.with));
  for (const auto& one : result.children) tell_result("start_child " + one.path, one, whole);
  if (!result.children.empty()) return;
  admin_result refused;
  refused.code = result.code;
  refused.faults = std::move(result.faults);
  tell_result("start_child " + path, refused, whole);
}

void runner::perform(const config::terminate_child_step& step, const config::step& whole) {
  const auto path = absolute(step.child);
  tell_result("terminate_child " + path, tree_.terminate_child(path, by_step), whole);
}

void runner::perform(const config::restart_child_step& step, const config::step& whole) {
  const auto path = absolute(step.child);
  tell_result("restart_child " + path, tree_.restart_child(path, by_step), whole);
}

void runner::perform(const config::kill_step& step, const config::step& whole) {
  const auto path = absolute(step.child);
  tell_result("kill " + path, tree_.operate(operation::kill, path, by_step), whole);
}

std::optional<std::vector<child_info>> runner::settled_children(const std::string& path) {
  constexpr milliseconds limit{1'000};
  constexpr milliseconds pause{2};
  const auto finished = [](const child_info& x) { return x.messages.accepted - x.messages.waiting; };
  const auto first = tree_.which_children(path);
  const auto is_settled = [&](const child_info& now) {
    if (now.status != child_status::running) return true;
    const auto was = std::ranges::find(*first, now.path, &child_info::path);
    return was == first->end() || finished(now) >= was->messages.accepted;
  };
  const auto until = std::chrono::steady_clock::now() + limit;
  auto now = first;
  while (now && !std::ranges::all_of(*now, is_settled)) {
    if (interrupted() || std::chrono::steady_clock::now() >= until) break;
    std::this_thread::sleep_for(pause);  // an answer overtakes the end of the handler that gave it
    now = tree_.which_children(path);
  }
  return now;
}

void runner::perform(const config::children_step& step) {
  const auto path = absolute(step.supervisor);
  const auto children = settled_children(path);
  if (!children) return failed("the supervisor " + path + " is gone");
  out_.line("Children of " + path + ":");
  for (const auto& line : children_table(*children)) out_.line("  " + line);
}

void runner::perform(const config::resize_step& step) {
  constexpr milliseconds pause{2};
  const auto path = absolute(step.pool);
  const auto target = tree_.pool_at(path);
  if (!target) return failed("the pool " + path + " is gone");
  const auto least = step.min_workers.value_or(step.workers);
  const auto spares = target->spec().size.spares;  // stand by beyond its size
  const auto size_of = [spares](const pool_stats& x) { return x.workers - std::min(x.workers, spares); };
  const auto before = size_of(target->stats());
  target->resize(least, step.workers, by_step);
  const auto until = std::chrono::steady_clock::now() + step.within;
  auto now = target->stats();
  while (!(size_of(now) >= least && size_of(now) <= step.workers && now.ready >= least) && !interrupted()) {
    if (std::chrono::steady_clock::now() >= until)
      return failed(path + " has " + std::to_string(size_of(now)) + " workers after " + render_duration(step.within));
    std::this_thread::sleep_for(pause);
    now = target->stats();
  }
  if (interrupted()) return;
  if (least < step.workers)
    return out_.line("Resized " + path + ": " + std::to_string(least) + " to " + std::to_string(step.workers) +
                     " workers, now " + std::to_string(size_of(now)));
  out_.line("Resized " + path + ": from " + std::to_string(before) + " to " + std::to_string(size_of(now)) +
            (size_of(now) == 1 ? " worker" : " workers"));
}

}  // namespace steward::cli
