#pragma once

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Included by pool.hpp: the typed faces of `pool`.
namespace steward {

/// What `process_pool` and `thread_pool` share: registered tasks with their types. Inputs of a task with one argument
/// are values of that argument; with several, tuples of them (starmap). Inputs are read as they are needed, so a
/// generator may be endless where the outcomes are taken one by one. Thread-safe as `pool`; every function blocks but
/// `submit`, `map_async`, `map_outcomes_async`, `as_completed` and `imap`.
///
/// How it is built: each call makes a `prepared_map` of what is to be run and of its inputs, and one of the functions
/// ending in `_of` gathers what becomes of it. `thread_pool` has the same calls for callables, on the same functions.
class typed_pool {
public:
  /// Runs the task on each element. Throws `task_failed` for the first input, in order, that has no value; the others
  /// have run all the same, unless `options.on_failure` says otherwise.
  template <class R, class... Args, std::ranges::input_range Range>
  std::vector<detail::stored_result<R>> map(task<R, Args...> what, Range&& inputs, map_options options = {}) {
    return values_of<detail::stored_result<R>>(detail::prepare(what, inputs), std::move(options));
  }

  /// The same, without waiting: the future of all values, or of the error of the first input without one. The inputs
  /// are kept, so hand them over by a move; a thread of its own waits for the map. `cancel` ends it as `options.stop`
  /// does. Throws std::system_error where there is no thread.
  template <class R, class... Args, std::ranges::input_range Range>
  task_future<std::vector<detail::stored_result<R>>> map_async(task<R, Args...> what, Range inputs,
                                                               map_options options = {}) {
    const auto prepare = [what](Range& from) { return detail::prepare(what, from); };
    return async_of(std::move(inputs), prepare, &typed_pool::values_of<detail::stored_result<R>>, std::move(options));
  }
  /// The same of all outcomes, as `map_outcomes` has them: an error only where the inputs throw.
  template <class R, class... Args, std::ranges::input_range Range>
  task_future<std::vector<outcome<detail::stored_result<R>>>> map_outcomes_async(task<R, Args...> what, Range inputs,
                                                                                 map_options options = {}) {
    const auto prepare = [what](Range& from) { return detail::prepare(what, from); };
    return async_of(std::move(inputs), prepare, &typed_pool::outcomes_of<detail::stored_result<R>>, std::move(options));
  }

  /// All outcomes, in the order of the inputs. Does not throw for tasks that fail. Of a map that ended early those that
  /// were not read are cancelled; where the range does not tell its size there is no outcome for them.
  template <class R, class... Args, std::ranges::input_range Range>
  [[nodiscard]] std::vector<outcome<detail::stored_result<R>>> map_outcomes(task<R, Args...> what, Range&& inputs,
                                                                            map_options options = {}) {
    return outcomes_of<detail::stored_result<R>>(detail::prepare(what, inputs), std::move(options));
  }

  /// The values in the order in which they come. Throws `task_failed` for the first that fails, once all have ended.
  template <class R, class... Args, std::ranges::input_range Range>
  std::vector<detail::stored_result<R>> map_unordered(task<R, Args...> what, Range&& inputs, map_options options = {}) {
    return unordered_of<detail::stored_result<R>>(detail::prepare(what, inputs), std::move(options));
  }

  /// Calls `f(index, outcome)` on this thread for each task as it ends.
  template <class R, class... Args, std::ranges::input_range Range, class F>
  void for_each_outcome(task<R, Args...> what, Range&& inputs, F&& f, map_options options = {}) {
    each_of<detail::stored_result<R>>(detail::prepare(what, inputs), f, std::move(options));
  }

  /// The outcomes as they come, with their numbers. The range must outlive the stream.
  template <class R, class... Args, std::ranges::input_range Range>
  [[nodiscard]] completion_stream<detail::stored_result<R>> as_completed(task<R, Args...> what, Range& inputs,
                                                                         map_options options = {}) {
    return {engine_, detail::prepare(what, inputs), std::move(options), shared_};
  }

  /// The outcomes in the order of the inputs, each as soon as it and those before it are there. No more than
  /// `options.window` inputs are read ahead. The range must outlive the stream.
  template <class R, class... Args, std::ranges::input_range Range>
  [[nodiscard]] ordered_stream<detail::stored_result<R>> imap(task<R, Args...> what, Range& inputs,
                                                              map_options options = {}) {
    return {engine_, detail::prepare(what, inputs), std::move(options), shared_};
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
    auto state = std::make_shared<detail::entry_state<result>>(*what.entry);
    detail::pool_work work;
    work.entry = what.entry;
    detail::set_options(work, std::move(options));
    try {
      if constexpr ((travels<Args> && ...)) encode_all(work.args, args...);
    } catch (...) {
      // What a user's codec throws, whatever it is, is the error of this task.
      state->put(outcome<result>(detail::local_error(*what.entry, std::current_exception(), work_state::not_started)));
      return {engine_, std::move(state), kept(nullptr)};
    }
    work.end = state;
    auto handle = engine_.submit_work(std::move(work));
    return {engine_, std::move(state), kept(std::move(handle))};
  }

  [[nodiscard]] std::optional<cause> start() { return engine_.start(); }
  void stop(bool drain = true) { engine_.stop(drain); }
  /// Between `min` and `max` workers from now on.
  void resize(unsigned min, unsigned max) { engine_.resize(min, max); }
  void resize(unsigned workers) { engine_.resize(workers); }
  [[nodiscard]] pool_stats stats() const { return engine_.stats(); }
  /// The pool without its types.
  [[nodiscard]] pool& untyped() noexcept { return engine_; }

protected:
  typed_pool(pool_environment environment, std::string name, pool_spec spec)
      : own_(std::make_unique<pool>(std::move(environment), std::move(name), std::move(spec))), engine_(*own_) {}
  /// A face of a pool that somebody else owns, too.
  explicit typed_pool(std::shared_ptr<pool> engine) : shared_(std::move(engine)), engine_(*shared_) {}
  typed_pool(const typed_pool&) = delete;
  typed_pool& operator=(const typed_pool&) = delete;
  /// Maps that others wait for end with the pool.
  ~typed_pool() {
    if (maps_.any()) {
      if (own_) engine_.stop_async(false, [] {});
      leaving_.request_stop();
    }
    maps_.join();
  }

  /// The handle of a task, which keeps a pool that is shared alive.
  std::shared_ptr<void> kept(std::shared_ptr<void> handle) const {
    if (!shared_) return handle;
    auto* task = handle.get();
    return {std::make_shared<std::pair<std::shared_ptr<pool>, std::shared_ptr<void>>>(shared_, std::move(handle)),
            task};
  }

  /// False when it was cancelled before all inputs were read.
  template <class T, class OnValue, class OnError>
  bool run(detail::prepared_map what, map_options options, bool prompt, OnValue&& value, OnError&& error) {
    detail::map_run going(engine_, std::move(what.next), std::move(options), what.total, prompt);
    std::vector<detail::map_piece> pieces;
    while (going.take(pieces)) {
      for (auto& piece : pieces) detail::unpack<T>(piece, what.entry, value, error);
    }
    return !going.is_cut_short();
  }

  /// What a call that wants all values does without one.
  static void require_all(const std::optional<task_error>& first, bool all_read, const task_entry* entry) {
    if (first) throw task_failed(*first);
    if (!all_read) throw task_failed(detail::unread_error(entry));
  }

  template <class T>
  std::vector<outcome<T>> outcomes_of(detail::prepared_map what, map_options options) {
    std::vector<std::optional<outcome<T>>> slots;
    const auto slot = [&slots](std::size_t i) -> auto& {
      if (i >= slots.size()) slots.resize(i + 1);
      return slots[i];
    };
    run<T>(
        what, std::move(options), false,
        [&](std::size_t i, T&& value, double ran_ms) { slot(i).emplace(std::move(value), ran_ms); },
        [&](std::size_t i, task_error error) { slot(i).emplace(std::move(error)); });
    std::vector<outcome<T>> out;
    out.reserve(slots.size());
    for (auto& one : slots) out.push_back(std::move(*one));
    while (what.total && out.size() < *what.total) out.emplace_back(detail::unread_error(what.entry));
    return out;
  }

  template <class T>
  std::vector<T> unordered_of(detail::prepared_map what, map_options options) {
    std::vector<T> out;
    std::optional<task_error> first;
    const auto* entry = what.entry;
    const bool all = run<T>(
        std::move(what), std::move(options), true,
        [&](std::size_t, T&& value, double) { out.push_back(std::move(value)); },
        [&](std::size_t, task_error error) {
          if (!first || first->kind == outcome_kind::cancelled) first = std::move(error);
        });
    require_all(first, all, entry);
    return out;
  }

  template <class T, class F>
  void each_of(detail::prepared_map what, F& f, map_options options) {
    run<T>(
        std::move(what), std::move(options), true,
        [&](std::size_t i, T&& value, double ran_ms) { f(i, outcome<T>(std::move(value), ran_ms)); },
        [&](std::size_t i, task_error error) { f(i, outcome<T>(std::move(error))); });
  }

  /// What one of the functions ending in `_of` gathers, on a thread of its own.
  template <class all, class Range, class Prepare>
  task_future<all> async_of(Range inputs, Prepare prepare, all (typed_pool::*gather)(detail::prepared_map, map_options),
                            map_options options) {
    auto state = std::make_shared<detail::future_state<all>>();
    auto end = std::make_shared<std::stop_source>();
    auto from = std::make_shared<Range>(std::move(inputs));
    maps_.run([this, state, end, from, prepare, gather, options = std::move(options)]() mutable {
      const std::stop_callback also(options.stop, [&end] { end->request_stop(); });
      const std::stop_callback leaves(leaving_.get_token(), [&end] { end->request_stop(); });
      options.stop = end->get_token();
      try {
        state->put(outcome<all>((this->*gather)(prepare(*from), std::move(options)), 0.0));
      } catch (const task_failed& failed) {
        state->put(outcome<all>(failed.error()));
      } catch (...) {
        // What the user's range throws, whatever it is, is the error of the map.
        task_error error;
        error.task = "map";
        error.why = cause_of(std::current_exception());
        error.why.original = std::current_exception();
        state->put(outcome<all>(std::move(error)));
      }
    });
    auto cancel = std::make_shared<const std::function<void()>>([end] { end->request_stop(); });
    return {engine_, std::move(state), kept(nullptr), std::move(cancel)};
  }

  /// All values in order, or `task_failed` for the first input without one.
  template <class T>
  std::vector<T> values_of(detail::prepared_map what, map_options options) {
    std::optional<task_error> first;
    std::size_t first_at = 0;
    const auto failed = [&](std::size_t i, task_error error) {
      // With `first_error` the others are cancelled: the one that failed by itself is the one to tell.
      const bool cancelled = error.kind == outcome_kind::cancelled;
      if (first && (cancelled == (first->kind == outcome_kind::cancelled) ? first_at < i : cancelled)) return;
      first = std::move(error);
      first_at = i;
    };
    const auto total = what.total;
    const auto* entry = what.entry;
    if constexpr (detail::copied_at_once<T>) {
      std::vector<T> out;
      out.reserve(total.value_or(0));
      detail::prefer_large_pages(out.data(), out.capacity() * sizeof(T));
      const bool all = gather_plain(out, std::move(what), std::move(options), failed);
      require_all(first, all, entry);
      return out;
    } else if constexpr (std::is_default_constructible_v<T> && !std::is_same_v<T, bool>) {
      std::vector<T> out(total.value_or(0));
      const bool all = run<T>(
          std::move(what), std::move(options), false,
          [&](std::size_t i, T&& value, double) {
            if (i >= out.size()) out.resize(i + 1);
            out[i] = std::move(value);
          },
          failed);
      require_all(first, all, entry);
      return out;
    } else {
      std::vector<std::optional<T>> slots;
      const bool all = run<T>(
          std::move(what), std::move(options), false,
          [&](std::size_t i, T&& value, double) {
            if (i >= slots.size()) slots.resize(i + 1);
            slots[i].emplace(std::move(value));
          },
          failed);
      require_all(first, all, entry);
      std::vector<T> out;
      out.reserve(slots.size());
      for (auto& slot : slots) out.push_back(std::move(*slot));
      return out;
    }
  }

  std::unique_ptr<pool> own_;
  std::shared_ptr<pool> shared_;  // where the pool is not our own
  pool& engine_;

private:
  /// As `run`, where values are copied piece by piece; those of a failed input have any value.
  template <class T, class OnError>
  bool gather_plain(std::vector<T>& out, detail::prepared_map what, map_options options, OnError&& error) {
    detail::map_run going(engine_, std::move(what.next), std::move(options), what.total, false);
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
              piece, what.entry, [&](std::size_t i, T&& value, double) { detail::put_values(out, i, &value, 1); },
              error);
        }
      }
    }
    return !going.is_cut_short();
  }

  std::stop_source leaving_;  // for maps that are on their way when the face of a shared pool goes
  detail::async_maps maps_;
};

}  // namespace steward
