#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Included by pool.hpp: outcomes to come.
namespace steward {

/// The outcome of a submitted task, to come. Move-only, as std::future. Thread-safe in the same way.
template <class T>
class task_future {
public:
  task_future() = default;
  task_future(pool& on, std::future<outcome<T>> future, std::shared_ptr<void> handle)
      : pool_(&on), future_(std::move(future)), handle_(std::move(handle)), is_new_(!on.is_started()) {}

  bool valid() const noexcept { return future_.valid(); }
  /// Waits for the outcome and takes it. Does not throw for a task that fails.
  outcome<T> get() {
    wait();
    return future_.get();
  }
  void wait() const {
    await([this] { future_.wait(); });
  }
  template <class Rep, class Period>
  std::future_status wait_for(const std::chrono::duration<Rep, Period>& limit) const {
    return wait_until(detail::later(std::chrono::steady_clock::now(), limit));
  }
  template <class Clock, class Duration>
  std::future_status wait_until(const std::chrono::time_point<Clock, Duration>& limit) const {
    auto status = future_.wait_for(std::chrono::seconds(0));
    if (status == std::future_status::ready) return status;
    if (is_new_) pool_->await_work(handle_, [] {});
    return future_.wait_until(detail::later(std::chrono::time_point<Clock>{}, limit.time_since_epoch()));
  }
  /// Asks for its end: a task that waits never runs, one that runs is asked to stop (see
  /// `task_context::stop_requested`), and its worker process is killed after the spec's `grace`; a thread goes on until
  /// the task ends, and what it returns is dropped. The outcome is `cancelled`, unless there was one already. Call it
  /// while the pool lives.
  void cancel() { pool_->cancel_work(handle_); }

private:
  /// The pool is asked only where it must know: elsewhere it may end meanwhile.
  template <class F>
  void await(F wait_for_it) const {
    const bool concerns = is_new_ || detail::on_pool_thread();
    if (concerns && future_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      pool_->await_work(handle_, wait_for_it);
    } else {
      wait_for_it();
    }
  }

  pool* pool_ = nullptr;
  std::future<outcome<T>> future_;
  std::shared_ptr<void> handle_;
  bool is_new_ = false;  // nobody had started the pool when it was submitted
};

/// The outcomes of a map as they come, with the number of their input: `for (auto& [index, result] : stream)`, or
/// `next` until it yields nothing. What has not ended when it is destroyed is cancelled. Belongs to one thread.
template <class T>
class completion_stream {
public:
  using value_type = std::pair<std::size_t, outcome<T>>;

  completion_stream(pool& on, const task_entry* entry, detail::map_run::source next, map_options options,
                    std::optional<std::size_t> total)
      : entry_(entry), run_(std::make_unique<detail::map_run>(on, std::move(next), std::move(options), total, true)) {
    run_->feed();
  }

  /// Waits for the next outcome; none after the last.
  std::optional<value_type> next() {
    while (at_ == ready_.size()) {
      ready_.clear();
      at_ = 0;
      if (!run_->take(pieces_)) return std::nullopt;
      for (auto& piece : pieces_) {
        detail::unpack<T>(
            piece, entry_,
            [this](std::size_t i, T&& value, double ran_ms) {
              ready_.emplace_back(i, outcome<T>(std::move(value), ran_ms));
            },
            [this](std::size_t i, task_error error) { ready_.emplace_back(i, outcome<T>(std::move(error))); });
      }
    }
    return std::move(ready_[at_++]);
  }
  /// Cancels what has not ended; its outcomes still come.
  void cancel() { run_->cancel(); }

  class iterator {
  public:
    using value_type = completion_stream::value_type;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(completion_stream* from) : from_(from) { ++*this; }
    value_type& operator*() const { return *current_; }
    value_type* operator->() const { return &*current_; }
    iterator& operator++() {
      current_ = from_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& x, std::default_sentinel_t) { return !x.current_; }

  private:
    completion_stream* from_ = nullptr;
    mutable std::optional<value_type> current_;
  };
  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const noexcept { return {}; }

private:
  const task_entry* entry_;
  std::unique_ptr<detail::map_run> run_;
  std::vector<detail::map_piece> pieces_;
  std::vector<value_type> ready_;
  std::size_t at_ = 0;
};

}  // namespace steward
