#include "actor_system/incarnation_ties.hpp"

#include <algorithm>

namespace steward::port {

void incarnation_ties::counted_ties::add(const caf::actor_addr& x, std::size_t count) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const tie& y) { return y.other == x; });
  if (found != all.end())
    found->count += count;
  else if (count > 0)
    all.push_back({x, count});
}

bool incarnation_ties::counted_ties::take(const caf::actor_addr& x, std::size_t count) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const tie& y) { return y.other == x; });
  if (found == all.end()) return false;
  found->count -= std::min(count, found->count);
  if (found->count == 0) all.erase(found);
  return true;
}

void incarnation_ties::add_link(const caf::actor_addr& x) {
  links_.take(x);  // a second link is none
  links_.add(x);
}

bool incarnation_ties::takes_late_exit(const caf::actor_addr& from) {
  if (late_exits_.take(from)) return true;
  links_.take(from);
  return false;
}

bool incarnation_ties::takes_late_down(const caf::actor_addr& from) {
  if (late_downs_.take(from)) return true;
  monitors_.take(from);
  return false;
}

}  // namespace steward::port
