#include "actor_system/durable_parts.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

// Messages that an incarnation has set to come later. They lie in a table of the actor until they are handled, not in
// CAF's clock or in the mailbox: so none is left when the incarnation has ended, or when it was cancelled. The clock
// wakes the actor for the earliest.

namespace steward::port {

bool durable_actor::timer_table::erase(std::uint64_t number) {
  const auto found = all.find(number);
  if (found == all.end()) return false;
  by_time.erase({found->second.at, number});
  const auto named = by_name.find(found->second.order.name);
  if (named != by_name.end() && named->second == number) by_name.erase(named);
  all.erase(found);
  return true;
}

void durable_actor::timer_table::put(std::uint64_t number, entry x) {
  by_time.emplace(x.at, number);
  if (!x.order.name.empty()) by_name[x.order.name] = number;
  all.emplace(number, std::move(x));
}

void durable_actor::timer_table::clear() {
  all.clear();
  by_time.clear();
  by_name.clear();
}

std::uint64_t durable_actor::set_timer(timer_order order) {
  auto& owned = make_extras().timers;
  if (!owned) owned = std::make_unique<timer_table>();
  if (const auto old = owned->by_name.find(order.name); old != owned->by_name.end()) owned->erase(old->second);
  constexpr std::chrono::milliseconds century = std::chrono::hours{24 * 365 * 100};
  const auto now = clock().now();
  const auto at = now + std::clamp(order.delay, std::chrono::milliseconds{0}, century);
  owned->put(++owned->last, {at, std::move(order)});
  if (!owned->armed || at < *owned->armed) arm_timers(at, now);
  return owned->last;
}

bool durable_actor::cancel_timer(std::uint64_t number) {
  auto* table = timers();
  return table != nullptr && table->erase(number);
}

bool durable_actor::has_timer(std::uint64_t number) const {
  const auto* table = timers();
  return table != nullptr && table->all.contains(number);
}

void durable_actor::arm_timers(time_point at, time_point now) {
  timers()->armed = at;
  if (at > now)
    clock().set_ordinary_timeout(at, this, timer_atom, 0);
  else
    push(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, caf::timeout_msg{timer_atom, 0}), context());
}

caf::invoke_message_result durable_actor::fire_timers(caf::mailbox_element& x) {
  auto result = caf::invoke_message_result::consumed;
  auto* const table = timers();
  if (table == nullptr) return result;
  table->armed.reset();
  if (abandoned_.load(acquire)) table->clear();
  const auto now = clock().now();
  if (!awaited_responses_.empty()) {
    result = caf::invoke_message_result::skipped;  // CAF looks at it again when that response was handled
  } else {
    std::vector<std::uint64_t> due;
    for (auto it = table->by_time.begin(); it != table->by_time.end() && it->first <= now; ++it)
      due.push_back(it->second);
    for (const auto number : due)
      if (!fire(number, now)) result = caf::invoke_message_result::skipped;
    current_element_ = &x;
  }
  const auto next = table->by_time.upper_bound({now, std::numeric_limits<std::uint64_t>::max()});
  if (next != table->by_time.end() && (!table->armed || next->first < *table->armed)) arm_timers(next->first, now);
  return result;
}

/// False when the behaviour skips the message: then it is still to come.
bool durable_actor::fire(std::uint64_t number, time_point now) {
  auto& table = *timers();
  const auto found = table.all.find(number);
  if (found == table.all.end()) return true;  // the handler of one before it has cancelled it, or has thrown
  const auto x = found->second;
  table.erase(number);
  if (x.order.period) {
    const auto missed = (now - x.at) / *x.order.period;
    table.put(number, {x.at + (missed + 1) * *x.order.period, x.order});
  }
  auto message = caf::make_mailbox_element(caf::actor_cast<caf::strong_actor_ptr>(this), caf::make_message_id(), {},
                                           x.order.content);
  if (caf::actor_cast<caf::abstract_actor*>(x.order.to) != this) {
    if (x.order.to) x.order.to->enqueue(std::move(message), context());
    return true;
  }
  accepted_.fetch_add(1, relaxed);
  if (run(*message, true, false) != caf::invoke_message_result::skipped) return true;
  accepted_.fetch_sub(1, relaxed);
  table.erase(number);
  table.put(number, x);
  return false;
}

timer_key start_timer(caf::event_based_actor* self, timer_order order) {
  if (order.period && *order.period < std::chrono::milliseconds{1})
    throw std::invalid_argument("the period of a timer is 1 ms at least");
  auto* const cell = running_actor();
  if (cell == self) return {self->id(), cell->set_timer(std::move(order))};
  if (order.period || !order.name.empty())
    throw std::logic_error("only a supervised actor has timers that repeat or have names");
  self->delayed_send(order.to, order.delay, std::move(order.content));
  return {};
}

bool cancel_timer(timer_key key) {
  auto* const cell = running_actor();
  return cell != nullptr && cell->id() == key.actor && cell->cancel_timer(key.number);
}

bool waits(timer_key key) {
  const auto* const cell = running_actor();
  return cell != nullptr && cell->id() == key.actor && cell->has_timer(key.number);
}

}  // namespace steward::port
