#include "process/proc_files.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace steward::process {
namespace {

constexpr const char* link_to_program = "/proc/self/exe";

std::atomic<int> held{-1};
char program[PATH_MAX] = {};

int open_anew() noexcept { return ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

}  // namespace

void hold_proc() noexcept {
  if (held.load() >= 0) return;
  int fd = open_anew();
  int none = -1;
  if (fd >= 0 && !held.compare_exchange_strong(none, fd)) ::close(fd);
}

void forget_proc() noexcept { held = -1; }

void hold_proc_anew(int least_fd) noexcept {
  const int fd = open_anew();
  held = fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, least_fd);
  if (fd >= 0) ::close(fd);
}

int open_in_proc(const char* name) noexcept {
  if (held.load() >= 0) return ::openat(held.load(), name, O_RDONLY | O_CLOEXEC);
  char path[64] = "/proc/";
  if (std::strlen(path) + std::strlen(name) >= sizeof path) return -1;
  return ::open(std::strcat(path, name), O_RDONLY | O_CLOEXEC);
}

int open_proc() noexcept { return open_in_proc("."); }

void note_own_program() noexcept {
  const auto* started_as = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  if (started_as == nullptr || ::realpath(started_as, program) == nullptr) program[0] = '\0';
}

const char* own_program() noexcept {
  return program[0] == '\0' || ::access(link_to_program, X_OK) == 0 ? link_to_program : program;
}

}  // namespace steward::process
