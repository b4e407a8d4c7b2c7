#pragma once

#include "steward/sample.hpp"
#include "steward/spec.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace steward {

class supervisor;

/// Takes a sample of all that is in a tree again and again, and one of the program itself, whose path is empty, for
/// whoever wants them; where nobody does there is none of this, and it costs nothing.
///
/// Has a thread, on which `out` is called, with samples of one moment: first after one interval. It asks nobody, so the
/// tree does not notice; `out` takes its time from the next samples alone. What it throws ends the program. The
/// destructor ends the thread: it waits for an `out` that is under way. The tree must outlive it.
class sampler {
public:
  static constexpr milliseconds every{1'000};

  sampler(supervisor& tree, milliseconds interval, std::function<void(const sample&)> out);
  ~sampler();
  sampler(const sampler&) = delete;
  sampler& operator=(const sampler&) = delete;

private:
  /// What is known from the samples before.
  struct past {
    std::uint64_t round = 0;
    // Of an actor: its counts go down when another cell takes its place.
    std::uint64_t accepted = 0;
    std::uint64_t handled = 0;
    std::uint64_t accepted_before = 0;
    std::uint64_t handled_before = 0;
    // Of a process.
    std::uint64_t started = 0;
    std::uint64_t cpu_ms = 0;
    std::chrono::steady_clock::time_point at;
  };

  void serve();
  void take();
  void add_up(sample& x);
  void measure(sample& x, int pid);

  supervisor& tree_;
  const milliseconds interval_;
  const std::function<void(const sample&)> out_;
  std::uint64_t round_ = 0;
  std::map<std::string, past> known_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace steward
