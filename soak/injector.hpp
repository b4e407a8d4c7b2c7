#pragma once

#include "soak/history.hpp"
#include "soak/page.hpp"
#include "steward/pool.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace steward::soak {

/// Does the faults from outside, on a thread of its own, as the work proceeds, and writes down each fault, those of
/// tasks included.
///
/// The faults are spread over the tasks, not over time: a machine that is busy gets fewer a second, and as many in all.
/// A worker gets one fault from outside at most, one that loops past its deadline none, and only this program's own
/// children are hit.
class injector {
public:
  struct course {
    std::uint64_t seed = 0;
    std::uint64_t faults = 0;  ///< from outside
    std::uint64_t tasks = 0;   ///< after which all of them are done
  };

  /// `done` tells how many tasks have ended. `to` may be null: then nothing is written.
  injector(const pool& victim, page& shared, history* to, course c, std::function<std::uint64_t()> done);
  ~injector();
  injector(const injector&) = delete;
  injector& operator=(const injector&) = delete;

  /// To be told of each crash.
  void saw_crash(int pid);
  /// All faults are done, and each crash that must follow has been seen.
  bool settled() const;
  /// Faults that were done, those of tasks included.
  std::uint64_t count() const noexcept { return count_.load(); }
  void stop();

private:
  void work();
  void collect();
  bool inject(std::uint64_t index);
  bool hit(fault_kind kind, std::uint64_t random);
  void sample();
  std::int64_t now_us() const;

  const pool& victim_;
  page& shared_;
  history* to_;
  course course_;
  std::function<std::uint64_t()> done_;
  mutable std::mutex mutex_;
  std::set<int> hit_;                   // pids whose crash has not been seen
  std::map<int, std::int64_t> doomed_;  // pids that run past their deadline, and since when; on the own thread only
  std::atomic<std::uint64_t> injected_{0};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<unsigned> armed_{0};
  std::atomic<bool> over_{false};
  std::int64_t next_sample_us_ = 0;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::thread thread_;
};

/// Sends a signal to a child of this program, and to no other process. False when there is none with this pid.
bool signal_child(int pid, int signal);

/// Resident memory of this program.
std::uint64_t resident_kib();

}  // namespace steward::soak
