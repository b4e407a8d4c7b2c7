#pragma once

namespace steward {

struct event;

/// What a thread is at work on: asked for when the program dies of it.
struct work_in_hand {
  /// Fills in whose work it is and what; called at most once, on the thread itself, while it is at it.
  void (*describe)(const void* of, event& into) = nullptr;
  const void* of = nullptr;
};

inline thread_local constinit work_in_hand in_hand_of_thread{};

/// Notes the work of the calling thread for as long as it lives. Costs two stores.
class in_hand_mark {
public:
  in_hand_mark(void (*describe)(const void*, event&), const void* of) noexcept : before_(in_hand_of_thread) {
    in_hand_of_thread = {describe, of};
  }
  ~in_hand_mark() { in_hand_of_thread = before_; }
  in_hand_mark(const in_hand_mark&) = delete;
  in_hand_mark& operator=(const in_hand_mark&) = delete;

private:
  work_in_hand before_;
};

}  // namespace steward
