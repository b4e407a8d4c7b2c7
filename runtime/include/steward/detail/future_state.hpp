#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

// Included by pool.hpp: what a task, its futures and their continuations share. One allocation for each task: a
// callable, its arguments and its result lie in the same object.
namespace steward::detail {

/// Whether there is an outcome yet. Thread-safe.
class readiness {
public:
  using time_point = std::chrono::steady_clock::time_point;

  bool is_ready() const noexcept { return ready_.load(std::memory_order_acquire); }

  void wait() {
    if (is_ready()) return;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_ready(); });
  }
  bool wait_until(time_point limit) {
    if (is_ready()) return true;
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, limit, [this] { return is_ready(); });
  }

  /// Calls `f` once there is an outcome: at once, on this thread, where there is one; else on the thread that brings
  /// it. Returns a number for `forget`.
  std::uint64_t when_ready(std::function<void()> f) {
    {
      const std::lock_guard lock(mutex_);
      if (!is_ready()) {
        waiting_.emplace_back(++last_, std::move(f));
        return last_;
      }
    }
    f();
    return 0;
  }
  void forget(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [number](const auto& one) { return one.first == number; });
  }

protected:
  /// `put` stores the outcome. The caller keeps this object alive.
  template <class F>
  void finish(F put) {
    std::vector<std::pair<std::uint64_t, std::function<void()>>> told;
    {
      const std::lock_guard lock(mutex_);
      put();
      ready_.store(true, std::memory_order_release);
      told.swap(waiting_);
      changed_.notify_all();
    }
    for (auto& one : told) one.second();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> ready_{false};
  std::uint64_t last_ = 0;
  std::vector<std::pair<std::uint64_t, std::function<void()>>> waiting_;
};

/// The same, with the outcome: written once, before it is ready, and read or taken after that.
template <class T>
class future_state : public readiness {
public:
  void put(outcome<T> value) {
    finish([&] { result_.emplace(std::move(value)); });
  }
  outcome<T>& result() { return *result_; }

private:
  std::optional<outcome<T>> result_;
};

/// Of a registered task.
template <class T>
class entry_state final : public future_state<T>, public settler {
public:
  explicit entry_state(const task_entry& entry) : entry_(entry) {}
  void settle(outcome<bytes> raw) override { this->put(decode_outcome<T>(entry_, std::move(raw))); }

private:
  const task_entry& entry_;
};

/// How a callable is run with arguments that were kept for it. One that can be called with them as const leaves them as
/// they are and may run again. Any other gets them moved, and runs at most once.
template <class F, class... Args>
struct kept_call {
  static constexpr bool repeats = can_call<const F&, const Args&...>;
  static_assert(repeats || can_call<F, Args...>,
                "the callable cannot be called with these arguments (with a const task_context& before them or not)");

  static decltype(auto) run(F& f, std::tuple<Args...>& args, const task_context& context) {
    if constexpr (repeats) {
      return std::apply([&](const Args&... x) -> decltype(auto) { return call_with(std::as_const(f), context, x...); },
                        args);
    } else {
      return std::apply([&](Args&... x) -> decltype(auto) { return call_with(std::move(f), context, std::move(x)...); },
                        args);
    }
  }
  using result = stored_result<decltype(run(std::declval<F&>(), std::declval<std::tuple<Args...>&>(),
                                            std::declval<const task_context&>()))>;
};

/// Of a callable, which lives here with its arguments, and its result until its outcome has come.
template <class T, class F, class... Args>
class call_state final : public future_state<T>, public settler, public pool_call {
public:
  template <class G, class... As>
  explicit call_state(G&& f, As&&... args) : f_(std::forward<G>(f)), args_(std::forward<As>(args)...) {}

  void run(const task_context& context) override {
    using call = kept_call<F, Args...>;
    if constexpr (std::is_void_v<decltype(call::run(f_, args_, context))>) {
      call::run(f_, args_, context);
      value_.emplace();
    } else {
      value_.emplace(call::run(f_, args_, context));
    }
  }
  void settle(outcome<bytes> raw) override {
    if (!raw.ok()) return this->put(outcome<T>(std::move(raw).take_error()));
    this->put(outcome<T>(std::move(*value_), raw.ran_ms()));
  }

private:
  F f_;
  std::tuple<Args...> args_;
  std::optional<T> value_;
};

/// What a continuation makes of an outcome. One that takes no outcome but a value is passed by where there is none.
template <class T, class F, class Outcome>
struct continuing {
  using value = std::conditional_t<std::is_lvalue_reference_v<Outcome>, const T&, T>;
  static constexpr bool takes_outcome = std::is_invocable_v<F&, Outcome>;
  static constexpr bool takes_nothing = !takes_outcome && std::is_same_v<T, unit> && std::is_invocable_v<F&>;
  static_assert(takes_outcome || takes_nothing || std::is_invocable_v<F&, value>,
                "a continuation takes the outcome, or the value");

  static decltype(auto) call(F& f, Outcome from) {
    if constexpr (takes_outcome) {
      return f(static_cast<Outcome>(from));
    } else if constexpr (takes_nothing) {
      return f();
    } else {
      return f(static_cast<Outcome>(from).value());
    }
  }
  using raw_result = decltype(call(std::declval<F&>(), std::declval<Outcome>()));
  using result = stored_result<raw_result>;

  static outcome<result> run(F& f, Outcome from) {
    if constexpr (!takes_outcome) {
      if (!from.ok()) return outcome<result>(from.error());
    }
    try {
      if constexpr (std::is_void_v<raw_result>) {
        call(f, static_cast<Outcome>(from));
        return outcome<result>(unit{}, 0.0);
      } else {
        return outcome<result>(call(f, static_cast<Outcome>(from)), 0.0);
      }
    } catch (...) {
      // Whatever the user's function throws is the error of the future that stands for it.
      task_error error;
      error.task = "continuation";
      error.why = cause_of(std::current_exception());
      error.why.original = std::current_exception();
      return outcome<result>(std::move(error));
    }
  }
};

}  // namespace steward::detail
