#include "actor_system/gate_tables.hpp"

#include <caf/abstract_actor.hpp>
#include <caf/actor_registry.hpp>

namespace steward::port {

void gate_pins::pin(caf::actor_id number, const caf::strong_actor_ptr& who) {
  const std::lock_guard lock(mutex_);
  ++gates_[number];
  if (who) system_.registry().put(number, who);
}

void gate_pins::unpin(caf::actor_id number) {
  caf::strong_actor_ptr last;  // released after the lock
  const std::lock_guard lock(mutex_);
  const auto it = gates_.find(number);
  if (it == gates_.end() || --it->second > 0) return;
  gates_.erase(it);
  last = system_.registry().get<caf::strong_actor_ptr>(number);
  system_.registry().erase(number);
}

void gate_tables::give(caf::actor_id number, caf::strong_actor_ptr who) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  auto& one = given_[number];
  if (!one.who) one.who.swap(who);
  ++one.times;
  gave_.store(given_.size());
}

bool gate_tables::pin(caf::actor_id number) {
  const std::lock_guard lock(mutex_);
  return !closed_ && number != 0 && pinned_.insert(number).second;
}

bool gate_tables::given(caf::actor_id number) const {
  const std::lock_guard lock(mutex_);
  return number != 0 && given_.count(number) != 0;
}

std::optional<caf::strong_actor_ptr> gate_tables::find(caf::actor_id number) const {
  const std::lock_guard lock(mutex_);
  const auto it = given_.find(number);
  if (it == given_.end()) return std::nullopt;
  return it->second.who;
}

gate_tables::taking gate_tables::take_back(caf::actor_id number, std::uint64_t times) {
  caf::strong_actor_ptr last;  // released after the lock
  const std::lock_guard lock(mutex_);
  const auto it = given_.find(number);
  if (it == given_.end() || it->second.times < times) return taking::impossible;
  it->second.times -= times;
  if (it->second.times > 0 || it->second.watched) return taking::done;
  last.swap(it->second.who);
  given_.erase(it);
  gave_.store(given_.size());
  // One that lives stays pinned until the link ends: each pin leaves a trace in the actor.
  const bool over = !last || last->get()->getf(caf::abstract_actor::is_terminated_flag);
  if (!over) return taking::done;
  return pinned_.erase(number) != 0 ? taking::forgotten : taking::done;
}

std::optional<caf::strong_actor_ptr> gate_tables::find_unwatched(caf::actor_id number) {
  const std::lock_guard lock(mutex_);
  const auto it = given_.find(number);
  if (it == given_.end()) return std::nullopt;
  if (std::exchange(it->second.watched, true)) return caf::strong_actor_ptr{};
  return it->second.who;
}

caf::strong_actor_ptr gate_tables::meet(caf::actor_id number) {
  const std::lock_guard lock(mutex_);
  if (closed_) return nullptr;
  const auto it = met_.find(number);
  if (it == met_.end()) return nullptr;
  auto found = it->second.proxy.lock();
  if (found) ++it->second.times;
  return found;
}

bool gate_tables::add(caf::actor_id number, const caf::strong_actor_ptr& proxy, const gate_proxy* raw) {
  const std::lock_guard lock(mutex_);
  if (closed_) return true;
  auto& one = met_[number];
  one.proxy = caf::weak_actor_ptr{proxy.get()};
  one.raw = raw;
  ++one.times;
  return met_.size() <= max_handles;
}

void gate_tables::keep(caf::actor_id number, const caf::strong_actor_ptr& proxy) {
  const std::lock_guard lock(mutex_);
  if (const auto it = met_.find(number); it != met_.end() && !it->second.kept) it->second.kept = proxy;
}

void gate_tables::let_go(caf::actor_id number) {
  caf::strong_actor_ptr last;  // released after the lock
  const std::lock_guard lock(mutex_);
  if (const auto it = met_.find(number); it != met_.end()) last.swap(it->second.kept);
}

caf::strong_actor_ptr gate_tables::known(caf::actor_id number) const {
  const std::lock_guard lock(mutex_);
  const auto it = met_.find(number);
  return it == met_.end() ? nullptr : it->second.proxy.lock();
}

std::uint64_t gate_tables::forget(caf::actor_id number, const gate_proxy* raw) {
  const std::lock_guard lock(mutex_);
  const auto it = met_.find(number);
  if (it == met_.end() || it->second.raw != raw) return 0;
  const auto times = it->second.times;
  met_.erase(it);
  return times;
}

std::uint64_t gate_tables::note_request(const caf::strong_actor_ptr& who, caf::message_id id) {
  const std::lock_guard lock(mutex_);
  if (closed_) return 0;
  ++last_request_;
  requests_.emplace(last_request_, asker{caf::weak_actor_ptr{who.get()}, id, last_request_});
  return last_request_;
}

std::optional<gate_tables::asker> gate_tables::take_request(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto it = requests_.find(number);
  if (it == requests_.end()) return std::nullopt;
  auto out = std::move(it->second);
  requests_.erase(it);
  return out;
}

gate_tables::rest gate_tables::close() {
  rest out;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (auto& [number, one] : given_) {
    if (one.watched) out.watched.emplace_back(number, one.who);
    out.given.push_back(std::move(one.who));
  }
  for (auto& [number, one] : met_)
    if (auto proxy = one.proxy.lock()) out.proxies.push_back(std::move(proxy));
  for (auto& [number, one] : requests_) out.askers.push_back(std::move(one));
  out.pinned.assign(pinned_.begin(), pinned_.end());
  pinned_.clear();
  given_.clear();
  met_.clear();
  requests_.clear();
  return out;
}

}  // namespace steward::port
