#include "process/sandbox.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>

#include "process/sandbox_filter.hpp"

namespace steward::process {
namespace {

// Newer than the headers. The kernel takes the size of the structure as its version.
struct landlock_rules {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scopes = 0;
};
constexpr std::size_t size_with_files = 8;
constexpr std::size_t size_with_network = 16;
constexpr std::size_t size_with_scopes = 24;

constexpr std::uint64_t truncate_file = 1ULL << 14;
constexpr std::uint64_t control_device = 1ULL << 15;
constexpr std::uint64_t bind_and_connect = 3;
constexpr std::uint64_t abstract_sockets_and_signals = 3;
// Everything that changes a file system, and execution; reading is free.
constexpr std::uint64_t changes =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// The versions of landlock that brought what we use.
constexpr int abi_refer = 2;
constexpr int abi_truncate = 3;
constexpr int abi_network = 4;
constexpr int abi_devices = 5;
constexpr int abi_scopes = 6;

// The parts of a sandbox, as bits.
constexpr unsigned part_filter = 1;
constexpr unsigned part_landlock = 2;
constexpr unsigned part_capabilities = 4;

// 0 where there is no landlock.
int landlock_version() noexcept {
  long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? static_cast<int>(version) : 0;
}

int allow_null_device(int rules, int version) noexcept {
  int null = ::open("/dev/null", O_PATH | O_CLOEXEC);
  if (null < 0) return errno;
  landlock_path_beneath_attr beneath{};
  beneath.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE | (version >= abi_truncate ? truncate_file : 0);
  beneath.parent_fd = null;
  long added = ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
  int error = added == 0 ? 0 : errno;
  ::close(null);
  return error;
}

int enter_landlock(int version) noexcept {
  if (version == 0) return EOPNOTSUPP;
  landlock_rules all;
  std::size_t size = size_with_files;
  all.files = changes;
  if (version >= abi_refer) all.files |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= abi_truncate) all.files |= truncate_file;
  if (version >= abi_devices) all.files |= control_device;
  if (version >= abi_network) {
    all.network = bind_and_connect;
    size = size_with_network;
  }
  if (version >= abi_scopes) {
    all.scopes = abstract_sockets_and_signals;
    size = size_with_scopes;
  }
  int rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, size, 0));
  if (rules < 0) return errno;
  int error = allow_null_device(rules, version);
  if (error == 0 && ::syscall(SYS_landlock_restrict_self, rules, 0) != 0) error = errno;
  ::close(rules);
  return error;
}

// Root keeps the right to read whatever it could read, for landlock has taken care of the writing.
int drop_capabilities() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> caps{};
  if (::syscall(SYS_capget, &header, caps.data()) != 0) return errno;
  caps[0].effective &= 1U << CAP_DAC_READ_SEARCH;
  caps[0].permitted &= 1U << CAP_DAC_READ_SEARCH;
  caps[0].inheritable = 0;
  caps[1] = {};
  return ::syscall(SYS_capset, &header, caps.data()) == 0 ? 0 : errno;
}

int enter_filter(const filter_needs& needs) noexcept {
  sandbox_filter filter{needs};
  auto program = filter.program();
  if (program.empty()) return ENOSYS;
  sock_fprog all{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all, 0, 0) == 0 ? 0 : errno;
}

// Enters as much as possible. The parts that are in force, and the first error.
unsigned enter_parts(sandbox_level level, int& error) noexcept {
  unsigned done = 0;
  error = 0;
  auto note = [&](unsigned part, int problem) {
    if (problem == 0) done |= part;
    if (error == 0) error = problem;
  };
  // Without it neither landlock nor a filter is allowed; the bootstrap of every child has set it already.
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  int version = landlock_version();
  note(part_landlock, enter_landlock(version));
  if ((done & part_landlock) == 0) version = 0;
  note(part_capabilities, drop_capabilities());
  filter_needs needs;
  needs.strict = level == sandbox_level::strict;
  needs.open_for_writing = version == 0;
  needs.truncate_on_open = version < abi_truncate;
  needs.signals = version < abi_scopes;
  needs.pid = ::getpid();
  note(part_filter, enter_filter(needs));
  return done;
}

// Which parts this machine can do, found out by doing it in a process of its own.
unsigned try_parts(sandbox_level level) {
  int pid = ::fork();
  if (pid == 0) {
    int error = 0;
    ::_exit(static_cast<int>(enter_parts(level, error)));
  }
  if (pid < 0) return 0;
  int status = 0;
  int waited = 0;
  do {
    waited = ::waitpid(pid, &status, 0);
  } while (waited < 0 && errno == EINTR);
  return waited == pid && WIFEXITED(status) ? static_cast<unsigned>(WEXITSTATUS(status)) : 0;
}

std::vector<std::string> gaps_of(sandbox_level level) {
  unsigned parts = try_parts(level);
  int version = (parts & part_landlock) != 0 ? landlock_version() : 0;
  bool strict = level == sandbox_level::strict;
  std::vector<std::string> gaps;
  if ((parts & part_filter) == 0) {
    gaps.emplace_back("no system call is refused (seccomp is missing): sockets, new programs and processes are free");
  }
  if (version == 0) {
    gaps.emplace_back(
        "landlock is missing: files are read-only by the system call filter alone, /dev/null included, and other "
        "processes of the same user can be looked into through /proc");
  }
  if (version < abi_scopes && !strict) {
    gaps.emplace_back("signals to single threads of other processes are not refused (needs landlock 6)");
  }
  if ((parts & part_capabilities) == 0) gaps.emplace_back("capabilities could not be dropped");
  return gaps;
}

}  // namespace

int enter_sandbox(sandbox_level level) noexcept {
  if (level == sandbox_level::none) return 0;
  int error = 0;
  enter_parts(level, error);
  return level == sandbox_level::strict ? error : 0;
}

std::vector<std::string> sandbox_gaps(sandbox_level level) {
  if (level == sandbox_level::none) return {};
  static std::mutex mutex;
  static std::array<std::vector<std::string>, 2> known;
  static std::array<bool, 2> tried{};
  std::lock_guard lock{mutex};
  std::size_t which = level == sandbox_level::strict ? 1 : 0;
  if (!tried[which]) {
    known[which] = gaps_of(level);
    tried[which] = true;
  }
  return known[which];
}

}  // namespace steward::process
