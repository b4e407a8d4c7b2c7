#pragma once

#include "steward/actor.hpp"
#include "steward/task.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace steward {

/// Thrown when a task cannot reach an actor, or when the actor answers with an error.
class actor_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// The actor system in which a task finds actors: the program's own on a pool of threads, one of the worker's own in a
/// worker process (made at the first use). Throws actor_error when there is none.
caf::actor_system& task_system();
/// The actor that a pool's `actors` setting calls `name`. Throws actor_error.
caf::actor find_task_actor(const task_context& context, std::string_view name);

}  // namespace detail

/// Asks an actor of the tree from within a task, on a thread or in a worker process alike, and waits for the answer.
///
/// `name` is one of the names under `actors` of the task's pool. Blocks the worker for at most `limit`; throws
/// actor_error when the actor is not there, does not answer in time, or answers with an error. The actor may have
/// handled the message even then: messages are delivered at most once, and answers can be late.
///
///     auto n = steward::ask_actor<std::int64_t>(context, "words", 5s, caf::add_atom::value, key, amount);
template <class Result, class... Ts>
Result ask_actor(const task_context& context, std::string_view name, milliseconds limit, Ts&&... message) {
  const auto target = detail::find_task_actor(context, name);
  caf::scoped_actor self{detail::task_system()};
  std::optional<Result> answer;
  std::string problem;
  port::ask(self.ptr(), target, limit, std::forward<Ts>(message)...)
      .receive([&](Result& value) { answer = std::move(value); },
               [&](caf::error& error) { problem = describe(error); });
  if (!answer) throw actor_error("actor '" + std::string{name} + "' answered: " + problem);
  return std::move(*answer);
}

/// As `ask_actor`, for messages that are answered with nothing.
template <class... Ts>
void tell_actor(const task_context& context, std::string_view name, milliseconds limit, Ts&&... message) {
  const auto target = detail::find_task_actor(context, name);
  caf::scoped_actor self{detail::task_system()};
  std::string problem;
  bool answered = false;
  port::ask(self.ptr(), target, limit, std::forward<Ts>(message)...)
      .receive([&] { answered = true; }, [&](caf::error& error) { problem = describe(error); });
  if (!answered) throw actor_error("actor '" + std::string{name} + "' answered: " + problem);
}

}  // namespace steward
