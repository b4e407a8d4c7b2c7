#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

namespace steward::pooling {

struct job;

/// What other threads want a pool's loop to do, in the order in which they asked.
///
/// Many threads push, the loop alone takes. The loop is woken by an eventfd, and only when it sleeps. Shared by the
/// pool and by whoever may still report to it after its end; what comes too late is refused.
class inbox {
public:
  /// Something to be done, or the most frequent of all: a job to be submitted.
  using message = std::variant<std::function<void()>, std::shared_ptr<job>>;

  inbox();
  ~inbox();
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;

  /// False once the inbox is closed; then the message is dropped.
  bool push(message m);
  /// Wakes the loop if it sleeps. A nap ends soon by itself, so only what is urgent wakes from one. Any thread.
  void wake(bool urgent = true);
  /// Has the loop take one more turn, also where it is awake and about to sleep: for what it looks at in each turn, and
  /// does not look for before it sleeps. Any thread.
  void ask_for_turn() {
    filled_.store(true, std::memory_order_seq_cst);
    wake();
  }

  // For the loop only.

  std::vector<message> take();
  /// Announces that the loop is about to sleep. The caller looks for work once more after it, so that no wake is
  /// missed.
  void about_to_sleep() noexcept { loop_.store(state::asleep, std::memory_order_seq_cst); }
  /// The same for a nap; the caller looks for urgent work.
  void about_to_nap() noexcept { loop_.store(state::napping, std::memory_order_seq_cst); }
  /// `signaled`: the descriptor is readable. It is read whoever woke the loop, since a wake may arrive late.
  void awake(bool signaled);
  bool empty() const noexcept { return !filled_.load(std::memory_order_seq_cst); }
  /// Refuses everything from now on and returns what is left.
  std::vector<message> close();
  int fd() const noexcept { return fd_; }

private:
  enum class state : std::uint8_t { awake, napping, asleep };

  std::mutex mutex_;
  std::vector<message> messages_;
  bool closed_ = false;
  std::atomic<bool> filled_{false};
  std::atomic<state> loop_{state::awake};
  int fd_ = -1;
};

}  // namespace steward::pooling
