#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// Buckets of `sample::run_times`.
inline constexpr std::size_t run_time_buckets = 32;
using run_time_counts = std::array<std::uint64_t, run_time_buckets>;

/// How a child is doing at a moment, in figures: what no event tells. What does not apply, or is not known, is left
/// out. Counts are totals over all incarnations, so that two samples give a rate.
struct sample {
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
  /// Runs of tasks by how long they took, `run_time_buckets`: the first counts those under 1 us, the one at `i` those
  /// under 2^i us that were not counted before it, the last the rest.
  std::vector<std::uint64_t> run_times;

  // Of what has a process of its own, and of the program.
  std::optional<double> cpu_percent;  ///< of one core, since the sample before
  std::optional<std::uint64_t> rss_kib;
  std::optional<std::uint64_t> threads;      ///< of the program
  std::optional<std::uint64_t> descriptors;  ///< of the program

  friend bool operator==(const sample&, const sample&) = default;
};

}  // namespace steward
