#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// Counts by how long something took: the first is of what took less than 1 us, the one at `i` of what took less than
/// 2^i us and was not counted before it, the last of the rest.
inline constexpr std::size_t time_buckets = 32;
using time_counts = std::array<std::uint64_t, time_buckets>;

/// A task that a worker of a pool has in hand.
struct task_in_hand {
  std::string worker;    ///< its name, such as "w2"
  std::string task;      ///< what it runs, as it is registered
  std::uint64_t id = 0;  ///< as events have it
  std::chrono::system_clock::time_point since;

  friend bool operator==(const task_in_hand&, const task_in_hand&) = default;
};

/// How a child is doing at a moment, in figures: what no event tells. What does not apply, or is not known, is left
/// out. Counts are totals over all incarnations, so that two samples give a rate.
struct sample {
  static constexpr std::size_t most_in_hand = 256;

  std::chrono::system_clock::time_point at;
  std::string path;  ///< of a child or a worker; empty for the program itself

  // Of an actor; see `message_counts`.
  std::optional<std::uint64_t> waiting;  ///< messages in its mailbox
  std::optional<std::uint64_t> accepted;
  std::optional<std::uint64_t> handled;

  // Of a pool; see `pool_stats`.
  std::optional<std::uint64_t> queued;   ///< tasks that no worker has been sent
  std::optional<std::uint64_t> running;  ///< tasks that workers have been sent
  std::optional<std::uint64_t> workers;
  std::optional<std::uint64_t> ready;
  std::optional<std::uint64_t> idle;
  std::optional<std::uint64_t> submitted;
  std::optional<std::uint64_t> succeeded;
  std::optional<std::uint64_t> failed;
  std::optional<std::uint64_t> retried;
  std::vector<std::uint64_t> run_times;   ///< `time_counts` of runs of tasks; empty or all of them
  std::vector<std::uint64_t> wait_times;  ///< how long these waited from when the pool had them until they were begun
  std::vector<task_in_hand> in_hand;      ///< those that run longest first, `most_in_hand` of them

  // Of what has a process of its own, and of the program.
  std::optional<double> cpu_percent;  ///< of one core, since the sample before
  std::optional<std::uint64_t> rss_kib;
  std::optional<std::uint64_t> threads;      ///< of the program
  std::optional<std::uint64_t> descriptors;  ///< of the program

  friend bool operator==(const sample&, const sample&) = default;
};

}  // namespace steward
