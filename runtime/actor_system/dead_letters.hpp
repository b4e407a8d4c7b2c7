#pragma once

#include "steward/dead_letter.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace steward {

namespace detail {

/// One that hears of dead letters. Letters wait for it in the mailbox of an actor, the carrier, which has no others,
/// and here are counted. Thread-safe.
class letter_listener : public std::enable_shared_from_this<letter_listener> {
public:
  using callable = std::function<void(const dead_letter&)>;

  explicit letter_listener(std::size_t most) : most_(most) {}
  /// Makes the carrier. One for a callable has a thread of its own.
  void begin(caf::actor_system& system, callable f);
  void begin(caf::actor_system& system, caf::actor listener);

  /// Takes the letter, or skips it where too many wait.
  void put(const std::shared_ptr<const dead_letter>& x);
  /// The listener is not called any more; one call may be under way, which is waited for unless it is the caller.
  void end() noexcept;
  bool over() const noexcept { return over_.load(std::memory_order_acquire); }
  std::uint64_t skipped() const noexcept { return skipped_.load(std::memory_order_relaxed); }

  // For the carrier:
  void call(const callable& f, const dead_letter& x);
  /// The letter as the listener gets it.
  dead_letter take(const dead_letter& x);
  /// A letter does not wait any more.
  void done(bool heard);

private:
  const std::size_t most_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> skipped_{0};
  std::uint64_t told_ = 0;  // of these; the carrier's
  std::atomic<bool> over_{false};
  std::atomic<std::thread::id> calling_{};
  std::mutex call_mutex_;
  std::mutex carrier_mutex_;
  caf::actor carrier_;
};

}  // namespace detail

/// Whoever listens for the dead letters of a runtime. Thread-safe.
class dead_letter_hub {
public:
  /// `text_bytes`: of a message, in events.
  explicit dead_letter_hub(std::size_t text_bytes) : text_bytes_(text_bytes) {}

  std::size_t text_bytes() const noexcept { return text_bytes_; }
  bool heard() const noexcept { return heard_.load(std::memory_order_relaxed); }
  void put(dead_letter x);
  void add(std::shared_ptr<detail::letter_listener> x);
  /// From now on nobody listens. To be called before the actor system ends.
  void close();

private:
  const std::size_t text_bytes_;
  std::atomic<bool> heard_{false};
  std::mutex mutex_;
  std::vector<std::shared_ptr<detail::letter_listener>> all_;
};

}  // namespace steward
