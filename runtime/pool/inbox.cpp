#include "pool/inbox.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace steward::pooling {

inbox::inbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "a pool needs an eventfd");
}

inbox::~inbox() { ::close(fd_); }

bool inbox::push(message m) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    messages_.push_back(std::move(m));
    filled_.store(true, std::memory_order_seq_cst);
  }
  wake();
  return true;
}

void inbox::wake(bool urgent) {
  const auto found = loop_.load(std::memory_order_seq_cst);
  if (found == state::awake || (found == state::napping && !urgent)) return;
  if (loop_.exchange(state::awake, std::memory_order_seq_cst) == state::awake) return;
  const std::uint64_t one = 1;
  // It can only fail when the counter is full, and then the loop is awake.
  static_cast<void>(!::write(fd_, &one, sizeof one));
}

void inbox::awake(bool signaled) {
  loop_.store(state::awake, std::memory_order_seq_cst);
  if (!signaled) return;
  std::uint64_t count = 0;
  static_cast<void>(!::read(fd_, &count, sizeof count));
}

std::vector<inbox::message> inbox::take() {
  if (empty()) return {};
  const std::lock_guard lock(mutex_);
  filled_.store(false, std::memory_order_seq_cst);
  return std::exchange(messages_, {});
}

std::vector<inbox::message> inbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  filled_.store(false, std::memory_order_seq_cst);
  return std::exchange(messages_, {});
}

}  // namespace steward::pooling
