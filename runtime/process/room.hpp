#pragma once

#include <csignal>
#include <cstddef>

// Whether the system has room for what cannot be made half.
namespace steward::process {

/// Holds back all signals but faults of the calling thread while it lives: a thread that is made meanwhile begins so,
/// since signals are for the program's own threads.
class signals_blocked {
public:
  signals_blocked() noexcept;
  ~signals_blocked();
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

private:
  sigset_t before_;
};

/// Throws std::system_error where the system would refuse this many more threads: it makes them all and lets them go
/// again. Somebody else may take the room meanwhile.
void expect_room_for_threads(std::size_t count);

}  // namespace steward::process
