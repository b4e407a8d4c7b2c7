#include "supervision/carried_out.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace steward::supervision {

std::shared_ptr<supervisor_spec> with_partitions(const supervisor_spec& spec) {
  auto out = std::make_shared<supervisor_spec>();
  out->strategy = strategy::one_for_one;
  out->intensity = spec.intensity;
  out->max_children = spec.max_children;
  for (unsigned i = 0; i < spec.partitions; ++i) {
    auto part = std::make_shared<supervisor_spec>(spec);
    part->partitions = 0;
    part->max_children = 0;
    part->initial = spec.initial / spec.partitions + (i < spec.initial % spec.partitions ? 1 : 0);
    child_spec child;
    child.id = "p" + std::to_string(i);
    child.what = std::move(part);
    out->children.push_back(std::move(child));
  }
  return out;
}

namespace {

const supervisor_spec* supervisor_in(const child_spec& x) {
  const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&x.what);
  return nested == nullptr ? nullptr : nested->get();
}

bool is_short(const supervisor_spec& tree) {
  return std::any_of(tree.children.begin(), tree.children.end(), [](const child_spec& x) {
    const auto* nested = supervisor_in(x);
    return x.partitions != 0 || (nested != nullptr && (x.runs_in == rung::process || is_short(*nested)));
  });
}

child_spec spread(child_spec x, const supervisor_spec& parent) {
  if (x.partitions == 0) return x;
  auto all = std::make_shared<supervisor_spec>();
  all->intensity = parent.intensity;
  all->partitions = x.partitions;
  child_spec out;
  out.id = x.id;
  x.partitions = 0;
  for (unsigned i = 0; i < all->partitions; ++i) {
    x.id = std::to_string(i);
    all->children.push_back(x);
  }
  out.what = std::move(all);
  return out;
}

supervisor_spec carried_out(supervisor_spec tree, const process_settings* settings) {
  if (settings == nullptr && !is_short(tree)) return tree;
  for (auto& x : tree.children) x = as_carried_out(std::move(x), tree, settings);
  return tree;
}

}  // namespace

supervisor_spec as_carried_out(supervisor_spec tree) { return carried_out(std::move(tree), nullptr); }

child_spec as_carried_out(child_spec x, const supervisor_spec& parent, const process_settings* settings) {
  if (auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&x.what)) {
    const auto own = x.process;
    const auto* theirs = x.runs_in == rung::process ? &own : settings;
    if (theirs != nullptr || is_short(**nested))
      *nested = std::make_shared<supervisor_spec>(carried_out(supervisor_spec{**nested}, theirs));
  } else if (settings != nullptr) {
    x.runs_in = rung::process;
    x.process = *settings;
    x.process.group = policy::group_of_subtree;
  }
  return spread(std::move(x), parent);
}

}  // namespace steward::supervision
