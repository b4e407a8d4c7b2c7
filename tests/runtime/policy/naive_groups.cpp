#include "naive_supervisor.hpp"

#include <algorithm>
#include <set>

// What a naive supervisor does with children that are restarted together.

namespace steward::policy::testing_support {

void naive_supervisor::restart_group(child_number culprit, milliseconds delay) {
  const auto taken = taken_along(culprit);
  group_restart next{culprit, now + delay};
  // It takes in whatever is under way with one of the same children.
  std::set<int> same;
  for (const auto n : taken)
    if (groups.contains(kids.at(n).member)) same.insert(kids.at(n).member);
  if (grouped())
    for (const auto& one : groups) same.insert(one.first);
  int number = 1;
  while (groups.contains(number) && !same.contains(number)) ++number;
  if (!same.empty()) number = *same.begin();
  for (const auto old : same) {
    next.due = std::max(next.due, groups.at(old).due);
    for (auto& [n, k] : kids) {
      if (k.member != old) continue;
      if (n == groups.at(old).culprit && k.state == child_state::waiting) k.due.reset();
      k.member = number;
    }
    groups.erase(old);
  }
  groups[number] = next;
  for (const auto n : taken) {
    auto& k = kids.at(n);
    if (k.state == child_state::parked) continue;
    if (k.spent && k.state == child_state::idle) continue;
    if (k.state == child_state::idle) k.state = child_state::waiting;
    if (k.state == child_state::waiting) k.due.reset();
    if (k.state == child_state::stopping && k.then == fate::down && !wanted_down(k) && !k.spent)
      k.then = fate::comes_back;
    if (k.state == child_state::stopping && k.then == fate::again) k.then = fate::comes_back;
    k.member = number;
  }
}

bool naive_supervisor::waits(const numbered& one) const {
  const auto culprit = kids.find(one.second.culprit);
  return culprit != kids.end() && culprit->second.member == one.first && culprit->second.state == child_state::waiting;
}

bool naive_supervisor::next_stop_of_group(numbered& one) {
  auto& [number, group] = one;
  for (auto it = kids.rbegin(); it != kids.rend(); ++it) {
    auto& k = it->second;
    if (k.member != number || k.state == child_state::waiting) continue;
    if (k.state == child_state::stopping) return false;
    ask(it->first, k, k.p.restart == restart_type::temporary ? fate::forgotten : fate::comes_back);
    return true;
  }
  group.all_down = true;
  if (group.due > now && waits(one)) {
    kids.at(group.culprit).due = group.due;
  } else {
    group.waited = true;
    group.due = now;
  }
  return true;
}

bool naive_supervisor::next_of_group(numbered& one) {
  auto& [number, group] = one;
  if (!group.waited && waits(one)) return false;
  if (!group.waited) group.due = now;
  group.waited = true;
  for (const auto& [n, k] : kids)
    if (k.member == number && k.state == child_state::starting) return false;
  for (auto& [n, k] : kids) {
    if (k.member != number || k.state != child_state::waiting) continue;
    begin(n, k, false);
    return true;
  }
  for (auto& [n, k] : kids)
    if (k.member == number) k.member = 0;
  groups.erase(number);
  return true;
}

}  // namespace steward::policy::testing_support
