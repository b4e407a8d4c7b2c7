#include "process/proc_status.hpp"

#include "process/proc_files.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

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
