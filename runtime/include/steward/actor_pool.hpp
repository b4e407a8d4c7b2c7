#pragma once

#include "steward/actor.hpp"
#include "steward/detail/late_reply.hpp"
#include "steward/detail/no_waiting.hpp"
#include "steward/detail/pool_places.hpp"
#include "steward/pool.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace caf {

/// So that a result of a pool can be told as a message, within the program.
template <class T>
struct allowed_unsafe_message_type<steward::outcome<T>> : std::true_type {};

}  // namespace caf

namespace steward {

/// The result of a pool, to come, for the incarnation of an actor that has asked for it. Say at once, in the same
/// handler, what is to become of it: `then` or `tell`. When the incarnation has ended by then, it is dropped.
template <class T>
class [[nodiscard]] pool_reply {
public:
  pool_reply(self_ptr self, port::late_reply reply) : self_(self), reply_(reply) {}

  /// Calls `f`, on the actor, with the outcome. What it throws is a crash, as that of a handler.
  template <class F>
  requires std::is_invocable_v<F&, outcome<T>>
  void then(F f) && { on_outcome(std::move(f)); }
  /// Calls `f` with the value or `on_error` with the error.
  template <class F, class E>
  requires std::is_invocable_v<F&, T> && std::is_invocable_v<E&, const task_error&>
  void then(F f, E on_error) && {
    on_outcome([f = std::move(f), on_error = std::move(on_error)](outcome<T> x) mutable {
      if (x.ok())
        f(std::move(x).value());
      else
        on_error(x.error());
    });
  }
  /// Sends the actor a message with the outcome, behind what waits by then: `[](const outcome<T>& x) {...}`.
  void tell() && {
    static_assert(std::is_copy_constructible_v<T>, "a message must be copyable: take the result by `then`");
    on_outcome([self = self_](outcome<T> x) { steward::tell(self, handle_of(self), std::move(x)); });
  }

private:
  template <class F>
  void on_outcome(F f) {
    auto kept = std::make_shared<F>(std::move(f));
    reply_.handle([kept](void* content) { (*kept)(std::move(*static_cast<outcome<T>*>(content))); });
  }

  self_ptr self_;
  port::late_reply reply_;
};

/// A pool of the tree, for one incarnation of an actor: from `actor_args::pool`, for a parameter of type `pool`.
///
///     squares_.submit(square, 7).then([this](const outcome<int>& x) { ... });
///     squares_.map(square, std::move(inputs)).then([this](std::vector<int> x) { ... }, [](const task_error&) { ... });
///
/// Nothing here waits: where the pool's queue is full, a task is rejected, whatever its `on_full` says. The pool is
/// looked up at each call, so the handle survives its restarts; while there is none, tasks are rejected. What an
/// incarnation has begun goes on when that ends, and nobody hears of it: hand over a stop token to end it. Copyable.
/// For handlers, constructor and `make_behavior` of the actor it was given to.
class actor_pool {
public:
  actor_pool() = default;
  actor_pool(self_ptr self, detail::pool_finder* finder, std::string path)
      : self_(self), finder_(finder), path_(std::move(path)) {}

  /// One task.
  template <class R, class... Args>
  pool_reply<detail::stored_result<R>> submit(task<R, Args...> what, std::type_identity_t<Args>... args) const {
    return submit_with({}, what, std::move(args)...);
  }
  template <class R, class... Args>
  pool_reply<detail::stored_result<R>> submit_with(submit_options options, task<R, Args...> what,
                                                   std::type_identity_t<Args>... args) const {
    using result = detail::stored_result<R>;
    return begin<result>(*what.entry, [&](const std::shared_ptr<tree_pool>& on, auto deliver) {
      on->submit_with(std::move(options), what, std::move(args)...).then(std::move(deliver));
    });
  }

  /// Runs the task on each input: all values, in order, or the error of the first input without one. The inputs are
  /// kept; a thread of its own reads them, and waits. Throws std::system_error where there is no thread.
  template <class R, class... Args, std::ranges::input_range Range>
  pool_reply<std::vector<detail::stored_result<R>>> map(task<R, Args...> what, Range inputs,
                                                        map_options options = {}) const {
    return begin_map<std::vector<detail::stored_result<R>>>(
        *what.entry, [&](tree_pool& on) { return on.map_async(what, std::move(inputs), std::move(options)); });
  }
  /// The same with all outcomes, each its own value or error: `.then([](std::vector<outcome<int>> all) {...},
  /// on_error)`, with an error only where there is no pool or the inputs throw.
  template <class R, class... Args, std::ranges::input_range Range>
  pool_reply<std::vector<outcome<detail::stored_result<R>>>> map_outcomes(task<R, Args...> what, Range inputs,
                                                                          map_options options = {}) const {
    return begin_map<std::vector<outcome<detail::stored_result<R>>>>(
        *what.entry, [&](tree_pool& on) { return on.map_outcomes_async(what, std::move(inputs), std::move(options)); });
  }

  /// Its path; empty for a handle that stands for no pool.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
  template <class T, class Start>
  pool_reply<T> begin_map(const task_entry& entry, Start start) const {
    return begin<T>(entry, [&](const std::shared_ptr<tree_pool>& on, auto deliver) {
      auto over = std::make_shared<std::atomic<bool>>(false);
      start(*on).then([deliver, over](outcome<T> x) {
        deliver(std::move(x));
        *over = true;
      });
      finder_->keep(on, std::move(over));
    });
  }

  template <class T, class Start>
  pool_reply<T> begin(const task_entry& entry, Start start) const {
    const port::late_reply reply{self_};
    const auto found = finder_->pool_at(path_);
    if (!found) {
      task_error error;
      error.kind = outcome_kind::rejected;
      error.work = work_state::not_started;
      error.task = entry.name;
      error.why.message = "there is no pool at " + path_;
      reply.where().deliver(std::make_shared<outcome<T>>(std::move(error)));
      return {self_, reply};
    }
    const detail::no_waiting here;
    start(std::make_shared<tree_pool>(found),
          [to = reply.where()](outcome<T> x) { to.deliver(std::make_shared<outcome<T>>(std::move(x))); });
    return {self_, reply};
  }

  self_ptr self_ = nullptr;
  detail::pool_finder* finder_ = nullptr;
  std::string path_;
};

}  // namespace steward
