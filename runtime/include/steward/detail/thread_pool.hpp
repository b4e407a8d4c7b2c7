#pragma once

#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

// Included by pool.hpp: the two kinds of pools.
namespace steward {

namespace detail {

template <class F>
concept no_task = !is_task<std::remove_cvref_t<F>>::value;
template <class>
inline constexpr bool never = false;

}  // namespace detail

/// A pool of worker processes: a task may crash, leak or hang without harm to anything but its own process.
/// `spec.runs_in` is set to processes.
class process_pool : public typed_pool {
public:
  process_pool(pool_environment environment, std::string name, pool_spec spec)
      : typed_pool(std::move(environment), std::move(name), (spec.runs_in = rung::process, std::move(spec))) {}

  using typed_pool::map;
  using typed_pool::submit;

  /// Not on processes.
  template <detail::no_task F, class... Args>
  task_future<unit> submit(F&&, Args&&...) {
    cannot_travel<F>();
    return {};
  }
  template <detail::no_task F, class... Args>
  std::vector<unit> map(F&&, Args&&...) {
    cannot_travel<F>();
    return {};
  }

private:
  template <class F>
  static void cannot_travel() {
    static_assert(detail::never<F>,
                  "a callable cannot travel to a worker process: register it, "
                  "`auto t = app.task(\"name\", function)`, and hand over `t`; or use a thread_pool");
  }
};

/// A pool of a tree, whatever its workers are; see `supervisor::pool`. It keeps the pool, but not its workers: when
/// that pool is over, since the tree has ended or its supervisor has started another one in its place, tasks are
/// rejected.
class tree_pool : public typed_pool {
public:
  explicit tree_pool(std::shared_ptr<steward::pool> of) : typed_pool(std::move(of)) {}
};

/// A pool of threads: nothing is copied and a call costs well below a microsecond, but a segfault ends the program, and
/// a thread that hangs cannot be ended. Runs callables, too, with their arguments and results as they are, whatever
/// their types; nothing is encoded. `spec.runs_in` is set to threads.
///
/// A callable may take `const task_context&` before its arguments. That of a map is called as const, and by many
/// threads at a time.
class thread_pool : public typed_pool {
public:
  thread_pool(pool_environment environment, std::string name, pool_spec spec)
      : typed_pool(std::move(environment), std::move(name), (spec.runs_in = rung::thread, std::move(spec))) {}

  using typed_pool::as_completed;
  using typed_pool::for_each_outcome;
  using typed_pool::imap;
  using typed_pool::map;
  using typed_pool::map_async;
  using typed_pool::map_outcomes;
  using typed_pool::map_outcomes_async;
  using typed_pool::map_unordered;
  using typed_pool::submit;
  using typed_pool::submit_with;

  /// Runs `f(args...)`. It may run again after its thread was ended, so it gets its arguments as const. Where it cannot
  /// be called so, because it is `mutable` or takes an argument that can only be moved, it gets them moved, and runs at
  /// most once, whatever the attempts.
  template <detail::no_task F, class... Args>
  auto submit(F&& f, Args&&... args) {
    return submit_with({}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  template <detail::no_task F, class... Args>
  auto submit_with(submit_options options, F&& f, Args&&... args) {
    using call = detail::kept_call<std::decay_t<F>, std::decay_t<Args>...>;
    using result = typename call::result;
    auto state = std::make_shared<detail::call_state<result, std::decay_t<F>, std::decay_t<Args>...>>(
        std::forward<F>(f), std::forward<Args>(args)...);
    detail::pool_work work;
    detail::set_options(work, std::move(options));
    if (!call::repeats) work.attempts = 1;
    work.body = state;
    work.end = state;
    auto handle = engine_.submit_work(std::move(work));
    return task_future<result>(engine_, std::move(state), kept(std::move(handle)));
  }

  // The calls of `typed_pool` for `f(element)`.

  template <detail::no_task F, std::ranges::input_range Range>
  auto map(F f, Range&& inputs, map_options options = {}) {
    auto call = detail::copyable(std::move(f));
    using result = detail::mapped<decltype(call), std::remove_reference_t<Range>>;
    return values_of<result>(detail::prepare_call(std::move(call), inputs), std::move(options));
  }
  template <detail::no_task F, std::ranges::input_range Range>
  auto map_async(F f, Range inputs, map_options options = {}) {
    const auto prepare = detail::preparing<Range>(std::move(f));
    return async_of(std::move(inputs), prepare, &thread_pool::values_of<detail::mapped_by<F, Range>>,
                    std::move(options));
  }
  template <detail::no_task F, std::ranges::input_range Range>
  auto map_outcomes_async(F f, Range inputs, map_options options = {}) {
    const auto prepare = detail::preparing<Range>(std::move(f));
    return async_of(std::move(inputs), prepare, &thread_pool::outcomes_of<detail::mapped_by<F, Range>>,
                    std::move(options));
  }
  template <detail::no_task F, std::ranges::input_range Range>
  [[nodiscard]] auto map_outcomes(F f, Range&& inputs, map_options options = {}) {
    auto call = detail::copyable(std::move(f));
    using result = detail::mapped<decltype(call), std::remove_reference_t<Range>>;
    return outcomes_of<result>(detail::prepare_call(std::move(call), inputs), std::move(options));
  }
  template <detail::no_task F, std::ranges::input_range Range>
  auto map_unordered(F f, Range&& inputs, map_options options = {}) {
    auto call = detail::copyable(std::move(f));
    using result = detail::mapped<decltype(call), std::remove_reference_t<Range>>;
    return unordered_of<result>(detail::prepare_call(std::move(call), inputs), std::move(options));
  }
  template <detail::no_task F, std::ranges::input_range Range, class Each>
  void for_each_outcome(F f, Range&& inputs, Each&& each, map_options options = {}) {
    auto call = detail::copyable(std::move(f));
    using result = detail::mapped<decltype(call), std::remove_reference_t<Range>>;
    each_of<result>(detail::prepare_call(std::move(call), inputs), each, std::move(options));
  }
  template <detail::no_task F, std::ranges::input_range Range>
  [[nodiscard]] auto as_completed(F f, Range& inputs, map_options options = {}) {
    auto call = detail::copyable(std::move(f));
    using result = detail::mapped<decltype(call), Range>;
    return completion_stream<result>(engine_, detail::prepare_call(std::move(call), inputs), std::move(options),
                                     shared_);
  }
  template <detail::no_task F, std::ranges::input_range Range>
  [[nodiscard]] auto imap(F f, Range& inputs, map_options options = {}) {
    auto call = detail::copyable(std::move(f));
    using result = detail::mapped<decltype(call), Range>;
    return ordered_stream<result>(engine_, detail::prepare_call(std::move(call), inputs), std::move(options), shared_);
  }
};

}  // namespace steward
