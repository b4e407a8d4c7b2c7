// Maps whose outcomes come one by one in order, and maps that nobody waits for.
#include "any_pool.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <ranges>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace steward;
using namespace steward::test;
using namespace std::chrono_literals;

template <class Pool>
class streams : public any_pool<Pool> {};
TYPED_TEST_SUITE(streams, both, pool_names);

/// An endless range that counts how many were read.
class counted {
public:
  explicit counted(std::size_t& read) : read_(&read) {}
  struct iterator {
    using value_type = std::int64_t;
    using difference_type = std::ptrdiff_t;
    std::size_t* read = nullptr;
    std::int64_t operator*() const { return static_cast<std::int64_t>(*read); }
    iterator& operator++() {
      ++*read;
      return *this;
    }
    void operator++(int) { ++*this; }
  };
  iterator begin() const { return {read_}; }
  std::unreachable_sentinel_t end() const { return {}; }

private:
  std::size_t* read_;
};

TYPED_TEST(streams, yield_the_outcomes_in_order_with_their_errors) {
  const auto pool = this->make(spec_of(2));
  std::vector<std::tuple<std::int64_t, std::string>> inputs;
  for (const auto n : numbers(0, 300)) inputs.emplace_back(n, n == 7 ? "throw" : "none");
  std::int64_t next = 0;
  for (const auto& one : pool->imap(tasks().poison, inputs)) {
    EXPECT_EQ(one.ok(), next != 7);
    if (one.ok()) {
      EXPECT_EQ(one.value(), next * next);
    }
    ++next;
  }
  EXPECT_EQ(next, 300);
}

TYPED_TEST(streams, read_no_further_ahead_than_their_window) {
  const auto pool = this->make(spec_of(2));
  std::size_t read = 0;
  counted inputs(read);
  auto stream = pool->imap(tasks().square, inputs, {.chunk = 1, .window = 5});
  for (std::size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(stream.next()->value(), static_cast<std::int64_t>(i * i));
    EXPECT_LE(read, i + 1 + 5);
  }
}

TYPED_TEST(streams, keep_to_their_window_while_the_first_of_it_takes_long) {
  const auto pool = this->make(spec_of(2));
  std::size_t read = 0;
  counted inputs(read);
  std::stop_source stop;
  auto stream = pool->imap(tasks().hold_at_zero, inputs, {.chunk = 1, .window = 6, .stop = stop.get_token()});
  // The others pass the first one, and are kept until it ends.
  std::thread ends([&] {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (pool->stats().succeeded < 5 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  });
  const auto first = stream.next();
  ends.join();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->error().kind, outcome_kind::cancelled);
  EXPECT_LE(read, 6u);
  EXPECT_EQ(pool->stats().succeeded, 5u);
}

TYPED_TEST(streams, cancel_what_is_open_when_they_are_let_go_of) {
  const auto pool = this->make(spec_of(1));
  {
    const auto inputs = numbers(0, 100);
    auto stream = pool->imap(tasks().until_stopped, inputs, {.chunk = 1});
  }
  auto after = pool->submit(tasks().square, 5);
  EXPECT_EQ(get_soon(after).value(), 25);
}

TYPED_TEST(streams, are_not_needed_for_a_map_that_nobody_waits_for) {
  const auto pool = this->make(spec_of(2));
  auto all = pool->map_async(tasks().square, numbers(1, 5'000));
  auto sum = std::move(all).then([](const std::vector<std::int64_t>& squares) { return squares.size(); });
  EXPECT_EQ(get_soon(sum).value(), 5'000u);
  auto fails = pool->map_async(tasks().poison, std::vector<std::tuple<std::int64_t, std::string>>{{1, "throw"}});
  const auto end = get_soon(fails);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().task, "poison");
}

TYPED_TEST(streams, are_not_needed_for_all_outcomes_of_such_a_map) {
  const auto pool = this->make(spec_of(2));
  const std::vector<std::tuple<std::int64_t, std::string>> inputs{{2, "nothing"}, {3, "throw"}, {4, "nothing"}};
  auto ends = pool->map_outcomes_async(tasks().poison, inputs);
  const auto all = get_soon(ends);
  ASSERT_EQ(all.value().size(), 3U);
  EXPECT_EQ(all.value()[0].value(), 4);
  EXPECT_EQ(all.value()[1].error().kind, outcome_kind::exception);
  EXPECT_EQ(all.value()[2].value(), 16);
}

TYPED_TEST(streams, and_maps_that_nobody_waits_for_end_when_they_are_told) {
  const auto pool = this->make(spec_of(2));
  auto all = pool->map_async(tasks().until_stopped, numbers(1, 10));
  EXPECT_EQ(all.state(), task_state::running);
  all.cancel();
  EXPECT_EQ(get_soon(all).error().kind, outcome_kind::cancelled);
  std::stop_source stop;
  auto other = pool->map_async(tasks().until_stopped, numbers(1, 10), {.stop = stop.get_token()});
  stop.request_stop();
  EXPECT_EQ(get_soon(other).error().kind, outcome_kind::cancelled);
}

TYPED_TEST(streams, and_maps_that_nobody_waits_for_end_with_their_pool) {
  auto pool = this->make(spec_of(2));
  auto all = pool->map_async(tasks().until_stopped, numbers(1, 10));
  pool.reset();
  ASSERT_TRUE(all.is_ready());
  EXPECT_FALSE(all.get().ok());
}

}  // namespace
