#include "actor_system/rare_parts.hpp"

#include "actor_system/copy_keeper.hpp"
#include "actor_system/incarnation_ties.hpp"
#include "actor_system/overflow_ring.hpp"
#include "actor_system/timer_table.hpp"

namespace steward::port {

namespace {

template <class T>
T& make_in(std::atomic<T*>& place) {
  auto* out = place.load(std::memory_order_relaxed);
  if (out == nullptr) {
    out = new T;
    place.store(out, std::memory_order_release);
  }
  return *out;
}

template <class T>
T& make_in(std::unique_ptr<T>& place) {
  if (!place) place = std::make_unique<T>();
  return *place;
}

}  // namespace

rare_parts::~rare_parts() { delete own(); }

rare_parts::parts::~parts() {
  delete ring.load(std::memory_order_relaxed);
  delete keeper.load(std::memory_order_relaxed);
}

rare_parts::parts& rare_parts::make() { return make_in(all_); }
overflow_ring& rare_parts::make_ring() { return make_in(make().ring); }
copy_keeper& rare_parts::make_keeper() { return make_in(make().keeper); }
timer_table& rare_parts::make_timers() { return make_in(make().timers); }
incarnation_ties& rare_parts::make_ties() { return make_in(make().ties); }

}  // namespace steward::port
