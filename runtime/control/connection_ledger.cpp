#include "control/connection_ledger.hpp"

#include <algorithm>

namespace steward::control_api {

connection_ledger::opening connection_ledger::open(int fd, time_point now) {
  opening out;
  connection next;
  next.fd = fd;
  next.since = now;
  const auto served = static_cast<std::size_t>(
      std::count_if(all_.begin(), all_.end(), [](const connection& x) { return !x.dropped && !x.refused; }));
  if (served >= within_.most) {
    const auto first = dispensable(now);
    if (first != all_.end()) out.displaced = first;
    next.refused = first == all_.end() || first->refused;
  }
  out.opened = all_.insert(all_.end(), next);
  return out;
}

connection_ledger::handle connection_ledger::dispensable(time_point now) {
  const auto asks = [](const connection& x) { return x.at == phase::asks && !x.dropped; };
  const auto dallies = [&](const connection& x) {
    return x.at == phase::tells && !x.dropped && x.since + within_.hurried <= now;
  };
  const auto out = std::find_if(all_.begin(), all_.end(), asks);
  return out != all_.end() ? out : std::find_if(all_.begin(), all_.end(), dallies);
}

void connection_ledger::enter(handle x, phase next, time_point now) {
  x->at = next;
  x->since = now;
  all_.splice(all_.end(), all_, x);
}

std::optional<connection_ledger::time_point> connection_ledger::due(const connection& x) const {
  if (x.dropped) return std::nullopt;
  switch (x.at) {
    case phase::asks:
      return x.since + within_.asking;
    case phase::tells:
      return x.since + within_.telling;
    case phase::streams:
      return x.since + within_.block;
    case phase::works:
    case phase::rests:
      return std::nullopt;
  }
  return std::nullopt;
}

bool connection_ledger::owes_answers() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const connection& x) { return !x.dropped && (x.at == phase::works || x.at == phase::tells); });
}

std::vector<connection_ledger::handle> connection_ledger::overdue(time_point now) {
  std::vector<handle> out;
  for (auto it = all_.begin(); it != all_.end(); ++it)
    if (const auto when = due(*it); when && *when <= now) out.push_back(it);
  return out;
}

std::optional<connection_ledger::time_point> connection_ledger::next_due() const {
  std::optional<time_point> out;
  for (const auto& one : all_)
    if (const auto when = due(one); when && (!out || *when < *out)) out = when;
  return out;
}

}  // namespace steward::control_api
