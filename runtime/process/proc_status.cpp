#include "process/proc_status.hpp"

#include "process/proc_files.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <dirent.h>
#include <unistd.h>

namespace steward::process {

namespace {

/// The beginning of a file that tells of a process, such as "stat"; empty when that is gone.
std::string read_proc(int pid, const char* name) {
  const auto path = std::to_string(pid) + "/" + name;
  const int fd = open_in_proc(path.c_str());
  if (fd < 0) return {};
  std::array<char, 1024> buffer;
  const auto got = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string{};
}

}  // namespace

std::uint64_t resident_bytes(int pid) {
  const auto text = read_proc(pid, "statm");
  const auto space = text.find(' ');
  if (space == std::string::npos) return 0;
  return std::strtoull(text.c_str() + space, nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<process_usage> usage_of(int pid) {
  const auto text = read_proc(pid, "stat");
  const auto end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  // Behind the name: state, then 10 numbers, user and system time, 4 numbers, threads, one, start, size, pages.
  unsigned long long user = 0;
  unsigned long long system = 0;
  unsigned long long threads = 0;
  unsigned long long started = 0;
  unsigned long long pages = 0;
  if (std::sscanf(text.c_str() + end_of_name + 1,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %llu %*d %llu %*u %llu",
                  &user, &system, &threads, &started, &pages) != 5)
    return std::nullopt;
  static const auto ticks_each_second = static_cast<unsigned long long>(::sysconf(_SC_CLK_TCK));
  static const auto page_kib = static_cast<unsigned long long>(::sysconf(_SC_PAGESIZE)) / 1024;
  return process_usage{(user + system) * 1'000 / ticks_each_second, started, pages * page_kib, threads};
}

std::optional<std::uint64_t> open_descriptors() {
  const int fd = open_in_proc("self/fd");
  auto* folder = fd >= 0 ? ::fdopendir(fd) : nullptr;
  if (folder == nullptr) {
    if (fd >= 0) ::close(fd);
    return std::nullopt;
  }
  std::uint64_t count = 0;
  while (const auto* one = ::readdir(folder)) count += one->d_name[0] != '.' ? 1 : 0;  // NOLINT(concurrency-mt-unsafe)
  ::closedir(folder);
  return count - 1;  // the folder itself is one
}

bool is_ending(int pid) {
  const auto text = read_proc(pid, "stat");
  const auto end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return true;
  // Behind the name: state, parent, group, session, terminal, its group, flags.
  char state = 0;
  unsigned long flags = 0;
  constexpr unsigned long exiting = 0x4;
  if (std::sscanf(text.c_str() + end_of_name + 1, " %c %*d %*d %*d %*d %*d %lu", &state, &flags) != 2) return false;
  return state == 'Z' || state == 'X' || (flags & exiting) != 0;
}

}  // namespace steward::process
