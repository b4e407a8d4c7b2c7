#include "actor_system/timer_table.hpp"

#include <limits>

namespace steward::port {

std::uint64_t timer_table::set(time_point at, timer_order order) {
  if (const auto old = by_name_.find(order.name); old != by_name_.end()) cancel(old->second);
  put(++last_, {at, std::move(order)});
  return last_;
}

bool timer_table::cancel(std::uint64_t number) {
  const auto found = all_.find(number);
  if (found == all_.end()) return false;
  by_time_.erase({found->second.at, number});
  const auto named = by_name_.find(found->second.order.name);
  if (named != by_name_.end() && named->second == number) by_name_.erase(named);
  all_.erase(found);
  return true;
}

void timer_table::clear() {
  all_.clear();
  by_time_.clear();
  by_name_.clear();
}

std::vector<std::uint64_t> timer_table::due(time_point now) const {
  std::vector<std::uint64_t> out;
  for (auto it = by_time_.begin(); it != by_time_.end() && it->first <= now; ++it) out.push_back(it->second);
  return out;
}

std::optional<timer_table::entry> timer_table::take(std::uint64_t number, time_point now) {
  const auto found = all_.find(number);
  if (found == all_.end()) return std::nullopt;
  auto out = found->second;
  cancel(number);
  if (out.order.period) {
    const auto missed = (now - out.at) / *out.order.period;
    put(number, {out.at + (missed + 1) * *out.order.period, out.order});
  }
  return out;
}

void timer_table::put_back(std::uint64_t number, entry x) {
  cancel(number);  // the next time of one with a period
  put(number, std::move(x));
}

std::optional<timer_table::time_point> timer_table::next_after(time_point now) const {
  const auto next = by_time_.upper_bound({now, std::numeric_limits<std::uint64_t>::max()});
  if (next == by_time_.end()) return std::nullopt;
  return next->first;
}

void timer_table::put(std::uint64_t number, entry x) {
  by_time_.emplace(x.at, number);
  if (!x.order.name.empty()) by_name_[x.order.name] = number;
  all_.emplace(number, std::move(x));
}

}  // namespace steward::port
