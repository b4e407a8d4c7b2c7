#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

// Included by pool.hpp: outcomes to come.
namespace steward {

/// How a task is going, as its future sees it.
enum class task_state : std::uint8_t {
  waiting,    ///< no worker has begun it
  running,    ///< a thread has begun it; or a worker process was handed it, and may have others before it
  done,       ///< it has an outcome, which is not `cancelled`
  cancelled,  ///< it was cancelled
};

template <class T>
class task_future;
template <class T>
class shared_task_future;

namespace detail {

struct future_access;

/// What both kinds of futures can do.
template <class T>
class future_core {
public:
  /// False when there is nothing to wait for: nothing else may be called then.
  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }
  [[nodiscard]] bool is_ready() const noexcept { return state_->is_ready(); }
  [[nodiscard]] task_state state() const {
    if (is_ready()) {
      const auto& result = state_->result();
      return !result.ok() && result.error().kind == outcome_kind::cancelled ? task_state::cancelled : task_state::done;
    }
    return (handle_ ? is_begun(handle_) : cancel_ != nullptr) ? task_state::running : task_state::waiting;
  }

  void wait() const {
    // The pool is asked only where it must know: elsewhere it may end meanwhile.
    const bool concerns = is_new_ || on_pool_thread();
    if (!concerns || is_ready()) return state_->wait();
    if (cancel_) {
      pool_->await_any([state = state_] { return state->is_ready(); }, *cancel_, [this] { state_->wait(); });
    } else {
      pool_->await_work(handle_, [this] { state_->wait(); });
    }
  }
  template <class Rep, class Period>
  [[nodiscard]] std::future_status wait_for(const std::chrono::duration<Rep, Period>& limit) const {
    return wait_until(later(std::chrono::steady_clock::now(), limit));
  }
  template <class Clock, class Duration>
  [[nodiscard]] std::future_status wait_until(const std::chrono::time_point<Clock, Duration>& limit) const {
    begin();
    const auto point = later(std::chrono::time_point<Clock>{}, limit.time_since_epoch());
    bool ready = is_ready();
    if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
      ready = state_->wait_until(point);
    } else if (const auto now = Clock::now(); !ready && point > now) {
      ready = state_->wait_until(later(std::chrono::steady_clock::now(), point - now));
    }
    return ready ? std::future_status::ready : std::future_status::timeout;
  }

  /// Asks for its end: a task that waits never runs, one that runs is asked to stop (see
  /// `task_context::stop_requested`), and its worker process is killed after the spec's `grace`; a thread goes on until
  /// the task ends, and what it returns is dropped. The outcome is `cancelled`, unless there was one already. That of a
  /// continuation cancels the task before it; that of a map, or of several tasks, all of them. Call it while the pool
  /// lives.
  void cancel() const {
    if (cancel_) {
      (*cancel_)();
    } else {
      pool_->cancel_work(handle_);
    }
  }

protected:
  friend struct future_access;

  future_core() = default;
  future_core(pool& on, std::shared_ptr<future_state<T>> state, std::shared_ptr<void> handle,
              std::shared_ptr<const std::function<void()>> cancel)
      : pool_(&on),
        state_(std::move(state)),
        handle_(std::move(handle)),
        cancel_(std::move(cancel)),
        is_new_(!on.is_started()) {}

  /// Starts a pool that nobody has started.
  void begin() const {
    if (is_new_ && !is_ready()) pool_->await_work(handle_, [] {});
  }

  /// The future of what `f` makes of an outcome of type `Outcome`.
  template <class Outcome, class F>
  auto continue_with(F f) const {
    if (is_new_ && !pool_->is_started()) begin();  // else nobody would call `f`
    using step = continuing<T, F, Outcome>;
    using result = typename step::result;
    auto next = std::make_shared<future_state<result>>();
    // It lives as long as it has continuations to call.
    auto* from = state_.get();
    auto kept = std::make_shared<F>(std::move(f));
    from->when_ready([from, next, kept] { next->put(step::run(*kept, static_cast<Outcome>(from->result()))); });
    return task_future<result>(*pool_, std::move(next), handle_, cancel_);
  }

  pool* pool_ = nullptr;
  std::shared_ptr<future_state<T>> state_;
  std::shared_ptr<void> handle_;
  std::shared_ptr<const std::function<void()>> cancel_;  // of what is more than one task
  bool is_new_ = false;                                  // nobody had started the pool when it was made
};

}  // namespace detail

/// The outcome of a submitted task, to come. Move-only, as std::future. `get`, `then`, `share` and `when_all` take what
/// it stands for away. Belongs to one thread at a time; its outcome may come on any. Letting go of it cancels nothing.
template <class T>
class task_future : public detail::future_core<T> {
public:
  task_future() = default;
  task_future(pool& on, std::shared_ptr<detail::future_state<T>> state, std::shared_ptr<void> handle,
              std::shared_ptr<const std::function<void()>> cancel = nullptr)
      : detail::future_core<T>(on, std::move(state), std::move(handle), std::move(cancel)) {}
  task_future(task_future&&) noexcept = default;
  task_future& operator=(task_future&&) noexcept = default;

  /// Waits for the outcome and takes it. Does not throw for a task that fails.
  outcome<T> get() {
    this->wait();
    const auto state = std::exchange(this->state_, nullptr);
    return std::move(state->result());
  }

  /// Calls `f` with the outcome once it is there, and returns the future of what `f` returns. An `f` that does not take
  /// an outcome gets the value, and is not called for an error, which passes by. It runs on the pool's thread, or at
  /// once on this one where the outcome is there already: so it must be short, and must not wait for the pool. What it
  /// throws is the error of the future returned, which may be let go of.
  template <class F>
  auto then(F f) && {
    auto next = this->template continue_with<outcome<T>&&>(std::move(f));
    this->state_ = nullptr;
    return next;
  }

  /// A future whose outcome can be read again, and by many.
  [[nodiscard]] shared_task_future<T> share() && { return shared_task_future<T>(std::move(*this)); }
};

/// The same for many readers: copyable, and the outcome stays. Thread-safe as long as each thread has a copy.
template <class T>
class shared_task_future : public detail::future_core<T> {
public:
  shared_task_future() = default;
  explicit shared_task_future(task_future<T>&& from) : detail::future_core<T>(std::move(from)) {}

  /// Waits for the outcome, which lives as long as one of the futures.
  const outcome<T>& get() const {
    this->wait();
    return this->state_->result();
  }
  /// As `task_future::then`, as often as one likes; `f` gets a const outcome, or a const value.
  template <class F>
  auto then(F f) const {
    return this->template continue_with<const outcome<T>&>(std::move(f));
  }
};

}  // namespace steward
