#include "actor_system/overflow_ring.hpp"

#include <utility>

namespace steward::port {

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

}  // namespace

void overflow_ring::exchange(caf::mailbox_element_ptr& x, const message_tally& tally) {
  const auto limit = tally.limit();
  content_.push_back(std::move(x));
  const auto unfinished = tally.unfinished();
  if (content_.size() > limit) {
    x = std::move(content_.front());
    content_.pop_front();
  } else if (unfinished > limit + doomed_.load(relaxed)) {
    doomed_.store(doomed_.load(relaxed) + 1, relaxed);
  }
}

bool overflow_ring::take_doomed() {
  std::lock_guard guard{mutex_};
  const auto left = doomed_.load(relaxed);
  if (left == 0) return false;
  doomed_.store(left - 1, relaxed);
  return true;
}

void overflow_ring::spare() {
  std::lock_guard guard{mutex_};
  doomed_.store(0, relaxed);
}

void overflow_ring::park() {
  std::lock_guard guard{mutex_};
  parked_ = true;
}

std::deque<caf::mailbox_element_ptr> overflow_ring::close() {
  std::lock_guard guard{mutex_};
  closed_ = true;
  return std::exchange(content_, {});
}

}  // namespace steward::port
