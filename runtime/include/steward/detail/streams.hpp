#pragma once

#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

// Included by pool.hpp: the outcomes of a map, one by one.
namespace steward {

namespace detail {

/// Over what `Stream::next` yields, once.
template <class Stream>
class stream_iterator {
public:
  using value_type = typename Stream::value_type;
  using difference_type = std::ptrdiff_t;
  stream_iterator() = default;
  explicit stream_iterator(Stream* from) : from_(from) { ++*this; }
  value_type& operator*() const { return *current_; }
  value_type* operator->() const { return &*current_; }
  stream_iterator& operator++() {
    current_ = from_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const stream_iterator& x, std::default_sentinel_t) { return !x.current_; }

private:
  Stream* from_ = nullptr;
  mutable std::optional<value_type> current_;
};

}  // namespace detail

/// The outcomes of a map as they come, with the number of their input: `for (auto& [index, result] : stream)`, or
/// `next` until it yields nothing. What has not ended when it is destroyed is cancelled. Belongs to one thread.
template <class T>
class completion_stream {
public:
  using value_type = std::pair<std::size_t, outcome<T>>;
  using iterator = detail::stream_iterator<completion_stream>;

  /// `keep`: who owns the pool, where it might go before.
  completion_stream(pool& on, detail::prepared_map what, map_options options, std::shared_ptr<pool> keep = nullptr)
      : keep_(std::move(keep)),
        entry_(what.entry),
        run_(std::make_unique<detail::map_run>(on, std::move(what.next), std::move(options), what.total, true)) {
    run_->feed();
  }

  /// Waits for the next outcome; none after the last.
  [[nodiscard]] std::optional<value_type> next() {
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
  /// This many outcomes that were taken count as if they were open: so much less is read ahead.
  void hold(std::size_t count) noexcept { run_->hold(count); }

  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const noexcept { return {}; }

private:
  std::shared_ptr<pool> keep_;
  const task_entry* entry_;
  std::unique_ptr<detail::map_run> run_;
  std::vector<detail::map_piece> pieces_;
  std::vector<value_type> ready_;
  std::size_t at_ = 0;
};

/// The same, in the order of the inputs: `for (auto& result : stream)`. Reads no further ahead than the map's window,
/// also where the first of what is open takes long.
template <class T>
class ordered_stream {
public:
  using value_type = outcome<T>;
  using iterator = detail::stream_iterator<ordered_stream>;

  ordered_stream(pool& on, detail::prepared_map what, map_options options, std::shared_ptr<pool> keep = nullptr)
      : from_(on, std::move(what), std::move(options), std::move(keep)) {}

  /// Waits for the outcome of the next input; none after the last that was read.
  [[nodiscard]] std::optional<value_type> next() {
    while (waiting_.empty() || !waiting_.front()) {
      from_.hold(held_);
      auto one = from_.next();
      if (!one) return std::nullopt;
      const auto place = one->first - at_;
      if (place >= waiting_.size()) waiting_.resize(place + 1);
      waiting_[place].emplace(std::move(one->second));
      ++held_;
    }
    auto out = std::move(waiting_.front());
    waiting_.pop_front();
    ++at_;
    --held_;
    return out;
  }
  /// Cancels what has not ended; its outcomes still come.
  void cancel() { from_.cancel(); }

  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const noexcept { return {}; }

private:
  completion_stream<T> from_;
  std::deque<std::optional<outcome<T>>> waiting_;  // from input `at_` on
  std::size_t at_ = 0;
  std::size_t held_ = 0;
};

}  // namespace steward
