#pragma once

#include "steward/task.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// The tasks that the pool tests run, in threads and in worker processes.
namespace steward::test {

/// Travels as its bytes.
struct point {
  std::int32_t x = 0;
  double y = 0.0;
  friend bool operator==(const point&, const point&) = default;
};

struct test_tasks {
  task_registry registry;
  task<std::int64_t, std::int64_t> square;
  task<std::int64_t, std::int64_t, std::string> misbehave;  ///< square(n); in its first attempt it first does `how`
  task<std::int64_t, std::int64_t, std::string> poison;     ///< does `how` in every attempt
  task<std::int64_t, std::int64_t> pid;                     ///< the pid it runs in; the argument is ignored
  task<std::vector<std::uint8_t>, std::vector<std::uint8_t>> reverse;
  task<std::string, std::int64_t> about_me;  ///< "POOL attempt/attempts"
  task<void, std::int64_t> nothing;
  task<std::int32_t, std::int64_t> link;                  ///< the descriptor of the actor link; the argument is ignored
  task<std::int64_t, std::int64_t> until_stopped;         ///< returns the argument once its stop token is set
  task<std::int64_t, std::int64_t> hold_at_zero;          ///< square(n), but 0 is held until its stop token is set
  task<std::string, std::string, std::int64_t> repeat;    ///< the text, this many times
  task<point, point> mirror;                              ///< {-x, -y}
  task<void> initialize;                                  ///< counts in this process
  task<void, std::int64_t, std::string> initialize_with;  ///< counts so often, where the text is "as told"
  task<void> fail_to_initialize;                          ///< throws
  task<std::int64_t, std::int64_t> initialized;           ///< how often `initialize` ran in this process
  task<std::int64_t, std::int64_t> keep_memory;           ///< touches this many bytes and keeps them; returns the pid
  task<std::int64_t, std::int64_t> complain_and_die;      ///< writes two lines to stderr, then SIGKILLs itself
  task<std::int64_t, std::int64_t> ignore_term;           ///< ignores SIGTERM and hangs
  task<std::string, std::string> variable;                ///< an environment variable, "" when there is none
  task<std::int64_t, std::string, std::string> say;  ///< writes a line to stdout, or this many, in a way; returns 1
  task<std::int64_t, std::string> wait_for_file;     ///< makes PATH.PID, then returns the size of PATH once it exists
};

test_tasks& tasks();

/// Runs `how`: segv, abort, exit0, exit3, throw, throw_int, uncaught, overflow, kill, hang, leave_channel, garbage or
/// none.
void do_fault(const std::string& how);

}  // namespace steward::test
