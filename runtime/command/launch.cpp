#include "command/launch.hpp"

#include "process/child.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace steward::command {

namespace {

using step = launch_failure::step;

constexpr int failed_code = 127;
constexpr std::size_t max_groups = 256;
constexpr std::size_t max_limits = 8;
constexpr std::int32_t not_given = -1;

/// What a service manager has told this program is not for the programs that it starts.
constexpr std::array not_handed_on{"NOTIFY_SOCKET", "WATCHDOG_USEC",  "WATCHDOG_PID",
                                   "LISTEN_FDS",    "LISTEN_FDNAMES", "LISTEN_PID"};

struct limit_order {
  std::int32_t resource;
  std::uint64_t value;
};

/// The fixed part of an order. The texts follow it, each with its NUL: the arguments, then the environment.
struct order_head {
  std::int32_t umask = not_given;
  std::int32_t has_nice = 0;
  std::int32_t nice = 0;
  std::int32_t has_user = 0;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::uint32_t group_count = 0;
  std::array<std::uint32_t, max_groups> groups{};
  std::uint32_t limit_count = 0;
  std::array<limit_order, max_limits> limits{};
  std::uint32_t argument_count = 0;
  std::uint32_t argument_bytes = 0;
  std::uint32_t variable_bytes = 0;
};

// ---- the parent's side ----

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t out = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

struct user_entry {
  std::uint32_t id = 0;
  std::uint32_t group = 0;
  std::string name;
  std::string home;
  bool is_known = false;
};

/// By name or by number; a number that nobody has is a user, too. None when there is no such user.
std::optional<user_entry> look_up_user(const std::string& name) {
  std::vector<char> room(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  const auto number = number_of(name);
  if (number)
    ::getpwuid_r(*number, &entry, room.data(), room.size(), &found);
  else
    ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
  if (found != nullptr) return user_entry{found->pw_uid, found->pw_gid, found->pw_name, found->pw_dir, true};
  if (number) return user_entry{*number, *number, {}, {}, false};
  return std::nullopt;
}

std::optional<std::uint32_t> look_up_group(const std::string& name) {
  if (const auto number = number_of(name)) return number;
  std::vector<char> room(16 * 1024);
  group entry{};
  group* found = nullptr;
  ::getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

/// What is wrong; empty when it is in `head`. Adds the variables that tell a program who it is.
std::string take_user(const std::string& text, order_head& head, std::vector<std::string>& variables) {
  const auto colon = text.find(':');
  const auto user = look_up_user(text.substr(0, colon));
  if (!user) return fmt::format("there is no user '{}' here", text.substr(0, colon));
  head.has_user = 1;
  head.user = user->id;
  head.group = user->group;
  if (colon != std::string::npos) {
    const auto group = look_up_group(text.substr(colon + 1));
    if (!group) return fmt::format("there is no group '{}' here", text.substr(colon + 1));
    head.group = *group;
  }
  if (::geteuid() != 0 && (::geteuid() != head.user || ::getegid() != head.group))
    return fmt::format("to run as '{}' takes root", text);
  head.groups[0] = head.group;
  head.group_count = 1;
  if (!user->is_known) return {};
  std::array<gid_t, max_groups> all{};
  int count = max_groups;
  if (::getgrouplist(user->name.c_str(), head.group, all.data(), &count) < 0) count = max_groups;
  std::copy_n(all.begin(), count, head.groups.begin());
  head.group_count = static_cast<std::uint32_t>(count);
  variables.push_back("HOME=" + user->home);
  variables.push_back("USER=" + user->name);
  variables.push_back("LOGNAME=" + user->name);
  return {};
}

void take_limits(const command_rlimits& x, order_head& head) {
  const auto take = [&](const std::optional<std::uint64_t>& value, int resource) {
    if (value) head.limits[head.limit_count++] = {resource, *value};
  };
  take(x.as, RLIMIT_AS);
  take(x.core, RLIMIT_CORE);
  take(x.data, RLIMIT_DATA);
  take(x.fsize, RLIMIT_FSIZE);
  take(x.memlock, RLIMIT_MEMLOCK);
  take(x.stack, RLIMIT_STACK);
  take(x.nofile, RLIMIT_NOFILE);
  take(x.nproc, RLIMIT_NPROC);
}

/// What the program's environment gets besides what all children have, later ones instead of earlier ones.
std::string variable_texts(const std::vector<std::string>& all) {
  std::string out;
  const bool has_all = std::find(all.begin(), all.end(), "*") != all.end();
  for (char** at = environ; has_all && at != nullptr && *at != nullptr; ++at) {
    const std::string_view name{*at, std::strcspn(*at, "=")};
    const auto is_this = [&](const char* other) { return name == other; };
    if (std::none_of(not_handed_on.begin(), not_handed_on.end(), is_this)) out.append(*at).push_back('\0');
  }
  for (const auto& one : all) {
    const auto* own = one.find('=') == std::string::npos ? std::getenv(one.c_str()) : nullptr;
    if (one.find('=') == std::string::npos && own == nullptr) continue;  // not set, or the star
    out += one;
    if (own != nullptr) out.append("=").append(own);
    out += '\0';
  }
  return out;
}

bool write_all(int fd, const void* from, std::size_t bytes) {
  const auto* at = static_cast<const char*>(from);
  while (bytes > 0) {
    const auto done = ::write(fd, at, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    bytes -= static_cast<std::size_t>(done);
  }
  return true;
}

std::string system_text(const char* what, int error) {
  return fmt::format("{}: {}", what, std::generic_category().message(error));
}

// ---- the child's side: one thread, just before it becomes another program ----

[[noreturn]] void fail(step at, int error) noexcept {
  const launch_failure told{at, error};
  [[maybe_unused]] const auto written = ::write(process::first_child_fd + 1, &told, sizeof told);
  ::_exit(failed_code);
}

bool read_all(int fd, std::vector<char>& into) {
  struct stat what {};
  if (::fstat(fd, &what) != 0) return false;
  into.resize(static_cast<std::size_t>(what.st_size));
  std::size_t got = 0;
  while (got < into.size()) {
    const auto count = ::pread(fd, into.data() + got, into.size() - got, static_cast<off_t>(got));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    got += static_cast<std::size_t>(count);
  }
  return true;
}

void become_user(const order_head& head) {
  const int parent = ::getppid();
  // Pipes are their maker's: without this the program could not open its own /dev/stdout.
  if (::geteuid() == 0) {
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
      if (::fchown(fd, head.user, static_cast<gid_t>(-1)) != 0) fail(step::identity, errno);
    std::array<gid_t, max_groups> groups{};
    std::copy_n(head.groups.begin(), head.group_count, groups.begin());
    if (::setgroups(head.group_count, groups.data()) != 0 || ::setgid(head.group) != 0 || ::setuid(head.user) != 0)
      fail(step::identity, errno);
  }
  // A change of identity undoes it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(step::parent, errno);
  if (::getppid() != parent) fail(step::parent, ESRCH);
}

int launch(const process::child_context&) {
  static std::vector<char> bytes;
  order_head head;
  if (!read_all(process::first_child_fd, bytes) || bytes.size() < sizeof head) fail(step::order, EPROTO);
  std::memcpy(&head, bytes.data(), sizeof head);
  if (bytes.size() != sizeof head + head.argument_bytes + head.variable_bytes) fail(step::order, EPROTO);
  char* at = bytes.data() + sizeof head;
  std::vector<char*> arguments;
  for (std::uint32_t i = 0; i < head.argument_count; ++i, at += std::strlen(at) + 1) arguments.push_back(at);
  arguments.push_back(nullptr);
  for (const char* const end = bytes.data() + bytes.size(); at < end; at += std::strlen(at) + 1) ::putenv(at);
  if (head.umask != not_given) ::umask(static_cast<mode_t>(head.umask));
  if (head.has_nice != 0 && ::setpriority(PRIO_PROCESS, 0, head.nice) != 0) fail(step::priority, errno);
  for (std::uint32_t i = 0; i < head.limit_count; ++i) {
    const rlimit both{head.limits[i].value, head.limits[i].value};
    if (::setrlimit(static_cast<__rlimit_resource>(head.limits[i].resource), &both) != 0) fail(step::limits, errno);
  }
  if (head.has_user != 0) become_user(head);
  ::execvp(arguments[0], arguments.data());
  fail(step::program, errno);
}

}  // namespace

std::string describe(const launch_failure& x, const command_spec& of) {
  const auto why = std::generic_category().message(x.error);
  switch (x.at) {
    case step::order:
      return "the order to start it did not arrive: " + why;
    case step::priority:
      return fmt::format("nice {}: {}", of.nice.value_or(0), why);
    case step::limits:
      return "rlimits: " + why;
    case step::identity:
      return fmt::format("user '{}': {}", of.user, why);
    case step::parent:
      return "the program above it has ended";
    case step::program:
      break;
  }
  return fmt::format("cannot run '{}': {}", of.run.empty() ? std::string{} : of.run.front(), why);
}

launch_order::launch_order(const command_spec& spec, const std::vector<std::string>& more) {
  order_head head;
  std::vector<std::string> variables;
  if (!spec.user.empty()) error_ = take_user(spec.user, head, variables);
  if (!error_.empty()) return;
  variables.insert(variables.end(), spec.environment.begin(), spec.environment.end());
  variables.insert(variables.end(), more.begin(), more.end());
  std::string texts;
  for (const auto& one : spec.run) texts.append(one).push_back('\0');
  head.argument_count = static_cast<std::uint32_t>(spec.run.size());
  head.argument_bytes = static_cast<std::uint32_t>(texts.size());
  texts += variable_texts(variables);
  head.variable_bytes = static_cast<std::uint32_t>(texts.size()) - head.argument_bytes;
  if (spec.umask) head.umask = static_cast<std::int32_t>(*spec.umask);
  head.has_nice = spec.nice ? 1 : 0;
  head.nice = spec.nice.value_or(0);
  take_limits(spec.rlimits, head);
  order_ = ::memfd_create("steward-command", MFD_CLOEXEC);
  if (order_ < 0 || !write_all(order_, &head, sizeof head) || !write_all(order_, texts.data(), texts.size())) {
    error_ = system_text("the order to start it", errno);
    return;
  }
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    error_ = system_text("a pipe", errno);
    return;
  }
  answer_ = ends[0];
  told_ = ends[1];
  ::fcntl(answer_, F_SETFL, O_NONBLOCK);
}

launch_order::~launch_order() {
  for (const int fd : {order_, told_, answer_})
    if (fd >= 0) ::close(fd);
}

int launch_order::take_answer() { return std::exchange(answer_, -1); }

void register_launch_main() { process::register_child_main(launch_main_name, &launch); }

}  // namespace steward::command
