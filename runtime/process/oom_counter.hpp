#pragma once

#include <cstdint>
#include <string>

namespace steward::process {

/// How often the kernel has killed a process of our cgroup for want of memory: `oom_kill` of cgroup 2's memory.events
/// or of cgroup 1's memory.oom_control. Always 0 where there is no such file. Thread-safe.
class oom_counter {
public:
  explicit oom_counter(const std::string& cgroups = "/proc/self/cgroup", const std::string& mount = "/sys/fs/cgroup");
  ~oom_counter();
  oom_counter(const oom_counter&) = delete;
  oom_counter& operator=(const oom_counter&) = delete;

  bool valid() const noexcept { return fd_ >= 0; }
  std::uint64_t kills() const noexcept;

private:
  int fd_ = -1;
};

}  // namespace steward::process
