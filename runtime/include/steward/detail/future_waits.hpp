#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

// Included by pool.hpp: waiting for several futures.
namespace steward {

namespace detail {

struct future_access {
  template <class Future>
  static auto& state(Future& of) {
    return of.state_;
  }
  template <class Future>
  static pool* pool_of(const Future& of) {
    return of.pool_;
  }
  template <class Future>
  static void begin(const Future& of) {
    of.begin();
  }
};

/// Which one of several was the first.
class first_one {
public:
  void tell(std::size_t index) {
    const std::lock_guard lock(mutex_);
    if (!index_) index_ = index;
    changed_.notify_all();
  }
  bool is_known() const {
    const std::lock_guard lock(mutex_);
    return index_.has_value();
  }
  std::optional<std::size_t> wait(std::optional<readiness::time_point> limit) {
    std::unique_lock lock(mutex_);
    const auto known = [this] { return index_.has_value(); };
    if (limit) {
      changed_.wait_until(lock, *limit, known);
    } else {
      changed_.wait(lock, known);
    }
    return index_;
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::size_t> index_;
};

template <class Range>
std::optional<std::size_t> first_ready(Range& futures, std::optional<readiness::time_point> limit) {
  std::size_t index = 0;
  pool* only = nullptr;
  bool same = true;
  for (auto& one : futures) {
    if (one.valid() && one.is_ready()) return index;
    if (one.valid()) {
      future_access::begin(one);
      same = same && (!only || only == future_access::pool_of(one));
      only = future_access::pool_of(one);
    }
    ++index;
  }
  if (!only) throw std::invalid_argument("there is no future to wait for");
  auto first = std::make_shared<first_one>();
  std::vector<std::uint64_t> numbers;
  index = 0;
  for (auto& one : futures) {
    numbers.push_back(one.valid() ? future_access::state(one)->when_ready([first, index] { first->tell(index); }) : 0);
    ++index;
  }
  std::optional<std::size_t> found;
  const auto wait = [&] { found = first->wait(limit); };
  if (!limit && same && on_pool_thread()) {
    // All that it waits for is of one pool, which may be its own.
    const auto give_up = [&futures] {
      for (const auto& one : futures) {
        if (one.valid()) one.cancel();
      }
    };
    only->await_any([first] { return first->is_known(); }, give_up, wait);
  } else {
    wait();
  }
  index = 0;
  for (auto& one : futures) {
    if (one.valid()) future_access::state(one)->forget(numbers[index]);
    ++index;
  }
  return found;
}

}  // namespace detail

/// Waits until one of the futures of a range has its outcome, and returns its number. Those that are taken are skipped.
/// Throws std::invalid_argument where none is left.
template <std::ranges::forward_range Range>
[[nodiscard]] std::size_t wait_any(Range& futures) {
  return *detail::first_ready(futures, std::nullopt);
}
/// The same, but no longer than this: none where none has come.
template <std::ranges::forward_range Range, class Rep, class Period>
[[nodiscard]] std::optional<std::size_t> wait_any_for(Range& futures, std::chrono::duration<Rep, Period> limit) {
  return detail::first_ready(futures, detail::later(std::chrono::steady_clock::now(), limit));
}
/// Waits until all of them have their outcomes.
template <std::ranges::forward_range Range>
void wait_all(Range& futures) {
  for (auto& one : futures) {
    if (one.valid()) one.wait();
  }
}

namespace detail {

/// Futures that were taken for a future of them all.
template <class T>
struct group_state {
  std::vector<task_future<T>> parts;
  std::atomic<std::size_t> left{0};
  std::atomic<bool> first{true};
};

template <class T>
std::shared_ptr<const std::function<void()>> cancel_of(const std::shared_ptr<group_state<T>>& group) {
  return std::make_shared<const std::function<void()>>([group] {
    for (const auto& one : group->parts) one.cancel();
  });
}

template <class T>
std::shared_ptr<group_state<T>> group_of(std::vector<task_future<T>> futures) {
  if (futures.empty()) throw std::invalid_argument("there is no future to wait for");
  for (const auto& one : futures) future_access::begin(one);
  auto group = std::make_shared<group_state<T>>();
  group->parts = std::move(futures);
  group->left = group->parts.size();
  return group;
}

}  // namespace detail

/// The future of all outcomes, in the order of the futures; always has a value. Starts pools that nobody has started.
/// Throws std::invalid_argument for none.
template <class T>
[[nodiscard]] task_future<std::vector<outcome<T>>> when_all(std::vector<task_future<T>> futures) {
  using all = std::vector<outcome<T>>;
  const auto group = detail::group_of(std::move(futures));
  auto next = std::make_shared<detail::future_state<all>>();
  const auto told = [group, next] {
    if (group->left.fetch_sub(1) > 1) return;
    all out;
    for (auto& one : group->parts) out.push_back(std::move(detail::future_access::state(one)->result()));
    next->put(outcome<all>(std::move(out), 0.0));
  };
  auto* on = detail::future_access::pool_of(group->parts.front());
  for (auto& one : group->parts) detail::future_access::state(one)->when_ready(told);
  return {*on, std::move(next), nullptr, detail::cancel_of(group)};
}

/// The future of the first outcome that comes, with the number of its future; the others go on, and are let go of.
/// Throws std::invalid_argument for none.
template <class T>
[[nodiscard]] task_future<std::pair<std::size_t, outcome<T>>> when_any(std::vector<task_future<T>> futures) {
  using one_of = std::pair<std::size_t, outcome<T>>;
  const auto group = detail::group_of(std::move(futures));
  auto next = std::make_shared<detail::future_state<one_of>>();
  auto* on = detail::future_access::pool_of(group->parts.front());
  for (std::size_t i = 0; i < group->parts.size(); ++i) {
    auto* state = detail::future_access::state(group->parts[i]).get();
    state->when_ready([group, next, state, i] {
      if (!group->first.exchange(false)) return;
      next->put(outcome<one_of>(one_of(i, std::move(state->result())), 0.0));
    });
  }
  return {*on, std::move(next), nullptr, detail::cancel_of(group)};
}

}  // namespace steward
