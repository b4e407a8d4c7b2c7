#pragma once

#include <future>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Included by pool.hpp; the typed faces of `pool`.
namespace steward {

namespace detail {

/// The arguments of one call, from one element of an input range: the argument itself, or a tuple of them.
template <class... Args, class T>
bytes encode_input(const T& input) {
  bytes out;
  if constexpr (sizeof...(Args) == 1 && (std::is_convertible_v<const T&, Args> && ...)) {
    (codec<Args>::encode(out, static_cast<Args>(input)), ...);
  } else {
    codec<std::tuple<Args...>>::encode(out, std::tuple<Args...>(input));
  }
  return out;
}

/// A result that cannot be decoded fails its own task and no other.
template <class T>
outcome<T> decode_outcome(outcome<bytes> raw) {
  if (!raw.ok()) return outcome<T>(raw.error());
  const double ran_ms = raw.ran_ms();
  try {
    return outcome<T>(decode_all<T>(std::move(raw).value()), ran_ms);
  } catch (const decode_error&) {
    task_error error;
    error.why = cause_of(std::current_exception());
    return outcome<T>(std::move(error));
  }
}

/// Outcomes that come in any order, put in the order of their inputs.
template <class T>
class ordered_outcomes {
public:
  void put(std::size_t index, outcome<T> result) {
    if (index >= slots_.size()) slots_.resize(index + 1);
    slots_[index].emplace(std::move(result));
  }
  std::vector<outcome<T>> take() {
    std::vector<outcome<T>> out;
    out.reserve(slots_.size());
    for (auto& slot : slots_) out.push_back(std::move(*slot));
    return out;
  }
  /// The values. Throws `task_failed` for the first input without one.
  std::vector<T> take_values() {
    std::vector<T> out;
    out.reserve(slots_.size());
    for (auto& slot : slots_) out.push_back(std::move(*slot).value());
    return out;
  }

private:
  std::vector<std::optional<outcome<T>>> slots_;
};

template <class T>
struct is_task : std::false_type {};
template <class R, class... Args>
struct is_task<task<R, Args...>> : std::true_type {};

}  // namespace detail

/// What `process_pool` and `thread_pool` share: registered tasks with their types. Inputs of a task with one argument
/// are values of that argument; with several, tuples of them. Thread-safe as `pool`; every function but `submit`
/// blocks.
class typed_pool {
public:
  /// Runs the task on each element. Throws `task_failed` for the first input, in order, that has no value; the others
  /// have run all the same.
  template <class R, class... Args, std::ranges::input_range Range>
  std::vector<detail::stored_result<R>> map(task<R, Args...> what, Range&& inputs) {
    return collect<detail::stored_result<R>>(generate(what, inputs)).take_values();
  }

  /// All outcomes, in the order of the inputs. Does not throw for tasks that fail.
  template <class R, class... Args, std::ranges::input_range Range>
  std::vector<outcome<detail::stored_result<R>>> map_outcomes(task<R, Args...> what, Range&& inputs) {
    return collect<detail::stored_result<R>>(generate(what, inputs)).take();
  }

  /// Calls `f(index, outcome)` on this thread for each task as it ends.
  template <class R, class... Args, std::ranges::input_range Range, class F>
  void for_each_outcome(task<R, Args...> what, Range&& inputs, F&& f) {
    engine_.run_all(
        generate(what, inputs),
        [&f](std::size_t i, outcome<bytes> raw) {
          f(i, detail::decode_outcome<detail::stored_result<R>>(std::move(raw)));
        },
        true);
  }

  /// One task. The future always gets an outcome; `get` does not throw for a task that fails.
  template <class R, class... Args>
  std::future<outcome<detail::stored_result<R>>> submit(task<R, Args...> what, std::type_identity_t<Args>... args) {
    using result = outcome<detail::stored_result<R>>;
    bytes encoded;
    encode_all(encoded, args...);
    auto promise = std::make_shared<std::promise<result>>();
    auto future = promise->get_future();
    engine_.submit(*what.entry, std::move(encoded), [promise](outcome<bytes> raw) {
      promise->set_value(detail::decode_outcome<detail::stored_result<R>>(std::move(raw)));
    });
    return future;
  }

  std::optional<cause> start() { return engine_.start(); }
  void stop(bool drain = true) { engine_.stop(drain); }
  pool_stats stats() const { return engine_.stats(); }
  /// The pool without its types.
  pool& untyped() noexcept { return engine_; }

protected:
  typed_pool(pool_environment environment, std::string name, pool_spec spec)
      : engine_(std::move(environment), std::move(name), std::move(spec)) {}
  ~typed_pool() = default;

  template <class T>
  detail::ordered_outcomes<T> collect(const std::function<bool(detail::pool_work&)>& next) {
    detail::ordered_outcomes<T> out;
    engine_.run_all(
        next, [&out](std::size_t i, outcome<bytes> raw) { out.put(i, detail::decode_outcome<T>(std::move(raw))); },
        false);
    return out;
  }

  pool engine_;

private:
  template <class R, class... Args, class Range>
  static auto generate(task<R, Args...> what, Range& inputs) {
    return [entry = what.entry, at = std::ranges::begin(inputs),
            end = std::ranges::end(inputs)](detail::pool_work& work) mutable {
      if (at == end) return false;
      work.entry = entry;
      work.args = detail::encode_input<Args...>(*at);
      ++at;
      return true;
    };
  }
};

/// A pool of worker processes: a task may crash, leak or hang without harm to anything but its own process.
/// `spec.runs_in` is set to processes.
class process_pool : public typed_pool {
public:
  process_pool(pool_environment environment, std::string name, pool_spec spec)
      : typed_pool(std::move(environment), std::move(name), (spec.runs_in = rung::process, std::move(spec))) {}
};

/// A pool of threads: nothing is copied and a call costs about a microsecond, but a segfault ends the program.
/// Runs callables, too, with their arguments and results as they are. `spec.runs_in` is set to threads.
class thread_pool : public typed_pool {
public:
  thread_pool(pool_environment environment, std::string name, pool_spec spec)
      : typed_pool(std::move(environment), std::move(name), (spec.runs_in = rung::thread, std::move(spec))) {}

  using typed_pool::map;
  using typed_pool::submit;

  /// Runs `f(args...)`. It may run again after an abandoned thread, so it gets its arguments as const.
  template <class F, class... Args>
  requires(!detail::is_task<std::remove_cvref_t<F>>::value) auto submit(F&& f, Args&&... args) {
    using result = detail::stored_result<std::invoke_result_t<const std::decay_t<F>&, const std::decay_t<Args>&...>>;
    auto call = std::make_shared<callable<result>>();
    auto promise = std::make_shared<std::promise<outcome<result>>>();
    auto future = promise->get_future();
    detail::pool_work work;
    work.body = [call, f = std::decay_t<F>(std::forward<F>(f)),
                 packed = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)](const task_context&) {
      call->keep([&] { return std::apply(f, packed); });
    };
    engine_.submit_work(std::move(work),
                        [call, promise](outcome<bytes> raw) { promise->set_value(call->take(std::move(raw))); });
    return future;
  }

  /// Runs `f(element)` for each element. Throws `task_failed` for the first input without a value.
  template <class F, std::ranges::input_range Range>
  requires(!detail::is_task<std::remove_cvref_t<F>>::value) auto map(F f, Range&& inputs) {
    using input = std::ranges::range_value_t<Range>;
    using result = detail::stored_result<std::invoke_result_t<const F&, const input&>>;
    std::vector<std::shared_ptr<callable<result>>> calls;
    detail::ordered_outcomes<result> out;
    auto at = std::ranges::begin(inputs);
    const auto end = std::ranges::end(inputs);
    engine_.run_all(
        [&](detail::pool_work& work) {
          if (at == end) return false;
          calls.push_back(std::make_shared<callable<result>>());
          work.body = [call = calls.back(), f, x = input(*at)](const task_context&) {
            call->keep([&] { return f(x); });
          };
          ++at;
          return true;
        },
        [&](std::size_t i, outcome<bytes> raw) { out.put(i, calls[i]->take(std::move(raw))); }, false);
    return out.take_values();
  }

private:
  /// Keeps the result of a callable until its outcome arrives, in the memory of both threads.
  template <class T>
  class callable {
  public:
    template <class F>
    void keep(F run) {
      if constexpr (std::is_void_v<decltype(run())>) {
        run();
        value_.emplace();
      } else {
        value_.emplace(run());
      }
    }
    outcome<T> take(outcome<bytes> raw) {
      if (!raw.ok()) return outcome<T>(raw.error());
      return outcome<T>(std::move(*value_), raw.ran_ms());
    }

  private:
    std::optional<T> value_;
  };
};

}  // namespace steward
