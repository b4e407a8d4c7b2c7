#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

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

/// Tells why the program ends, and whose work the calling thread has in hand, and ends it; null where nobody does.
inline std::atomic<void (*)(const char* why)> teller_of_end{nullptr};

/// For what cannot be contained: a thread that is ended (pthread_exit, pthread_cancel) on which others rest. Whatever
/// of it is unwound, its caller never goes on. Exit code 70.
[[noreturn]] inline void end_program(const char* why) noexcept {
  constexpr int exit_internal = 70;
  if (const auto tell = teller_of_end.load()) tell(why);
  std::fprintf(stderr, "steward: %s\n", why);
  std::fflush(stderr);
  ::_exit(exit_internal);
}

/// What ends the thread of an actor.
inline constexpr const char* actor_thread_ended =
    "pthread_exit in an actor: its thread is one that all actors share, and cannot be replaced";

}  // namespace steward
