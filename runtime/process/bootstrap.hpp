#pragma once

#include "process/child.hpp"
#include "process/order.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// What the ways to start a child share. Internal to process/.
namespace steward::process {

/// Exit code of a child that could not get as far as its main; the reason is on its stderr.
inline constexpr int bootstrap_failed_code = 127;

/// A process that exists, or the errno why not.
struct launched {
  int pid = 0;
  int error = 0;
  setup_step step = setup_step::none;  ///< at which the child failed
};

/// The main registered under a name; null when there is none.
child_main find_child_main(std::string_view name);

/// Calls what is registered with it to be called once.
void warm_up_for(std::string_view name);

/// Waits for the end of a child and reaps it. False when it has not ended within the limit: somebody else's process
/// cannot be killed, and is not waited for without one.
bool reap_within(int pid, int limit_ms) noexcept;
/// The limit for one that was killed.
inline constexpr int killed_limit_ms = 10'000;
/// True for the end of a process. A stop by a tracer is told to its parent like one.
bool tells_an_end(int si_code) noexcept;

/// Starts this program again as a child. Call it on a thread that outlives the child: the kernel kills the child when
/// the thread that started it ends. Thread-safe.
launched spawn_child(const outgoing_order& order);

/// Child side: from now on the death of `parent` kills this process. False when the parent is gone already.
bool die_with_parent(int parent) noexcept;

/// Child side: moves `fds` to `first_child_fd` and up, close-on-exec, whatever numbers they have now, and closes
/// everything above except `keep`, which may get another number; pass null to keep nothing. All of them are above 2.
setup_failure place_fds(const int* fds, int count, int* keep) noexcept;

/// Child side: opens /dev/null for those of 0, 1, 2 that are closed, so that no other file ever gets these numbers.
void fill_standard_fds() noexcept;

/// Child side: all signals have their default effect.
void reset_signals() noexcept;

/// Child side: no core dumps and no new privileges, for this process and all that it starts.
void drop_privileges() noexcept;

/// Child side: runs the main and ends the process with its result: stdio is flushed, but neither static destructors nor
/// atexit functions run, since they belong to the parent. An exception that escapes ends in std::terminate.
[[noreturn]] void run_child_main(child_main run, const child_context& context) noexcept;

}  // namespace steward::process
