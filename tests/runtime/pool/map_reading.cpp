// How a map reads its inputs: those that are made slowly, are large, or take long to run.
#include "any_pool.hpp"
#include "edge_tasks.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace steward;
using namespace steward::test;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

void spin(milliseconds span) {
  const auto end = clock::now() + span;
  while (clock::now() < end) {
  }
}

/// Inputs that `make` makes when they are read: the number of each, from 0 on.
template <class T>
class made_inputs {
public:
  made_inputs(std::int64_t count, std::function<T(std::int64_t)> make) : count_(count), make_(std::move(make)) {}

  class iterator {
  public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    explicit iterator(made_inputs* of) : of_(of) {}
    T operator*() const { return of_->make_(of_->read++); }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    void operator++(int) { ++at_; }
    bool operator==(std::default_sentinel_t) const { return at_ == of_->count_; }

  private:
    made_inputs* of_;
    std::int64_t at_ = 0;
  };
  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const { return {}; }

  std::int64_t read = 0;

private:
  std::int64_t count_;
  std::function<T(std::int64_t)> make_;
};

template <class Pool>
class map_reading : public any_pool<Pool> {};
TYPED_TEST_SUITE(map_reading, both, pool_names);

TYPED_TEST(map_reading, hands_over_what_it_has_while_inputs_are_made_slowly) {
  const auto pool = this->make(spec_of(2));
  for (const unsigned chunk : {0U, 1U}) {
    std::size_t told = 0;
    std::int64_t read_before_first = 0;
    made_inputs<std::int64_t> inputs(400, [](std::int64_t n) {
      spin(milliseconds(1));
      return n;
    });
    map_options options;
    options.chunk = chunk;
    pool->for_each_outcome(
        tasks().square, inputs,
        [&](std::size_t i, const outcome<std::int64_t>& one) {
          if (told++ == 0) read_before_first = inputs.read;
          EXPECT_EQ(one.value(), static_cast<std::int64_t>(i * i));
        },
        options);
    EXPECT_EQ(told, 400u);
    EXPECT_LT(read_before_first, 300) << "chunk " << chunk;
  }
}

TYPED_TEST(map_reading, ends_in_time_though_inputs_are_made_slowly) {
  const auto pool = this->make(spec_of(2));
  for (const unsigned chunk : {0U, 1U}) {
    made_inputs<std::int64_t> inputs(100'000, [](std::int64_t n) {
      spin(milliseconds(1));
      return n;
    });
    map_options options;
    options.chunk = chunk;
    options.within = milliseconds(500);
    std::size_t values = 0;
    pool->for_each_outcome(
        tasks().square, inputs, [&](std::size_t, const outcome<std::int64_t>& one) { values += one.ok() ? 1U : 0U; },
        options);
    EXPECT_GT(values, 0u);
    EXPECT_LE(inputs.read, 1'000) << "chunk " << chunk;
  }
}

TYPED_TEST(map_reading, reads_few_inputs_ahead_that_take_long) {
  const auto pool = this->make(spec_of(2));
  std::int64_t ended = 0;
  std::int64_t most = 0;
  made_inputs<std::int64_t> inputs(40, [&](std::int64_t n) {
    most = std::max(most, n + 1 - ended);
    return n;
  });
  pool->for_each_outcome(edges().square_slowly, inputs, [&](std::size_t, const outcome<std::int64_t>&) { ++ended; });
  EXPECT_EQ(ended, 40);
  EXPECT_LE(most, 2 * 4 + 2);
}

TYPED_TEST(map_reading, reads_few_large_inputs_ahead) {
  const auto pool = this->make(spec_of(2));
  constexpr std::size_t size = 1 << 20;
  std::int64_t ended = 0;
  std::int64_t most = 0;
  made_inputs<std::vector<std::uint8_t>> inputs(60, [&](std::int64_t n) {
    most = std::max(most, n + 1 - ended);
    return std::vector<std::uint8_t>(size, static_cast<std::uint8_t>(n));
  });
  map_options options;
  options.chunk = 1;
  pool->for_each_outcome(
      tasks().reverse, inputs,
      [&](std::size_t i, const outcome<std::vector<std::uint8_t>>& one) {
        ++ended;
        EXPECT_EQ(one.value().back(), static_cast<std::uint8_t>(i));
      },
      options);
  EXPECT_EQ(ended, 60);
  EXPECT_LE(most, 2 * 4 + 2);
}

TYPED_TEST(map_reading, finds_room_for_its_chunks_beside_others) {
  auto spec = spec_of(2);
  spec.limits.queue_limit = 8;
  const auto pool = this->make(spec);
  auto other = pool->submit(tasks().until_stopped, 1);
  map_options options;
  options.chunk = 8;  // as many as the queue holds, of which one is taken
  options.within = milliseconds(20'000);
  EXPECT_EQ(pool->map(tasks().square, numbers(1, 50), options), squares_of(numbers(1, 50)));
  other.cancel();
  EXPECT_EQ(get_soon(other).error().kind, outcome_kind::cancelled);
}

TEST(map_of_processes, has_one_result_of_an_item_that_forks_and_returns_twice) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  for (const unsigned chunk : {1U, 6U}) {
    map_options options;
    options.chunk = chunk;
    EXPECT_EQ(pool.map(edges().fork_and_linger, numbers(0, 6), options), squares_of(numbers(0, 6))) << chunk;
  }
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
}

}  // namespace
