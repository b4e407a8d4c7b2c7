#include "cli/reload_changes.hpp"

#include "base/spec_changes.hpp"

#include <algorithm>
#include <memory>

namespace steward::cli {
namespace {

void note(const std::string& path, const spec_changes& found, planned_reload& into) {
  if (!found.now.empty()) into.changes.push_back({path, enumerated(found.now), {}});
  if (!found.at_restart.empty()) into.changes.push_back({path, enumerated(found.at_restart), "its next restart"});
}

void compare(const std::string& path, const supervisor_spec& before, const supervisor_spec& after,
             planned_reload& into);

void compare(const std::string& path, const child_spec& before, const child_spec& after, planned_reload& into) {
  if (before.what.index() != after.what.index()) {
    into.faults.push_back(path + ": a child cannot become another kind of child while the tree runs");
    return;
  }
  note(path, changes_between(before, after), into);
  if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&before.what))
    compare(path, **nested, *std::get<std::shared_ptr<supervisor_spec>>(after.what), into);
}

const child_spec* find(const supervisor_spec& in, const std::string& id) {
  const auto it = std::ranges::find(in.children, id, &child_spec::id);
  return it != in.children.end() ? &*it : nullptr;
}

void compare(const std::string& path, const supervisor_spec& before, const supervisor_spec& after,
             planned_reload& into) {
  const auto is_dynamic = [](const supervisor_spec& x) { return x.strategy == strategy::simple_one_for_one; };
  if (is_dynamic(before) != is_dynamic(after) || before.partitions != after.partitions) {
    into.faults.push_back(path +
                          ": a running supervisor cannot become dynamic, or cease to be, or change its partitions");
    return;
  }
  note(path, changes_between(before, after), into);
  for (const auto& child : after.children) {
    const auto below = path + "/" + child.id;
    if (const auto* was = find(before, child.id))
      compare(below, *was, child, into);
    else
      into.changes.push_back({below, "added", "restart_child"});
  }
  for (const auto& child : before.children)
    if (find(after, child.id) == nullptr)
      into.changes.push_back({path + "/" + child.id, "removed", "the end of its supervisor, or terminate_child"});
}

}  // namespace

planned_reload plan_reload(const std::string& path, const supervisor_spec& before, const supervisor_spec& after) {
  planned_reload out;
  compare(path, before, after, out);
  return out;
}

}  // namespace steward::cli
