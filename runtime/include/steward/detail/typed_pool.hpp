#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Included by pool.hpp: the typed faces of `pool`.
namespace steward {

/// What `process_pool` and `thread_pool` share: registered tasks with their types. Inputs of a task with one argument
/// are values of that argument; with several, tuples of them (starmap). Inputs are read as they are needed, so a
/// generator may be endless where the outcomes are taken one by one. Thread-safe as `pool`; every function but `submit`
/// and `as_completed` blocks.
class typed_pool {
public:
  /// Runs the task on each element. Throws `task_failed` for the first input, in order, that has no value; the others
  /// have run all the same, unless `options.on_failure` says otherwise.
  template <class R, class... Args, std::ranges::input_range Range>
  std::vector<detail::stored_result<R>> map(task<R, Args...> what, Range&& inputs, map_options options = {}) {
    return gather_values<detail::stored_result<R>>(what.entry, generate(what, inputs), std::move(options),
                                                   detail::size_of(inputs));
  }

  /// All outcomes, in the order of the inputs. Does not throw for tasks that fail. Of a map that ended early those that
  /// were not read are cancelled; where the range does not tell its size there is no outcome for them.
  template <class R, class... Args, std::ranges::input_range Range>
  std::vector<outcome<detail::stored_result<R>>> map_outcomes(task<R, Args...> what, Range&& inputs,
                                                              map_options options = {}) {
    using result = detail::stored_result<R>;
    const auto total = detail::size_of(inputs);
    std::vector<std::optional<outcome<result>>> slots;
    const auto slot = [&slots](std::size_t i) -> auto& {
      if (i >= slots.size()) slots.resize(i + 1);
      return slots[i];
    };
    run<result>(
        what.entry, generate(what, inputs), std::move(options), total, false,
        [&](std::size_t i, result&& value, double ran_ms) { slot(i).emplace(std::move(value), ran_ms); },
        [&](std::size_t i, task_error error) { slot(i).emplace(std::move(error)); });
    std::vector<outcome<result>> out;
    out.reserve(slots.size());
    for (auto& one : slots) out.push_back(std::move(*one));
    while (total && out.size() < *total) out.emplace_back(detail::unread_error(what.entry));
    return out;
  }

  /// The values in the order in which they come. Throws `task_failed` for the first that fails, once all have ended.
  template <class R, class... Args, std::ranges::input_range Range>
  std::vector<detail::stored_result<R>> map_unordered(task<R, Args...> what, Range&& inputs, map_options options = {}) {
    using result = detail::stored_result<R>;
    std::vector<result> out;
    std::optional<task_error> first;
    run<result>(
        what.entry, generate(what, inputs), std::move(options), detail::size_of(inputs), true,
        [&](std::size_t, result&& value, double) { out.push_back(std::move(value)); },
        [&](std::size_t, task_error error) {
          if (!first || first->kind == outcome_kind::cancelled) first = std::move(error);
        });
    if (first) throw task_failed(std::move(*first));
    return out;
  }

  /// Calls `f(index, outcome)` on this thread for each task as it ends.
  template <class R, class... Args, std::ranges::input_range Range, class F>
  void for_each_outcome(task<R, Args...> what, Range&& inputs, F&& f, map_options options = {}) {
    using result = detail::stored_result<R>;
    run<result>(
        what.entry, generate(what, inputs), std::move(options), detail::size_of(inputs), true,
        [&](std::size_t i, result&& value, double ran_ms) { f(i, outcome<result>(std::move(value), ran_ms)); },
        [&](std::size_t i, task_error error) { f(i, outcome<result>(std::move(error))); });
  }

  /// The outcomes as they come. The range must outlive the stream.
  template <class R, class... Args, std::ranges::input_range Range>
  completion_stream<detail::stored_result<R>> as_completed(task<R, Args...> what, Range& inputs,
                                                           map_options options = {}) {
    return {engine_, what.entry, generate(what, inputs), std::move(options), detail::size_of(inputs)};
  }

  /// One task. The future always gets an outcome; `get` does not throw for a task that fails.
  template <class R, class... Args>
  task_future<detail::stored_result<R>> submit(task<R, Args...> what, std::type_identity_t<Args>... args) {
    return submit_with({}, what, std::move(args)...);
  }
  template <class R, class... Args>
  task_future<detail::stored_result<R>> submit_with(submit_options options, task<R, Args...> what,
                                                    std::type_identity_t<Args>... args) {
    using result = detail::stored_result<R>;
    auto promise = std::make_shared<std::promise<outcome<result>>>();
    auto future = promise->get_future();
    detail::pool_work work;
    work.entry = what.entry;
    work.priority = options.priority;
    try {
      encode_all(work.args, args...);
    } catch (...) {
      // What a user's codec throws, whatever it is, is the error of this task.
      promise->set_value(
          outcome<result>(detail::local_error(*what.entry, std::current_exception(), work_state::not_started)));
      return {engine_, std::move(future), nullptr};
    }
    auto handle = engine_.submit_work(std::move(work), [promise, entry = what.entry](outcome<bytes> raw) {
      promise->set_value(detail::decode_outcome<result>(*entry, std::move(raw)));
    });
    return {engine_, std::move(future), std::move(handle)};
  }

  std::optional<cause> start() { return engine_.start(); }
  void stop(bool drain = true) { engine_.stop(drain); }
  /// Between `min` and `max` workers from now on.
  void resize(unsigned min, unsigned max) { engine_.resize(min, max); }
  void resize(unsigned workers) { engine_.resize(workers); }
  pool_stats stats() const { return engine_.stats(); }
  /// The pool without its types.
  pool& untyped() noexcept { return engine_; }

protected:
  typed_pool(pool_environment environment, std::string name, pool_spec spec)
      : engine_(std::move(environment), std::move(name), std::move(spec)) {}
  ~typed_pool() = default;

  template <class T, class OnValue, class OnError>
  void run(const task_entry* entry, detail::map_run::source next, map_options options, std::optional<std::size_t> total,
           bool prompt, OnValue&& value, OnError&& error) {
    detail::map_run going(engine_, std::move(next), std::move(options), total, prompt);
    std::vector<detail::map_piece> pieces;
    while (going.take(pieces)) {
      for (auto& piece : pieces) detail::unpack<T>(piece, entry, value, error);
    }
  }

  /// All values in order, or `task_failed` for the first input without one.
  template <class T>
  std::vector<T> gather_values(const task_entry* entry, detail::map_run::source next, map_options options,
                               std::optional<std::size_t> total) {
    std::optional<task_error> first;
    std::size_t first_at = 0;
    const auto failed = [&](std::size_t i, task_error error) {
      // With `first_error` the others are cancelled: the one that failed by itself is the one to tell.
      const bool cancelled = error.kind == outcome_kind::cancelled;
      if (first && (cancelled == (first->kind == outcome_kind::cancelled) ? first_at < i : cancelled)) return;
      first = std::move(error);
      first_at = i;
    };
    if constexpr (detail::copied_at_once<T>) {
      std::vector<T> out;
      out.reserve(total.value_or(0));
      detail::prefer_large_pages(out.data(), out.capacity() * sizeof(T));
      gather_plain(out, entry, std::move(next), std::move(options), total, failed);
      if (first) throw task_failed(std::move(*first));
      return out;
    } else if constexpr (std::is_default_constructible_v<T> && !std::is_same_v<T, bool>) {
      std::vector<T> out(total.value_or(0));
      run<T>(
          entry, std::move(next), std::move(options), total, false,
          [&](std::size_t i, T&& value, double) {
            if (i >= out.size()) out.resize(i + 1);
            out[i] = std::move(value);
          },
          failed);
      if (first) throw task_failed(std::move(*first));
      return out;
    } else {
      std::vector<std::optional<T>> slots;
      run<T>(
          entry, std::move(next), std::move(options), total, false,
          [&](std::size_t i, T&& value, double) {
            if (i >= slots.size()) slots.resize(i + 1);
            slots[i].emplace(std::move(value));
          },
          failed);
      if (first) throw task_failed(std::move(*first));
      std::vector<T> out;
      out.reserve(slots.size());
      for (auto& slot : slots) out.push_back(std::move(*slot));
      return out;
    }
  }

  pool engine_;

private:
  /// The same, where values are copied piece by piece; those of a failed input have any value.
  template <class T, class OnError>
  void gather_plain(std::vector<T>& out, const task_entry* entry, detail::map_run::source next, map_options options,
                    std::optional<std::size_t> total, OnError&& error) {
    detail::map_run going(engine_, std::move(next), std::move(options), total, false);
    std::vector<detail::map_piece> pieces;
    while (going.take(pieces)) {
      // Few and large ones in order, so that nearly all are appended.
      if (pieces.size() < 64)
        std::sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (auto& piece : pieces) {
        if (piece.error) {
          error(piece.first, std::move(*piece.error));
        } else if (const T* values = detail::values_of<T>(piece)) {
          detail::put_values(out, piece.first, values, piece.count);
        } else if constexpr (detail::plain<T>) {
          detail::put_bytes(out, piece.first, piece.results, piece.count);
        } else {
          detail::unpack<T>(
              piece, entry, [&](std::size_t i, T&& value, double) { detail::put_values(out, i, &value, 1); }, error);
        }
      }
    }
  }

  template <class R, class... Args, class Range>
  static detail::map_run::source generate(task<R, Args...> what, Range& inputs) {
    // Shared, because a std::function must be copyable and an input iterator need not be.
    struct reading {
      std::ranges::iterator_t<Range> at;
      std::ranges::sentinel_t<Range> end;
      std::shared_ptr<task_error> refused{};
    };
    auto from = std::make_shared<reading>(reading{std::ranges::begin(inputs), std::ranges::end(inputs)});
    return [entry = what.entry, from](detail::pool_work& work, std::size_t most) {
      constexpr auto size = detail::encoded_size<std::tuple<Args...>>::value;
      work.entry = entry;
      if (from->refused) {
        work.refused = std::exchange(from->refused, nullptr);
        return std::size_t{1};
      }
      std::size_t count = 0;
      if constexpr (detail::sent_at_once<Range, Args...>) {
        constexpr auto fit = (detail::chunk_bytes + size - 1) / size;
        count = std::min({most, fit, static_cast<std::size_t>(std::ranges::distance(from->at, from->end))});
        if (count > 0) {
          const auto* data = reinterpret_cast<const std::byte*>(std::to_address(from->at));
          work.args.assign(data, data + count * size);
        }
        from->at += static_cast<std::ranges::range_difference_t<Range>>(count);
        return count;
      }
      for (; count < most && work.args.size() < detail::chunk_bytes && from->at != from->end; ++from->at, ++count) {
        if constexpr (size != detail::variable_size) {
          if (count == 0) work.args.reserve(std::min(most * size, detail::chunk_bytes + size));
          detail::encode_input<Args...>(work.args, *from->at);
        } else {
          const auto start = work.args.size();
          try {
            // Behind its size, which is known afterwards.
            work.args.resize(start + sizeof(std::uint32_t));
            detail::encode_input<Args...>(work.args, *from->at);
          } catch (...) {
            // What a user's codec throws, whatever it is, is the error of this input. It goes alone.
            auto error = std::make_shared<task_error>(
                detail::local_error(*entry, std::current_exception(), work_state::not_started));
            work.args.resize(start);
            ++from->at;
            (count == 0 ? work.refused : from->refused) = std::move(error);
            return std::max<std::size_t>(1, count);
          }
          const auto item = static_cast<std::uint32_t>(work.args.size() - start - sizeof(std::uint32_t));
          std::memcpy(work.args.data() + start, &item, sizeof item);
        }
      }
      return count;
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

/// A pool of threads: nothing is copied and a call costs well below a microsecond, but a segfault ends the program, and
/// a thread that hangs cannot be ended. Runs callables, too, with their arguments and results as they are.
/// `spec.runs_in` is set to threads.
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
    auto handle = engine_.submit_work(
        std::move(work), [call, promise](outcome<bytes> raw) { promise->set_value(call->take(std::move(raw))); });
    return task_future<result>(engine_, std::move(future), std::move(handle));
  }

  /// Runs `f(element)` for each element. Throws `task_failed` for the first input without a value.
  template <class F, std::ranges::input_range Range>
  requires(!detail::is_task<std::remove_cvref_t<F>>::value) auto map(F f, Range&& inputs, map_options options = {}) {
    using input = std::ranges::range_value_t<Range>;
    using result = detail::stored_result<std::invoke_result_t<const F&, const input&>>;
    detail::body_source<F, std::remove_reference_t<Range>, result> source(f, inputs);
    return gather_values<result>(
        nullptr, [&](detail::pool_work& work, std::size_t most) { return source.next(work, most); }, std::move(options),
        detail::size_of(inputs));
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
      if (!raw.ok()) return outcome<T>(std::move(raw).take_error());
      return outcome<T>(std::move(*value_), raw.ran_ms());
    }

  private:
    std::optional<T> value_;
  };
};

}  // namespace steward
