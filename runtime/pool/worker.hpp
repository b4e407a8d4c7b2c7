#pragma once

#include "process/child.hpp"
#include "process/copied.hpp"
#include "steward/codec.hpp"
#include "steward/spec.hpp"
#include "steward/task.hpp"

#include <span>
#include <string>

namespace steward::pooling {

/// Name of the child main that runs tasks.
inline constexpr const char* worker_main_name = "pool_worker";

/// Exit code of a worker that cannot go on; it leaves a note why (`process::leave_note`), if it has a page for that.
inline constexpr int exit_broken = process::exit_of_a_copy;

/// Makes worker processes possible: they run the tasks of `tasks`. Call it on every start of the program, after the
/// tasks are registered, before `process::start_zygote` and before `process::run_spawned_child`. `tasks` must live as
/// long as the program.
void register_pool_worker(const task_registry& tasks);

/// The argument of the child main: the pool's name, its initializer, and the arguments of that.
std::string worker_argument(const std::string& pool, const pool_spec& spec);
/// The encoded arguments of a pool's initializer. Throws `std::invalid_argument` for texts that are none.
bytes initializer_args(const task_entry& initializer, std::span<const std::string> texts);

/// The child main itself. Does not return while the pool wants the worker.
int run_pool_worker(const process::child_context& context);

/// In a worker process whose pool has an actor link: its descriptor, 5. Everywhere else -1.
int worker_actor_link_fd() noexcept;

}  // namespace steward::pooling
