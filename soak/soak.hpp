#pragma once

#include <cstdint>
#include <string>

namespace steward::soak {

struct options {
  std::uint64_t seed = 1;
  double seconds = 20;  ///< the run is paced to take this long; a busy machine takes longer
  double faults_per_second = 100;
  unsigned workers = 8;
  unsigned in_flight = 256;  ///< tasks that are open at a time
  std::uint64_t tasks = 100'000;
  std::uint32_t spin_us = 150;  ///< of work in each task, on average
  unsigned attempts = 5;        ///< of a task
  unsigned deadline_ms = 500;   ///< of a task; longer than the heartbeat, so that a stopped worker is told as one
  unsigned heartbeat_ms = 250;  ///< after which a stopped worker is found out
  unsigned limit_factor = 8;    ///< a run that takes this many times `seconds` is ended, and fails
  std::string history = "soak.csv";
};

/// Makes workers run the soak's task and starts the zygote. Call it before threads exist. False without a zygote, whose
/// workers alone share the memory that the soak needs.
bool prepare();

/// Runs tasks through a pool while faults hit it, and writes the history. Call `prepare` first. False, with the reason
/// on stderr, when there is no complete history; whether all went well is for the checker to say.
bool run(const options& what);

/// Runs slices with and without `faults_per_second`, in turns, each as fast as it goes, for `seconds` together.
struct comparison {
  unsigned slices = 0;  ///< of each kind
  double without = 0;   ///< tasks per second without faults, median of the slices
  double with = 0;
  double ratio = 0;  ///< median over the pairs
  std::uint64_t faults = 0;
  double fault_rate = 0;  ///< faults per second that were reached
};
comparison compare(const options& what);

/// Ends the zygote.
void finish();

}  // namespace steward::soak
