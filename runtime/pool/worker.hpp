#pragma once

#include "pool/engine.hpp"
#include "process/child.hpp"
#include "steward/task.hpp"

#include <cstdint>

namespace steward::pooling {

/// Name of the child main that runs tasks.
inline constexpr const char* worker_main_name = "pool_worker";

/// Longest text of an exception that travels to the pool, in bytes.
inline constexpr std::size_t max_exception_bytes = 4096;

/// Wire format of a task frame's payload: {u32 attempt, u32 attempts, task name, arguments}. Of a result: {u64 run time
/// in nanoseconds, encoded result}. Of a failure: {u64 run time in nanoseconds, exception type, message}.
struct task_header {
  std::uint32_t attempt = 1;
  std::uint32_t attempts = 1;
  std::string name;
};
void encode_task(bytes& out, const task_header& header, bytes_view args);
/// Throws `decode_error`.
std::pair<task_header, bytes_view> decode_task(bytes_view payload);
answer decode_result(bytes_view payload);
answer decode_failure(bytes_view payload);

/// Makes worker processes possible: they run the tasks of `tasks`. Call it on every start of the program, after the
/// tasks are registered, before `process::start_zygote` and before `process::run_spawned_child`. `tasks` must live as
/// long as the program.
void register_pool_worker(const task_registry& tasks);

/// The child main itself. Does not return while the pool wants the worker.
int run_pool_worker(const process::child_context& context);

/// In a worker process whose pool has an actor link: its descriptor, 5. Everywhere else -1.
int worker_actor_link_fd() noexcept;

}  // namespace steward::pooling
