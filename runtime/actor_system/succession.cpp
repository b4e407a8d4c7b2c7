#include "actor_system/succession.hpp"

#include <caf/actor_cast.hpp>

#include <thread>
#include <utility>

namespace steward::port {

caf::abstract_actor& succession::heir_for(bool sent_by_itself) const {
  if (!sent_by_itself)
    while (to_.load(acquire) != successor::heir) std::this_thread::yield();
  return heir();
}

bool succession::bequeath(const caf::actor& x) {
  if (has_heir()) return false;
  heir_ = caf::actor_cast<caf::strong_actor_ptr>(x);
  to_.store(successor::heir, release);
  return true;
}

void succession::name_heir(const caf::actor& x) {
  if (has_heir()) return;
  heir_ = caf::actor_cast<caf::strong_actor_ptr>(x);
  to_.store(successor::undecided, release);
}

void succession::set_refusal(caf::error x) {
  if (!refuses_.load(std::memory_order_relaxed)) refusal_ = std::move(x);
}

void succession::refuse() {
  refuses_.store(true, release);
  to_.store(successor::undecided, release);
}

void succession::settle() {
  if (has_heir()) to_.store(successor::heir, release);
}

}  // namespace steward::port
