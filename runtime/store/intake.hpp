#pragma once

#include "steward/event.hpp"
#include "steward/sample.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace steward::store {

/// What waits to be written, in the order in which it came.
struct batch {
  std::vector<std::vector<event>> blocks;
  std::vector<sample> samples;
  std::size_t bytes = 0;
  std::uint64_t count = 0;  ///< events and samples

  static constexpr std::size_t block_events = 128;

  bool empty() const noexcept { return count == 0; }
  std::size_t events() const noexcept { return static_cast<std::size_t>(count) - samples.size(); }
  event& event_at(std::size_t i) { return blocks[i / block_events][i % block_events]; }
};

/// The way to the thread that writes. Any thread may put something in, which is a copy and never waits; one takes it
/// out, in batches. What has no room within `most_bytes` is counted, and lost; what was taken counts until it is done.
class intake {
public:
  using clock = std::chrono::steady_clock;

  intake(std::size_t most_bytes, std::chrono::milliseconds gather_for)
      : most_bytes_(most_bytes), gather_for_(gather_for) {}

  void put(const event& e) noexcept;
  void put(const sample& x) noexcept;

  /// Waits until there is something, and then until it has gathered for long enough, something urgent came, or somebody
  /// waits. Empty at `until`, or when it is closed and all was taken.
  batch take(clock::time_point until);
  /// What was taken is written, or lost.
  void done(batch&& what, std::uint64_t lost);
  /// Waits so long, unless it is closed before; false: it is closed.
  bool pause(std::chrono::milliseconds how_long);

  /// It could not be written; it will be tried again.
  void failed();

  /// Waits until all that was put in before is done; false: it was not by then, or failed twice meanwhile.
  bool wait_until_done(clock::time_point limit);
  /// What is in it can still be taken.
  void close();
  bool is_closed() const;
  /// For a copy of the program: what nobody had taken yet, as far as that can be known without waiting.
  std::vector<event> waiting_in_copy() noexcept;

  std::uint64_t lost() const;

private:
  using locked = std::unique_lock<std::mutex>;

  bool has_room(std::size_t bytes, bool urgent);
  std::size_t enough() const noexcept { return most_bytes_ / 4; }  // to be written at once
  void note(locked& lock, std::size_t bytes, bool urgent);

  const std::size_t most_bytes_;
  const std::chrono::milliseconds gather_for_;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::condition_variable settled_;
  batch waiting_;
  std::vector<std::vector<event>> spare_;  // blocks without events
  std::size_t bytes_ = 0;                  // of what waits and of what was taken
  std::uint64_t accepted_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t failures_ = 0;
  bool urgent_ = false;
  bool sleeps_ = false;  // whoever takes waits for the first thing to come
  bool closed_ = false;
};

}  // namespace steward::store
