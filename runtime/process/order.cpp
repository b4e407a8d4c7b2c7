#include "process/order.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "process/bootstrap.hpp"
#include "process/proc_files.hpp"
#include "process/sandbox.hpp"

namespace steward::process {
namespace {

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

std::string fault_of_environment(const std::vector<std::string>& entries) {
  if (entries.size() > max_environment_entries) {
    return fmt::format("{} entries for the environment of a child, more than the limit of {}", entries.size(),
                       max_environment_entries);
  }
  std::size_t bytes = 0;
  for (const auto& entry : entries) {
    bytes += entry.size() + 1;
    if (name_of(entry).empty()) return fmt::format("'{}' names no environment variable", entry.substr(0, 64));
    if (entry.find('\0') != std::string::npos) return "an entry for the environment of a child holds a NUL";
  }
  if (bytes <= max_environment_bytes) return {};
  return fmt::format("{} bytes for the environment of a child, more than the limit of {}", bytes,
                     max_environment_bytes);
}

std::string fault_of_descriptors(const start_request& request) {
  if (request.fds.size() > max_child_fds) {
    return fmt::format("{} descriptors for a child, more than the limit of {}", request.fds.size(), max_child_fds);
  }
  for (int fd : request.fds) {
    if (::fcntl(fd, F_GETFD) < 0) return fmt::format("descriptor {} for a child is not open", fd);
  }
  for (auto [fd, what] : {std::pair{request.stdout_fd, "output"}, std::pair{request.stderr_fd, "error"}}) {
    if (fd >= 0 && ::fcntl(fd, F_GETFD) < 0) {
      return fmt::format("descriptor {} for the standard {} of a child is not open", fd, what);
    }
  }
  return {};
}

// The kernel refuses to raise a hard limit, and for root to raise it above its own.
std::string fault_of_limits(const start_request& request) {
  if (request.open_files == 0) return {};
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0 || request.open_files <= now.rlim_max) return {};
  rlim_t limit = now.rlim_max;
  if (::geteuid() == 0) std::ifstream{"/proc/sys/fs/nr_open"} >> limit;
  if (request.open_files <= limit) return {};
  return fmt::format("{} open files for a child, more than the hard limit of {}", request.open_files, limit);
}

std::string fault_of_sandbox(sandbox_level level) {
  if (level != sandbox_level::strict) return {};
  std::string all;
  for (const auto& gap : sandbox_gaps(level)) all += (all.empty() ? "" : "; ") + gap;
  return all.empty() ? all : "the strict sandbox cannot be had here: " + all;
}

// Why a request cannot be carried out by any method; empty when it can.
std::string fault_of(const start_request& request) {
  if (request.main.size() > max_main_name_bytes || find_child_main(request.main) == nullptr) {
    return fmt::format("no child main is registered as '{}'", request.main.substr(0, max_main_name_bytes));
  }
  if (request.argument.size() > max_argument_bytes) {
    return fmt::format("an argument of {} bytes, more than the limit of {}", request.argument.size(),
                       max_argument_bytes);
  }
  if (auto fault = fault_of_descriptors(request); !fault.empty()) return fault;
  if (auto fault = fault_of_environment(request.environment); !fault.empty()) return fault;
  if (auto fault = fault_of_limits(request); !fault.empty()) return fault;
  return fault_of_sandbox(request.sandbox);
}

void add_entry(std::string& block, std::string_view entry) {
  block += entry;
  block += '\0';
}

std::string environment_block(const start_request& request) {
  std::string block;
  auto is_set_anew = [&](std::string_view name) {
    return std::any_of(request.environment.begin(), request.environment.end(),
                       [&](const std::string& entry) { return name_of(entry) == name; });
  };
  if (request.clean_environment) {
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
      std::string_view entry{*at};
      if (worker_sees(name_of(entry)) && !is_set_anew(name_of(entry))) add_entry(block, entry);
    }
  }
  for (const auto& entry : request.environment) {
    if (entry.find('=') != std::string::npos) {
      add_entry(block, entry);
    } else if (const char* value = std::getenv(entry.c_str())) {
      add_entry(block, entry + "=" + value);
    }
  }
  return block;
}

std::string directory_failure(const std::string& directory, int error) {
  return fmt::format("working directory '{}': {}", directory, std::generic_category().message(error));
}

// Of the process's own memory; 0 where it was not found.
struct memory_area {
  char* begin = nullptr;
  char* end = nullptr;
};
memory_area environment_area;

template <class F>
void for_each_entry(std::string_view block, F f) {
  while (!block.empty()) {
    std::size_t end = std::min(block.find('\0'), block.size());
    f(block.substr(0, end));
    block.remove_prefix(std::min(end + 1, block.size()));
  }
}

void wipe_environment_except(std::string_view block) noexcept {
  char* at = environment_area.begin;
  while (at != nullptr && at < environment_area.end) {
    std::size_t length = ::strnlen(at, static_cast<std::size_t>(environment_area.end - at));
    bool kept = false;
    for_each_entry(block, [&](std::string_view entry) { kept = kept || entry == std::string_view{at, length}; });
    if (!kept) std::memset(at, 0, length);
    at += length + 1;
  }
}

// What a zygote had at its start, in memory that its children do not get.
class environment_backup {
public:
  environment_backup() : variables_{environ}, bytes_{size()} {
    if (bytes_ == 0) return;
    void* at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    ::madvise(at, bytes_, MADV_DONTFORK);
    copy_ = std::memcpy(at, environment_area.begin, bytes_);
  }

  void restore() noexcept {
    if (copy_ != nullptr) std::memcpy(environment_area.begin, copy_, bytes_);
    environ = variables_;
  }

private:
  static std::size_t size() noexcept { return static_cast<std::size_t>(environment_area.end - environment_area.begin); }

  char** variables_;
  std::size_t bytes_;
  void* copy_ = nullptr;
};

setup_failure limit(setup_step step, __rlimit_resource resource, rlim_t soft, rlim_t hard) noexcept {
  rlimit value{soft, hard};
  return ::setrlimit(resource, &value) == 0 ? setup_failure{} : setup_failure{step, errno};
}

}  // namespace

outgoing_order::outgoing_order(const start_request& request, const program_state& program)
    : request_{request}, error_{fault_of(request)} {
  if (!error_.empty()) return;
  environment_ = environment_block(request);
  if (environment_.size() > max_environment_block_bytes) {
    error_ = fmt::format("{} bytes for the whole environment of a child, more than the limit of {}",
                         environment_.size(), max_environment_block_bytes);
    return;
  }
  if (!request.working_directory.empty()) {
    directory_ = ::open(request.working_directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    // Told here, where the name is known, and not by the child.
    if (directory_ < 0 || ::faccessat(directory_, ".", X_OK, AT_EACCESS) != 0) {
      error_ = directory_failure(request.working_directory, errno);
      return;
    }
  }
  header_.program = program;
  header_.has_directory = directory_ >= 0;
  stdout_ = standard_fd(request.stdout_fd, STDOUT_FILENO);
  stderr_ = standard_fd(request.stderr_fd, STDERR_FILENO);
  header_.memory_limit = request.memory_limit;
  header_.cpu_seconds = request.cpu_seconds;
  header_.open_files = request.open_files;
  header_.main_bytes = static_cast<std::uint32_t>(request.main.size());
  header_.argument_bytes = static_cast<std::uint32_t>(request.argument.size());
  header_.environment_bytes = static_cast<std::uint32_t>(environment_.size());
  header_.fd_count = static_cast<std::uint32_t>(request.fds.size());
  header_.sandbox = static_cast<std::uint8_t>(request.sandbox);
  header_.clean_environment = request.clean_environment;
}

outgoing_order::~outgoing_order() {
  if (directory_ >= 0) ::close(directory_);
  if (null_ >= 0) ::close(null_);
}

int outgoing_order::standard_fd(int wanted, int ours) {
  if (wanted >= 0) return wanted;
  if (::fcntl(ours, F_GETFD) >= 0) return ours;
  if (null_ < 0) null_ = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  return null_;
}

std::array<iovec, 4> outgoing_order::parts() const noexcept {
  // sendmsg and writev want mutable pointers although they only read.
  auto part = [](const void* at, std::size_t bytes) { return iovec{const_cast<void*>(at), bytes}; };
  return {part(&header_, sizeof header_), part(request_.main.data(), request_.main.size()),
          part(request_.argument.data(), request_.argument.size()), part(environment_.data(), environment_.size())};
}

std::size_t outgoing_order::copy_fds(std::array<int, max_order_fds>& to) const noexcept {
  std::size_t count = 0;
  for (int fd : request_.fds) to[count++] = fd;
  for (int fd : {stdout_, stderr_}) to[count++] = fd;
  if (directory_ >= 0) to[count++] = directory_;
  return count;
}

bool incoming_order::is_sound(std::size_t bytes) const noexcept {
  return bytes >= sizeof header && header.main_bytes <= max_main_name_bytes &&
         header.argument_bytes <= max_argument_bytes && header.environment_bytes <= max_environment_block_bytes &&
         header.fd_count <= max_child_fds &&
         bytes == sizeof header + header.main_bytes + header.argument_bytes + header.environment_bytes;
}

const char* describe(setup_step step) noexcept {
  switch (step) {
    case setup_step::none:
      return "start";
    case setup_step::order:
      return "the start request";
    case setup_step::descriptors:
      return "its descriptors";
    case setup_step::main:
      return "its main";
    case setup_step::directory:
      return "its working directory";
    case setup_step::program_limits:
      return "the program's limits of now";
    case setup_step::program_scheduling:
      return "the program's priority and processors of now";
    case setup_step::program_identity:
      return "the program's user, groups and capabilities of now";
    case setup_step::memory_limit:
      return "its memory limit";
    case setup_step::cpu_limit:
      return "its limit of processor time";
    case setup_step::open_files:
      return "its limit of open files";
    case setup_step::sandbox:
      return "its sandbox";
  }
  return "start";
}

setup_failure become_as_program(const program_state& wanted, const program_state& before) noexcept {
  using part = program_refusal::part;
  const auto refused = assume_program_state(wanted, before);
  if (refused.error == 0) return {};
  if (refused.what == part::limits) return {setup_step::program_limits, refused.error};
  return {refused.what == part::scheduling ? setup_step::program_scheduling : setup_step::program_identity,
          refused.error};
}

setup_failure apply_limits(const order_header& header) noexcept {
  wear_mark(header.mark);
  if (header.cpu_seconds != 0) {
    rlimit now{};
    ::getrlimit(RLIMIT_CPU, &now);
    // A limit that the program is under itself is never raised.
    rlim_t soft = std::min<rlim_t>(header.cpu_seconds, now.rlim_max);
    rlim_t hard = std::min<rlim_t>(rlim_t{header.cpu_seconds} + 1, now.rlim_max);
    if (auto failed = limit(setup_step::cpu_limit, RLIMIT_CPU, soft, hard)) return failed;
  }
  if (header.open_files != 0) {
    if (auto failed = limit(setup_step::open_files, RLIMIT_NOFILE, header.open_files, header.open_files)) return failed;
  }
  if (header.memory_limit == 0) return {};
  return limit(setup_step::memory_limit, RLIMIT_AS, header.memory_limit, header.memory_limit);
}

void apply_environment(const order_header& header, std::string_view block) {
  if (header.clean_environment == 0 && block.empty()) return;
  // Not destroyed: the environment lives as long as the process.
  static auto* const variables = new std::vector<char*>;
  std::vector<char*> all;
  auto is_set_anew = [&](std::string_view name) {
    bool found = false;
    for_each_entry(block, [&](std::string_view entry) { found = found || name_of(entry) == name; });
    return found;
  };
  if (header.clean_environment == 0) {
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
      if (!is_set_anew(name_of(*at))) all.push_back(*at);
    }
  } else {
    wipe_environment_except(block);
  }
  for_each_entry(block, [&](std::string_view entry) { all.push_back(const_cast<char*>(entry.data())); });
  all.push_back(nullptr);
  variables->swap(all);
  environ = variables->data();
}

void assume_environment(const incoming_order& order) {
  static environment_backup backup;
  static bool is_clean = false;
  static auto* const assumed = new std::string;
  bool clean = order.header.clean_environment != 0;
  if (clean == is_clean && order.environment() == *assumed) return;
  backup.restore();
  *assumed = order.environment();
  is_clean = clean;
  apply_environment(order.header, *assumed);
}

void find_environment_area() noexcept {
  int fd = open_in_proc("self/stat");
  if (fd < 0) return;
  char text[2048];
  ssize_t count = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (count <= 0) return;
  std::string_view rest{text, static_cast<std::size_t>(count)};
  // The second field, the program's name, may hold any character; the third follows its closing bracket.
  std::size_t bracket = rest.rfind(')');
  if (bracket == std::string_view::npos) return;
  rest.remove_prefix(bracket + 2);
  constexpr int first_field = 3;
  constexpr int begin_field = 50;
  std::uintptr_t bounds[2] = {0, 0};
  for (int field = first_field; field <= begin_field + 1 && !rest.empty(); ++field) {
    std::size_t end = std::min(rest.find(' '), rest.size());
    if (field >= begin_field) std::from_chars(rest.data(), rest.data() + end, bounds[field - begin_field]);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (bounds[0] == 0 || bounds[1] < bounds[0]) return;
  environment_area = {reinterpret_cast<char*>(bounds[0]), reinterpret_cast<char*>(bounds[1])};
}

bool needed_by_exec(std::string_view variable) noexcept {
  return variable.starts_with("LD_") || variable.ends_with("SAN_OPTIONS") || variable == "GLIBC_TUNABLES";
}

}  // namespace steward::process
