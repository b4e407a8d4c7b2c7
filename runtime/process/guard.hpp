#pragma once

#include <cstddef>
#include <cstdint>

// Who sees to it that nothing outlives a program that was killed. Internal to process/.
//
// The kernel kills the children of a program that dies, for each asks it to (PR_SET_PDEATHSIG); but not what those have
// started. So the numbers of their process groups lie in memory that is shared with a guard: a process that lives on
// after the program's end, for a moment, and kills the groups that are still noted, then all that carries the program's
// mark (tracking.hpp), for it may have left its group. The zygote is one; without a zygote each keeper has one of its
// own.
namespace steward::process {

/// Children beyond this many at once have no guard.
inline constexpr std::size_t max_guarded_groups = 16 * 1024;
inline constexpr const char* guard_main_name = "steward_guard";

/// Parent side, thread-safe: a place for a group, -1 when there is none. It is expected to be filled from now on.
int claim_guard_slot() noexcept;
/// Notes the group. Negative slots are ignored, here and below.
void guard_group(int slot, int group) noexcept;
/// Forgets it; to be called before the group's leader is reaped, since its number may be anyone's after that.
void release_guard_slot(int slot) noexcept;
/// Sends a signal to all groups. Async-signal-safe.
void signal_all_groups(int signal) noexcept;
/// The descriptor of the shared memory, owned by this module; -1 when there is none.
int guard_memory_fd() noexcept;

/// The mark of all that this program's children start; 0 when there is none. Thread-safe.
std::uint64_t program_mark() noexcept;

/// Spawned child's side: notes this process in the shared memory behind `fd`, and closes that.
void note_own_group(int fd, int slot) noexcept;
/// Zygote side: notes a group unless the parent has done so, or has even forgotten it, by now.
void guard_group_first(int slot, int group) noexcept;
/// Zygote side: what it starts from now on shall not share the memory.
void hide_guard_memory() noexcept;
/// Child side: this process is a copy that does not share the memory any more.
void drop_guard_memory() noexcept;

/// Guard side: makes the kernel tell of the parent's death by a signal, which shuts `socket` down, so that a read from
/// it ends, where it is not negative. False when the parent is dead already.
bool watch_parent(int parent, int socket) noexcept;
/// Child side: undoes that.
void unwatch_parent() noexcept;
/// Guard side, at the end of the file that the parent holds open: if the parent is really gone, kills all groups and
/// all that is marked.
void end_guard(int parent) noexcept;

/// A guard that is a child of its own, for a program without a zygote. Owned by one thread.
class spawned_guard {
public:
  spawned_guard() = default;
  ~spawned_guard() { stop(); }
  spawned_guard(const spawned_guard&) = delete;
  spawned_guard& operator=(const spawned_guard&) = delete;

  /// Starts it unless it runs, and waits until it is on guard. Where that fails, children are started without.
  void ensure();
  void stop() noexcept;

private:
  int pid_ = 0;
  int line_ = -1;
};

/// The guard's main. Its descriptors: a line whose other end the parent holds, the shared memory.
struct child_context;
int run_guard(const child_context& context);

}  // namespace steward::process
