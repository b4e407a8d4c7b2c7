#include "observe/run_view.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <utility>

// What can be asked of a view.

namespace steward {

const char* to_string(view_status x) noexcept {
  switch (x) {
    case view_status::idle:
      return "idle";
    case view_status::starting:
      return "starting";
    case view_status::up:
      return "up";
    case view_status::restarting:
      return "restarting";
    case view_status::stopping:
      return "stopping";
    case view_status::parked:
      return "parked";
    case view_status::stopped:
      return "stopped";
    case view_status::ended:
      return "ended";
    case view_status::gave_up:
      return "gave_up";
  }
  return "unknown";
}

bool is_down(view_status x) noexcept {
  switch (x) {
    case view_status::idle:
    case view_status::stopped:
    case view_status::ended:
    case view_status::gave_up:
      return true;
    case view_status::starting:
    case view_status::up:
    case view_status::restarting:
    case view_status::stopping:
    case view_status::parked:
      return false;
  }
  return false;
}

std::size_t budget_view::used(time_point at) const {
  return static_cast<std::size_t>(
      std::count_if(restarts.begin(), restarts.end(), [&](time_point x) { return at - x <= period; }));
}

child_view::duration child_view::downtime_at(time_point at) const {
  const bool goes_on = down_since && !ends_for_good && at > *down_since;
  return goes_on ? downtime + (at - *down_since) : downtime;
}

const child_view* run_view::find(std::string_view path) const {
  const auto it = children.find(path);
  return it != children.end() ? &it->second : nullptr;
}

const crash_view* run_view::crash(std::string_view id) const {
  const auto it = std::find_if(crashes.begin(), crashes.end(), [&](const crash_view& x) { return x.id == id; });
  return it != crashes.end() ? &*it : nullptr;
}

std::vector<std::string> run_view::below(std::string_view path) const {
  std::vector<std::pair<std::uint64_t, const std::string*>> found;
  const auto prefix = std::string{path} + "/";
  for (auto it = children.lower_bound(prefix); it != children.end() && it->first.starts_with(prefix); ++it) {
    const auto& [own, child] = *it;
    if (path.empty() ? !children.contains(child.parent) : child.parent == path) found.emplace_back(child.order, &own);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> out;
  out.reserve(found.size());
  for (const auto& [order, own] : found) out.push_back(*own);
  return out;
}

}  // namespace steward
