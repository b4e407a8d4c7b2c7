#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

// How all that a child has ever started is found again, whatever it has done to its group, session, parent, environment
// and program. Internal to process/.
//
// A process hands its resource limits down to all that it starts, and no fork, exec, setsid or daemon's double fork
// changes them. One of them matters to nobody as long as it is astronomic: RLIMIT_RTTIME, in microseconds of a
// real-time scheduled process that does not sleep. So the limit is the mark. Its hard value, which nobody can raise
// without privileges, names the program; the soft one names the child. A program that was started by a marked child has
// a mark within that of the outer one, which finds it still; so it goes for two levels, and a third has no mark of its
// own. Who wants a process to outlive its worker starts it by "prlimit --rttime=1000000000 command".
namespace steward::process {

struct tracking_mark {
  std::uint64_t program = 0;  ///< 0: none
  std::uint64_t child = 0;
};

/// A mark for this program, from its limits and a random number; 0 where it can have none, because its own limit is
/// finite already, or 64 bits are not to be had.
std::uint64_t new_program_mark() noexcept;
/// The same from a given hard limit and random number, for tests.
std::uint64_t program_mark_within(std::uint64_t hard_limit, std::uint64_t random) noexcept;
/// The mark of the next child of this program. Thread-safe.
tracking_mark next_child_mark(std::uint64_t program) noexcept;

/// Child side: takes the mark on. Where the kernel refuses, the child goes without.
void wear_mark(const tracking_mark& mark) noexcept;
/// Guard side: this process shall not be found as part of a child, only as part of an outer program.
void shed_child_mark() noexcept;

/// Sends SIGKILL to all living processes with the program's mark, or, where `children` is not empty, to those with the
/// mark of one of these; inner programs are left to their own guards then.
/// Returns how many there were: what those had started meanwhile is found by the next call, so all are gone when it
/// returns 0, unless one handed over to another behind its back, which two calls in a row are most unlikely to miss.
/// Costs a look at each process of the machine, about 1.5 us for each. `proc` is an open /proc, of this caller alone;
/// where it is negative none is found.
std::size_t kill_marked(int proc, std::uint64_t program, std::span<const std::uint64_t> children) noexcept;

/// What an ended child has left behind is looked for this long after its end, together with that of others.
inline constexpr std::chrono::milliseconds stray_look_delay{20};
/// Looking takes at most this part of one processor.
inline constexpr int stray_look_share = 20;
/// Nothing is left of a child when this many looks in a row have found nothing.
inline constexpr int clean_stray_looks = 2;
/// What has not gone after this many looks cannot be killed, and is given up.
inline constexpr int max_stray_looks = 100;

/// The children of a program that have ended, for the search for what they left. Not thread-safe. The program does not
/// wait for it: it is one look at a time, when one is due.
class stray_search {
public:
  using clock = std::chrono::steady_clock;

  /// Holds a descriptor of /proc.
  stray_search();
  ~stray_search();
  stray_search(const stray_search&) = delete;
  stray_search& operator=(const stray_search&) = delete;

  /// A child has ended and is reaped. `on_clean` is called once nothing of it is left, or is given up.
  void add(const tracking_mark& ended, clock::time_point now, std::function<void()> on_clean = {});
  bool empty() const noexcept { return children_.empty(); }
  /// For poll: until the next look is due; -1 when there is nothing to look for.
  int due_in_ms(clock::time_point now) const noexcept;
  /// One look, if it is due.
  void look(clock::time_point now);
  /// Looks until nothing is left.
  void finish();

private:
  struct looks {
    int all = 0;
    int clean = 0;  // in a row, up to now
    std::function<void()> on_clean{};
  };

  void look_now();

  int proc_;
  std::uint64_t program_ = 0;
  std::vector<std::uint64_t> children_;
  std::vector<looks> looks_;  // one for each child
  clock::time_point due_{};
  clock::time_point not_before_{};
};

}  // namespace steward::process
