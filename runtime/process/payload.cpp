#include "process/payload.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace steward::process {
namespace {

constexpr int needed_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
constexpr std::size_t stat_block_bytes = 512;

bool write_all(int fd, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

// Empty when the file can be mapped and read without a fault, come what may.
std::string fault_of(int fd, std::size_t size) {
  int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & needed_seals) != needed_seals) return "a payload in a file that is not sealed";
  struct stat about {};
  struct statfs system {};
  if (::fstat(fd, &about) != 0 || ::fstatfs(fd, &system) != 0) return "a payload in a file that cannot be looked at";
  if (about.st_size != static_cast<off_t>(size)) {
    return fmt::format("a payload of {} bytes in a file of {}", size, about.st_size);
  }
  // Pages that are not there yet might not be had later: of a file with holes, and of one of huge pages.
  if (system.f_type != TMPFS_MAGIC || static_cast<std::uint64_t>(about.st_blocks) * stat_block_bytes < size) {
    return "a payload in a file with holes";
  }
  return {};
}

}  // namespace

int make_payload_file(std::span<const std::byte> bytes) noexcept {
  int fd = ::memfd_create("steward-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  if (write_all(fd, bytes) && ::fcntl(fd, F_ADD_SEALS, needed_seals | F_SEAL_SEAL) == 0) return fd;
  int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

mapped_payload::mapped_payload(mapped_payload&& other) noexcept
    : at_{std::exchange(other.at_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

mapped_payload& mapped_payload::operator=(mapped_payload&& other) noexcept {
  std::swap(at_, other.at_);
  std::swap(size_, other.size_);
  return *this;
}

bool mapped_payload::map(int fd, std::size_t size, std::string& problem) {
  unmap();
  problem = fault_of(fd, size);
  if (!problem.empty()) return false;
  // Private, for older kernels refuse a shared mapping of a file that is sealed against writing.
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) return false;
  at_ = at;
  size_ = size;
  return true;
}

void mapped_payload::unmap() noexcept {
  if (at_ != nullptr) ::munmap(at_, size_);
  at_ = nullptr;
  size_ = 0;
}

fd_queue::~fd_queue() {
  for (int fd : all_) {
    if (fd >= 0) ::close(fd);
  }
}

int fd_queue::pop() noexcept {
  int fd = all_.front();
  all_.erase(all_.begin());
  return fd;
}

}  // namespace steward::process
