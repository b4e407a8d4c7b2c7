#pragma once

#include "steward/actor.hpp"
#include "steward/caller.hpp"
#include "steward/task.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace steward {

namespace detail {

/// The actor system in which a task finds actors: the program's own on a pool of threads, one of the worker's own in a
/// worker process (made at the first use). Throws actor_error when there is none.
caf::actor_system& task_system();
/// The actor that a pool's `actors` setting calls `name`. Throws actor_error.
caf::actor find_task_actor(const task_context& context, std::string_view name);

}  // namespace detail

/// Asks an actor of the tree from within a task, on a thread or in a worker process alike, and waits for the answer.
///
/// `name` is one of the names under `actors` of the task's pool; throws actor_error where it is none. Blocks the worker
/// for at most `limit`. The errors are those of `caller::request`; `value()` throws them as actor_error, which is then
/// what the task has failed of. The actor may have handled the message even then: messages are delivered at most once,
/// and answers can be late.
///
///     auto n = steward::ask<std::int64_t>(context, "words", 5s, caf::add_atom::value, key, amount).value();
template <class R, class... Ts>
answer<R> ask(const task_context& context, std::string_view name, milliseconds limit, Ts&&... message) {
  const auto target = detail::find_task_actor(context, name);
  auto out = caller{detail::task_system()}.request<R>(target, limit, std::forward<Ts>(message)...);
  return out ? std::move(out) : answer<R>{out.error(), "actor '" + std::string{name} + "'"};
}

/// Sends an actor of the tree a message from within a task, and waits for nothing. Throws actor_error for a name that
/// is none of the pool's. A worker that dies at once may take the message with it.
template <class... Ts>
void tell(const task_context& context, std::string_view name, Ts&&... message) {
  port::send_anonymously(detail::find_task_actor(context, name), std::forward<Ts>(message)...);
}

}  // namespace steward
