#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

// What a program hands down to all that it starts, for children that come from a zygote, which is what the program was
// earlier: a start takes this along, and the zygote becomes the same first. The working directory, the root and the
// umask need no telling: the zygote shares them with the program. Internal to process/.
namespace steward::process {

struct program_state {
  static constexpr std::size_t max_groups = 256;
  static constexpr std::size_t cap_words = 2;

  std::array<std::uint64_t, 16> processors;
  std::array<rlimit, RLIM_NLIMITS> limits;  ///< all zero for those that every child has of its own
  std::array<uid_t, 3> users;               ///< real, effective, saved
  std::array<gid_t, 3> groups;              ///< the same
  std::uint32_t more_count;
  std::array<gid_t, max_groups> more;  ///< supplementary ones
  std::array<std::uint32_t, 3 * cap_words> capabilities;
  std::int32_t policy;  ///< of scheduling
  std::int32_t priority;
  std::int32_t niceness;
  std::int32_t io_priority;
  std::int32_t dumpable;
};

/// What of it a process cannot become; 0 in `error` when it has become all.
struct program_refusal {
  enum class part : std::uint8_t { limits, scheduling, identity } what = part::limits;
  int error = 0;
};

/// Of this process, its main thread where a thread has its own. Costs two dozen system calls.
program_state read_program_state() noexcept;

/// Makes this process so; whatever differs from `before`, which it has now. What the kernel refuses is told. The kernel
/// forgets by whose death this process wanted to be told (PR_SET_PDEATHSIG).
program_refusal assume_program_state(const program_state& wanted, const program_state& before) noexcept;

}  // namespace steward::process
