#include "actor_system/durable_actor.hpp"
#include "actor_system/message_kinds.hpp"
#include "actor_system/timer_table.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace steward::port {

std::uint64_t durable_actor::set_timer(timer_order order) {
  constexpr std::chrono::milliseconds century = std::chrono::hours{24 * 365 * 100};
  const auto now = clock().now();
  const auto at = now + std::clamp(order.delay, std::chrono::milliseconds{0}, century);
  const auto number = parts_.make_timers().set(at, std::move(order));
  arm_timers(at, now);
  return number;
}

bool durable_actor::cancel_timer(std::uint64_t number) {
  auto* timers = parts_.timers();
  return timers != nullptr && timers->cancel(number);
}

bool durable_actor::has_timer(std::uint64_t number) const {
  const auto* timers = parts_.timers();
  return timers != nullptr && timers->has(number);
}

void durable_actor::cancel_timers() {
  if (auto* timers = parts_.timers()) timers->clear();
}

void durable_actor::arm_timers(time_point at, time_point now) {
  if (!parts_.timers()->alarm().set(at)) return;
  if (at > now)
    clock().set_ordinary_timeout(at, this, timer_atom, 0);
  else
    push(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, caf::timeout_msg{timer_atom, 0}), context());
}

caf::invoke_message_result durable_actor::fire_timers(caf::mailbox_element& x) {
  auto result = caf::invoke_message_result::consumed;
  auto* const timers = parts_.timers();
  if (timers == nullptr) return result;
  timers->alarm().rang();
  if (abandoned_.load(std::memory_order_acquire)) timers->clear();
  const auto now = clock().now();
  if (!awaited_responses_.empty()) {
    result = caf::invoke_message_result::skipped;  // CAF looks at it again when that response was handled
  } else {
    for (const auto number : timers->due(now))
      if (!fire(number, now)) result = caf::invoke_message_result::skipped;
    current_element_ = &x;
  }
  if (const auto next = timers->next_after(now)) arm_timers(*next, now);
  return result;
}

/// False when the behaviour skips the message: then it is still to come.
bool durable_actor::fire(std::uint64_t number, time_point now) {
  auto& timers = *parts_.timers();
  const auto x = timers.take(number, now);
  if (!x) return true;  // the handler of one before it has cancelled it, or has thrown
  auto message = caf::make_mailbox_element(caf::actor_cast<caf::strong_actor_ptr>(this), caf::make_message_id(), {},
                                           x->order.content);
  if (caf::actor_cast<caf::abstract_actor*>(x->order.to) != this) {
    if (x->order.to) x->order.to->enqueue(std::move(message), context());
    return true;
  }
  tally_.accept();
  if (run(*message, true, false) != caf::invoke_message_result::skipped) return true;
  tally_.take_back();
  timers.put_back(number, *x);
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
