#include "process/program_state.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <type_traits>

namespace steward::process {
namespace {

static_assert(std::has_unique_object_representations_v<program_state>, "it is compared as bytes");

constexpr int io_priority_of_process = 1;

// A child's core dumps and its mark are its own (see drop_privileges and tracking.hpp).
bool is_handed_down(int resource) noexcept { return resource != RLIMIT_CORE && resource != RLIMIT_RTTIME; }

using capability_data = std::array<__user_cap_data_struct, program_state::cap_words>;

void read_capabilities(int pid, program_state& to) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, pid};
  capability_data data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return;
  std::size_t at = 0;
  for (const auto& word : data) {
    for (auto value : {word.effective, word.permitted, word.inheritable}) to.capabilities[at++] = value;
  }
}

bool write_capabilities(const program_state& from, bool all_effective) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  capability_data data{};
  std::size_t at = 0;
  for (auto& word : data) {
    word.effective = from.capabilities[at + (all_effective ? 1 : 0)];
    word.permitted = from.capabilities[at + 1];
    word.inheritable = from.capabilities[at + 2];
    at += 3;
  }
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

template <class T>
bool differ(const T& a, const T& b) noexcept {
  return std::memcmp(&a, &b, sizeof a) != 0;
}

bool assume_limits(const program_state& wanted, const program_state& before) noexcept {
  for (int i = 0; i < RLIM_NLIMITS; ++i) {
    const auto& limit = wanted.limits[static_cast<std::size_t>(i)];
    if (!is_handed_down(i) || !differ(limit, before.limits[static_cast<std::size_t>(i)])) continue;
    if (::setrlimit(static_cast<__rlimit_resource>(i), &limit) != 0) return false;
  }
  return true;
}

bool assume_scheduling(const program_state& wanted, const program_state& before) noexcept {
  if (differ(wanted.processors, before.processors) &&
      ::syscall(SYS_sched_setaffinity, 0, sizeof wanted.processors, wanted.processors.data()) < 0)
    return false;
  if (wanted.policy != before.policy || wanted.priority != before.priority) {
    sched_param parameter{};
    parameter.sched_priority = wanted.priority;
    if (::sched_setscheduler(0, wanted.policy, &parameter) != 0) return false;
  }
  if (wanted.niceness != before.niceness && ::setpriority(PRIO_PROCESS, 0, wanted.niceness) != 0) return false;
  return wanted.io_priority == before.io_priority ||
         ::syscall(SYS_ioprio_set, io_priority_of_process, 0, wanted.io_priority) == 0;
}

bool assume_identity(const program_state& wanted, const program_state& before) noexcept {
  const bool same = wanted.users == before.users && wanted.groups == before.groups &&
                    wanted.more_count == before.more_count && wanted.more == before.more &&
                    wanted.capabilities == before.capabilities;
  if (same) return true;
  // With all that it may have, and keeping it, until everything is in place.
  program_state own = read_program_state();
  write_capabilities(own, true);
  ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  const bool more = wanted.more_count != before.more_count || wanted.more != before.more;
  if (more && wanted.more_count > program_state::max_groups) {
    errno = E2BIG;
    return false;
  }
  if (more && ::setgroups(wanted.more_count, wanted.more.data()) != 0) return false;
  const auto& [group, effective_group, saved_group] = wanted.groups;
  if (::setresgid(group, effective_group, saved_group) != 0) return false;
  const auto& [user, effective_user, saved_user] = wanted.users;
  if (::setresuid(user, effective_user, saved_user) != 0) return false;
  ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  return write_capabilities(wanted, false);
}

}  // namespace

program_state read_program_state() noexcept {
  program_state now;
  std::memset(static_cast<void*>(&now), 0, sizeof now);
  const int pid = ::getpid();
  ::getresuid(&now.users[0], &now.users[1], &now.users[2]);
  ::getresgid(&now.groups[0], &now.groups[1], &now.groups[2]);
  const int more = ::getgroups(static_cast<int>(now.more.size()), now.more.data());
  now.more_count = static_cast<std::uint32_t>(more >= 0 ? more : ::getgroups(0, nullptr));
  read_capabilities(pid, now);
  for (int i = 0; i < RLIM_NLIMITS; ++i) {
    if (is_handed_down(i)) ::getrlimit(static_cast<__rlimit_resource>(i), &now.limits[static_cast<std::size_t>(i)]);
  }
  now.policy = ::sched_getscheduler(pid);
  sched_param parameter{};
  if (::sched_getparam(pid, &parameter) == 0) now.priority = parameter.sched_priority;
  now.niceness = ::getpriority(PRIO_PROCESS, static_cast<id_t>(pid));
  now.io_priority = static_cast<std::int32_t>(::syscall(SYS_ioprio_get, io_priority_of_process, pid));
  ::syscall(SYS_sched_getaffinity, pid, sizeof now.processors, now.processors.data());
  now.dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  return now;
}

program_refusal assume_program_state(const program_state& wanted, const program_state& before) noexcept {
  using part = program_refusal::part;
  if (!differ(wanted, before)) return {};
  // What takes a privilege comes before the identity, with which that may go.
  if (!assume_limits(wanted, before)) return {part::limits, errno};
  if (!assume_scheduling(wanted, before)) return {part::scheduling, errno};
  if (!assume_identity(wanted, before)) return {part::identity, errno};
  // The kernel takes this away with a change of identity; 2 cannot be set.
  if (wanted.dumpable == 0 || wanted.dumpable == 1) ::prctl(PR_SET_DUMPABLE, wanted.dumpable, 0, 0, 0);
  return {};
}

}  // namespace steward::process
