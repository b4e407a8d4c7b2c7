#include "process/oom_counter.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

namespace steward::process {
namespace {

constexpr std::string_view counter_name = "oom_kill ";

int open_counter(const std::string& path) { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }

// "number:controllers:path": cgroup 2 has no controllers there, cgroup 1 one or several.
int open_of_line(std::string_view line, const std::string& mount) {
  std::size_t first = line.find(':');
  std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
  if (second == std::string_view::npos) return -1;
  std::string_view controllers = line.substr(first + 1, second - first - 1);
  std::string path{line.substr(second + 1)};
  if (controllers.empty()) return open_counter(mount + path + "/memory.events");
  if (controllers != "memory") return -1;
  int fd = open_counter(mount + "/memory" + path + "/memory.oom_control");
  // In a container the mount may begin at our own group.
  return fd >= 0 ? fd : open_counter(mount + "/memory/memory.oom_control");
}

}  // namespace

oom_counter::oom_counter(const std::string& cgroups, const std::string& mount) {
  std::ifstream lines{cgroups};
  for (std::string line; fd_ < 0 && std::getline(lines, line);) fd_ = open_of_line(line, mount);
}

oom_counter::~oom_counter() {
  if (fd_ >= 0) ::close(fd_);
}

std::uint64_t oom_counter::kills() const noexcept {
  if (fd_ < 0) return 0;
  char text[1024];
  ssize_t count = ::pread(fd_, text, sizeof text, 0);
  if (count <= 0) return 0;
  std::string_view rest{text, static_cast<std::size_t>(count)};
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.starts_with(counter_name)) {
      std::uint64_t kills = 0;
      std::from_chars(line.data() + counter_name.size(), line.data() + line.size(), kills);
      return kills;
    }
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return 0;
}

}  // namespace steward::process
