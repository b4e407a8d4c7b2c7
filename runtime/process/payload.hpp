#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

// Payloads that travel in memory files instead of through a socket. Internal to process/.
namespace steward::process {

/// A sealed memory file with these bytes; -1 with errno set when the kernel refuses. The caller closes it.
int make_payload_file(std::span<const std::byte> bytes) noexcept;

/// A memory file of a peer that is not trusted, mapped for reading. Move-only.
class mapped_payload {
public:
  mapped_payload() = default;
  mapped_payload(mapped_payload&& other) noexcept;
  mapped_payload& operator=(mapped_payload&& other) noexcept;
  ~mapped_payload() { unmap(); }

  /// Maps `size` bytes. False, with the reason in `problem`, unless the file is one that can neither change nor shrink,
  /// has exactly this size, and holds all of its bytes: then no access to it can fail. `size` is above zero. A sound
  /// file for which this process has no room leaves `problem` empty; errno says why.
  bool map(int fd, std::size_t size, std::string& problem);
  void unmap() noexcept;
  std::span<const std::byte> bytes() const noexcept { return {static_cast<const std::byte*>(at_), size_}; }

private:
  void* at_ = nullptr;
  std::size_t size_ = 0;
};

/// Owns descriptors, first in, first out. Move-only.
class fd_queue {
public:
  fd_queue() = default;
  fd_queue(fd_queue&& other) noexcept : all_{std::move(other.all_)} { other.all_.clear(); }
  fd_queue& operator=(fd_queue&& other) noexcept {
    all_.swap(other.all_);
    return *this;
  }
  ~fd_queue();

  void push(int fd) { all_.push_back(fd); }
  int front() const noexcept { return all_.front(); }
  /// The first one, which is the caller's from now on.
  int pop() noexcept;
  std::size_t size() const noexcept { return all_.size(); }
  bool empty() const noexcept { return all_.empty(); }

private:
  std::vector<int> all_;
};

}  // namespace steward::process
