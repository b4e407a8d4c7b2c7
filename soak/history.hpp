#pragma once

#include "soak/oracle.hpp"
#include "steward/codec.hpp"
#include "steward/event.hpp"
#include "steward/outcome.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

namespace steward::soak {

/// Writes down what a soak did and saw, a line each, for the checker to judge:
///   H,NAME,VALUE                                                          a parameter of the run
///   S,US,NUMBER                                                           a task was submitted
///   A,NUMBER,ATTEMPT,PID,CLASS,SIGNAL,CODE,RAN_US                         a lost attempt of the outcome that follows
///   O,US,NUMBER,KIND,VALUE,WORK,CLASS,SIGNAL,CODE,ATTEMPTS                an outcome
///   F,US,ID,KIND,PID,NUMBER,ATTEMPT                                       a fault; the last two when a task did it
///   E,US,SEQ,KIND,WORKER,INCARNATION,PID,CLASS,SIGNAL,CODE,NUMBER,ATTEMPT,FATE,RAN_US,ACTION,RECOVERY_US
///   M,INDEX,US,KIB                                                        resident set of the program
///   X,NAME,VALUE                                                          what was found at the end, and totals
/// Times count from the start of the run. What does not apply is "-".
///
/// Thread-safe. A thread of its own writes to the file, so that no caller waits for the disk.
class history {
public:
  /// Throws std::system_error when the file cannot be written, or holds something else than a history.
  explicit history(const std::string& file);
  ~history();
  history(const history&) = delete;
  history& operator=(const history&) = delete;

  void parameter(const char* name, std::uint64_t value);
  void submitted(std::uint64_t number);
  void ended(std::uint64_t number, const outcome<bytes>& result);
  void fault(fault_kind kind, int pid);
  void fault(fault_kind kind, int pid, std::uint64_t number, unsigned attempt);
  void happened(const event& e);
  void resident(std::uint64_t kib);
  void found(const char* name, std::uint64_t value);

  /// Microseconds since the run began.
  std::int64_t now_us() const;
  /// Waits until all is in the file. False when the file did not take all of it.
  bool close();

private:
  void write_out();

  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string lines_;
  std::uint64_t faults_ = 0;
  std::uint64_t samples_ = 0;
  std::uint64_t events_ = 0;
  bool over_ = false;
  bool failed_ = false;
  std::FILE* file_ = nullptr;
  std::thread writer_;
};

}  // namespace steward::soak
