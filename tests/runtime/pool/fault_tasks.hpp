#pragma once

#include "fault_hostile.hpp"
#include "steward/task.hpp"
#include "tasks.hpp"

#include <atomic>
#include <cstdint>
#include <string>

/// The tasks of the fault and crash matrices, beside those of `tasks()` and in the same registry.
namespace steward::test {

struct fault_tasks_t {
  task<std::int64_t, std::int64_t, std::string> act;      ///< square(n); in its first attempt it first does `how`
  task<std::int64_t, std::int64_t, std::string> always;   ///< does `how` in every attempt
  task<std::int64_t, std::string> hold;                   ///< makes PATH.PID, then waits until PATH exists
  task<std::int64_t, std::string> with_sleeper;           ///< starts a process that sleeps, and does as `hold`
  task<std::int64_t, hostile> take_hostile;               ///< its number, squared
  task<hostile, std::int64_t, std::string> give_hostile;  ///< a hostile of n * n that does so when it is encoded
  task<hostile, hostile> pass_hostile;
};

/// Fills the registry at its first call.
fault_tasks_t& fault_tasks();

/// What `do_fault` knows, and: terminate, fpe, bus, ill, xcpu, deaf (loops and ignores SIGTERM), partial (dies in
/// mid-frame), huge_length, wrong_id, wrong_kind, bad_magic, reply_twice, reply_then_die, reply_then_kill, bad_alloc
/// (throws), bad_alloc_uncaught, malloc_unchecked.
void do_pool_fault(const std::string& how, std::uint64_t task_id, std::int64_t value);

/// Memory that the test shares with workers that the zygote forked.
struct shared_notes {
  std::atomic<int> starts{0};  ///< of workers in pools that count them
};
shared_notes& notes();

/// True in a worker process. Set by the child main.
bool& in_worker_process();

}  // namespace steward::test
