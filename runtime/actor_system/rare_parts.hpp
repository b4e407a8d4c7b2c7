#pragma once

#include "actor_system/request_deadlines.hpp"

#include <atomic>
#include <memory>

namespace steward::port {

class copy_keeper;
class elsewhere;
class guest_marks;
class incarnation_ties;
class overflow_ring;
class timer_table;

/// The parts that few actors have, and one word in all the others. Made on the actor's own thread; what is there stays.
class rare_parts {
public:
  rare_parts() = default;
  ~rare_parts();
  rare_parts(const rare_parts&) = delete;
  rare_parts& operator=(const rare_parts&) = delete;

  // Thread-safe; null when there is none:
  overflow_ring* ring() const noexcept {
    const auto* x = all_.load(std::memory_order_acquire);
    return x == nullptr ? nullptr : x->ring.load(std::memory_order_acquire);
  }
  copy_keeper* keeper() const noexcept {
    const auto* x = all_.load(std::memory_order_acquire);
    return x == nullptr ? nullptr : x->keeper.load(std::memory_order_acquire);
  }

  // For the actor's own thread; null when there is none:
  bool any() const noexcept { return own() != nullptr; }
  request_deadlines* deadlines() const noexcept {
    auto* x = own();
    return x == nullptr ? nullptr : &x->deadlines;
  }
  timer_table* timers() const noexcept {
    const auto* x = own();
    return x == nullptr ? nullptr : x->timers.get();
  }
  incarnation_ties* ties() const noexcept {
    const auto* x = own();
    return x == nullptr ? nullptr : x->ties.get();
  }

  elsewhere* remote() const noexcept {
    const auto* x = own();
    return x == nullptr ? nullptr : x->remote;
  }
  guest_marks* marks() const noexcept {
    const auto* x = own();
    return x == nullptr ? nullptr : x->marks;
  }

  // For the actor's own thread:
  /// Not owned; null: none.
  void set_remote(elsewhere* x) { make().remote = x; }
  void set_marks(guest_marks* x) { make().marks = x; }

  // For the actor's own thread; each is made once:
  overflow_ring& make_ring();
  copy_keeper& make_keeper();
  request_deadlines& make_deadlines() { return make().deadlines; }
  timer_table& make_timers();
  incarnation_ties& make_ties();

private:
  struct parts {
    parts() = default;
    ~parts();
    parts(const parts&) = delete;
    parts& operator=(const parts&) = delete;

    std::atomic<overflow_ring*> ring{nullptr};
    std::atomic<copy_keeper*> keeper{nullptr};
    request_deadlines deadlines;
    std::unique_ptr<timer_table> timers;
    std::unique_ptr<incarnation_ties> ties;
    elsewhere* remote = nullptr;
    guest_marks* marks = nullptr;
  };
  parts* own() const noexcept { return all_.load(std::memory_order_relaxed); }
  parts& make();

  std::atomic<parts*> all_{nullptr};
};

}  // namespace steward::port
