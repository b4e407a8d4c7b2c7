#include "base/spec_changes.hpp"
#include "supervision/carried_out.hpp"
#include "supervision/supervisor_child.hpp"
#include "supervision/tree_host.hpp"

#include <memory>
#include <set>
#include <string>
#include <utility>

// New specs for a supervisor that runs, and for all below it.

namespace steward::supervision {

namespace {

void note_changes(const std::string& path, const spec_changes& found, std::vector<reload_change>& into) {
  if (!found.now.empty()) into.push_back({path, enumerated(found.now), {}});
  if (!found.at_restart.empty()) into.push_back({path, enumerated(found.at_restart), "its next restart"});
}

bool same_kind(const std::string& path, const child_spec& before, const child_spec& next,
               std::vector<spec_fault>& faults) {
  if (before.what.index() == next.what.index()) return true;
  faults.push_back({path, "", "a child cannot become another kind of child while the tree runs"});
  return false;
}

}  // namespace

void supervisor_child::check_reload(const tree_host& host, const child_spec& next,
                                    std::vector<spec_fault>& faults) const {
  if (desk_) check_reload(host, *std::get<std::shared_ptr<supervisor_spec>>(next.what), faults);
}

void supervisor_child::check_reload(const tree_host& host, const supervisor_spec& next,
                                    std::vector<spec_fault>& faults) const {
  const bool was_dynamic = dynamic() || partitioned_;
  const bool will_route = next.strategy != strategy::simple_one_for_one && next.partitions != 0;
  if ((routes() || will_route) && (routes() != will_route || next.partitions != content_->partitions)) {
    faults.push_back({path(), "partitions", "the partitions of a child cannot change while it runs"});
    return;
  }
  if (!will_route &&
      ((next.strategy == strategy::simple_one_for_one) != was_dynamic ||
       (next.partitions != 0 && next.partitions != children_.size()) || (next.partitions != 0) != partitioned_)) {
    faults.push_back(
        {path(), "strategy", "a running supervisor cannot become dynamic, or cease to be, or change its partitions"});
    return;
  }
  if (partitioned_) {
    auto part = next;
    part.partitions = 0;
    if (!children_.empty()) host.at(children_.numbers().front()).as_supervisor()->check_reload(host, part, faults);
    return;
  }
  if (was_dynamic) {
    const auto& x = next.children.front();
    if (!same_kind(path() + "/" + x.id, content_->children.front(), x, faults)) return;
    for (const auto below : children_.numbers()) host.at(below).check_reload(host, x, faults);
    return;
  }
  for (const auto& x : next.children) {
    const auto* one = host.find(path() + "/" + x.id);
    if (one != nullptr && same_kind(one->path(), *one->spec, x, faults)) one->check_reload(host, x, faults);
  }
}

void supervisor_child::preview(const tree_host& host, const child_spec& next,
                               std::vector<reload_change>& changes) const {
  if (desk_) preview(host, *std::get<std::shared_ptr<supervisor_spec>>(next.what), changes);
}

void supervisor_child::preview(const tree_host& host, const supervisor_spec& next,
                               std::vector<reload_change>& changes) const {
  if (partitioned_) {
    const auto parts = with_partitions(next);
    note_changes(path(), changes_between(*content_, *parts), changes);
    return preview_list(host, *parts, changes);
  }
  note_changes(path(), changes_between(*content_, next), changes);
  if (!dynamic()) return preview_list(host, next, changes);
  const auto& pattern = next.children.front();
  note_changes(path() + "/" + pattern.id, changes_between(*template_spec_, pattern), changes);
  for (const auto below : children_.numbers()) host.at(below).preview(host, pattern, changes);
}

void supervisor_child::preview_list(const tree_host& host, const supervisor_spec& next,
                                    std::vector<reload_change>& changes) const {
  std::set<std::string> listed;
  for (const auto& x : next.children) {
    listed.insert(x.id);
    const auto* one = host.find(path() + "/" + x.id);
    if (one == nullptr) {
      changes.push_back({path() + "/" + x.id, "a new child", "its start by hand"});
      continue;
    }
    note_changes(one->path(), changes_between(*one->spec, x), changes);
    one->preview(host, x, changes);
  }
  for (const auto below : children_.numbers())
    if (const auto& one = host.at(below); one.fixed && !listed.contains(one.id_text()))
      changes.push_back({one.path(), "not listed any more", "its stop by hand, or the end of its supervisor"});
}

void supervisor_child::respecify(tree_host& host, child_spec_ptr next) {
  spec = std::move(next);
  const auto& nested = std::get<std::shared_ptr<supervisor_spec>>(spec->what);
  if (desk_)
    reload(host, nested);
  else
    content_ = nested;
}

void supervisor_child::reload(tree_host& host, std::shared_ptr<supervisor_spec> next) {
  content_ = partitioned_ ? with_partitions(*next) : std::move(next);
  policies changed;
  policies added;
  if (dynamic())
    reload_template(host, changed);
  else
    reload_list(host, changed, added);
  host.feed(*this, [&](policy::supervisor_machine& m) {
    m.reconfigure(options(host));
    for (auto& [below, policy] : changed) m.repolicy(below, policy);
    for (auto& [below, policy] : added) m.add(below, policy);
    return policy::actions{};
  });
}

void supervisor_child::reload_template(tree_host& host, policies& changed) {
  const auto before = template_spec_;
  take_template(host);
  for (const auto below : children_.numbers()) {
    auto& one = host.at(below);
    one.respecify(host, one.spec == before ? template_spec_ : one.from_template(host, *before, template_spec_));
    changed.emplace_back(below, template_policy_);
  }
}

void supervisor_child::reload_list(tree_host& host, policies& changed, policies& added) {
  for (const auto below : children_.numbers()) host.at(below).fixed = false;  // what is missing ends with us
  for (std::size_t position = 0; position < content_->children.size(); ++position) {
    const auto& x = content_->children[position];
    auto policy = std::make_shared<const policy::child_policy>(policy::policy_of(x));
    auto* one = host.find(path() + "/" + x.id);
    if (one == nullptr) {
      added.emplace_back(add_listed(host, x, position).id, std::move(policy));
      continue;
    }
    one->fixed = true;
    changed.emplace_back(one->id, std::move(policy));
    one->respecify(host, share(x));
  }
}

}  // namespace steward::supervision
