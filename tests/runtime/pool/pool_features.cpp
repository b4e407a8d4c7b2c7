// What callers can ask of a pool beyond a map: of threads and of processes alike.
#include "any_pool.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <numeric>
#include <ranges>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>

namespace {

using namespace steward;
using namespace steward::test;

template <class Pool>
class pool_features : public any_pool<Pool> {};
TYPED_TEST_SUITE(pool_features, both, pool_names);

TYPED_TEST(pool_features, map_many_small_inputs_in_order) {
  const auto pool = this->make(spec_of(2));
  const auto inputs = numbers(1, 200'000);
  EXPECT_EQ(pool->map(tasks().square, inputs), squares_of(inputs));
  const auto stats = pool->stats();
  EXPECT_EQ(stats.submitted, 200'000u);
  EXPECT_EQ(stats.succeeded, 200'000u);
}

TYPED_TEST(pool_features, map_inputs_and_results_of_any_size) {
  const auto pool = this->make(spec_of(2));
  std::vector<std::tuple<std::string, std::int64_t>> inputs;
  std::vector<std::string> expected;
  for (std::int64_t i = 0; i < 3'000; ++i) {
    inputs.emplace_back("ab", i % 700);
    expected.emplace_back(repeat_text("ab", i % 700));
  }
  // Larger than the room in which a worker leaves its results.
  inputs.emplace_back(std::string(500'000, 'z'), 2);
  expected.emplace_back(1'000'000, 'z');
  EXPECT_EQ(pool->map(tasks().repeat, inputs), expected);
}

TYPED_TEST(pool_features, map_types_that_travel_as_bytes) {
  const auto pool = this->make(spec_of(2));
  std::vector<point> inputs;
  for (int i = 0; i < 1'000; ++i) inputs.push_back({i, i / 2.0});
  const auto results = pool->map(tasks().mirror, inputs);
  ASSERT_EQ(results.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ(results[i], (point{-inputs[i].x, -inputs[i].y}));
}

TYPED_TEST(pool_features, fail_only_the_inputs_that_throw) {
  const auto pool = this->make(spec_of(2));
  std::vector<std::tuple<std::int64_t, std::string>> inputs;
  for (std::int64_t i = 0; i < 1'000; ++i) inputs.emplace_back(i, i % 100 == 7 ? "throw" : "none");
  const auto outcomes = pool->map_outcomes(tasks().poison, inputs);
  ASSERT_EQ(outcomes.size(), inputs.size());
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (i % 100 == 7) {
      ASSERT_FALSE(outcomes[i].ok()) << i;
      EXPECT_EQ(outcomes[i].error().kind, outcome_kind::exception);
    } else {
      ASSERT_TRUE(outcomes[i].ok()) << i;
      EXPECT_EQ(outcomes[i].value(), static_cast<std::int64_t>(i * i));
    }
  }
  EXPECT_EQ(pool->stats().exceptions, 10u);
}

TYPED_TEST(pool_features, hand_over_outcomes_as_they_come) {
  const auto pool = this->make(spec_of(2));
  const auto inputs = numbers(0, 500);
  std::set<std::size_t> seen;
  auto stream = pool->as_completed(tasks().square, inputs);
  for (auto& [index, result] : stream) {
    EXPECT_TRUE(seen.insert(index).second);
    EXPECT_EQ(result.value(), static_cast<std::int64_t>(index * index));
  }
  EXPECT_EQ(seen.size(), 500u);
  auto unordered = pool->map_unordered(tasks().square, inputs);
  std::ranges::sort(unordered);
  EXPECT_EQ(unordered, squares_of(inputs));
}

/// A generator: it makes a number when it is asked for one, counts what it made, and never ends.
class endless_numbers {
public:
  class iterator {
  public:
    using value_type = std::int64_t;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    iterator(std::int64_t* produced, std::int64_t last) : produced_(produced), last_(last) {}
    std::int64_t operator*() const { return *produced_; }
    iterator& operator++() {
      if (++*produced_ == last_) throw std::runtime_error("no more");
      return *this;
    }
    void operator++(int) { ++*this; }

  private:
    std::int64_t* produced_ = nullptr;
    std::int64_t last_ = 0;
  };

  /// Without `last` it goes on for ever, else it throws there.
  explicit endless_numbers(std::int64_t* produced, std::int64_t last = 0) : produced_(produced), last_(last) {}
  iterator begin() { return {produced_, last_}; }
  std::unreachable_sentinel_t end() { return {}; }

private:
  std::int64_t* produced_;
  std::int64_t last_;
};

TYPED_TEST(pool_features, do_not_read_a_generator_ahead_of_the_window) {
  const auto pool = this->make(spec_of(2));
  std::int64_t produced = 0;
  endless_numbers endless{&produced};
  map_options options;
  options.window = 10;
  options.chunk = 1;
  auto stream = pool->as_completed(tasks().square, endless, options);
  for (int taken = 1; taken <= 100; ++taken) {
    ASSERT_TRUE(stream.next().has_value());
    EXPECT_LE(produced, taken + 10 + 10);
  }
}

TYPED_TEST(pool_features, end_a_map_that_is_told_to_stop) {
  auto spec = spec_of(1);
  spec.limits.grace = std::chrono::milliseconds(20);
  const auto pool = this->make(spec);
  std::stop_source stop;
  std::size_t produced = 0;
  map_options options;
  options.chunk = 1;
  options.window = 4;
  options.stop = stop.get_token();
  const auto inputs = numbers(1, 1'000);
  std::size_t values = 0;
  std::size_t cancelled = 0;
  pool->for_each_outcome(
      tasks().square, inputs,
      [&](std::size_t, const outcome<std::int64_t>& one) {
        if (++produced == 10) stop.request_stop();
        values += one.ok() ? 1U : 0U;
        if (one.ok()) return;
        EXPECT_EQ(one.error().kind, outcome_kind::cancelled);
        EXPECT_EQ(one.error().why.message, "the map was told to stop");
        ++cancelled;
      },
      options);
  EXPECT_GE(values, 10u);
  EXPECT_LE(values + cancelled, 10u + 4 + 4) << "and no more is read";
  EXPECT_EQ(pool->map(tasks().square, numbers(1, 3)), squares_of(numbers(1, 3))) << "the pool lives";
}

TYPED_TEST(pool_features, wake_a_map_that_waits_when_it_is_told_to_stop) {
  auto spec = spec_of(1);
  spec.limits.grace = std::chrono::milliseconds(20);
  const auto pool = this->make(spec);
  std::stop_source stop;
  map_options options;
  options.stop = stop.get_token();
  auto waits = std::async(std::launch::async, [&] {
    return pool->map_outcomes(tasks().until_stopped, std::vector<std::int64_t>{1}, options);
  });
  while (pool->stats().running == 0) std::this_thread::yield();
  stop.request_stop();
  const auto outcomes = waits.get();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].error().kind, outcome_kind::cancelled);
}

TYPED_TEST(pool_features, end_a_map_whose_time_is_over) {
  auto spec = spec_of(1);
  spec.limits.grace = std::chrono::milliseconds(20);
  const auto pool = this->make(spec);
  map_options options;
  options.within = std::chrono::milliseconds(50);
  const auto outcomes = pool->map_outcomes(tasks().until_stopped, std::vector<std::int64_t>{1, 2}, options);
  ASSERT_EQ(outcomes.size(), 2u);
  for (const auto& one : outcomes) {
    ASSERT_FALSE(one.ok());
    EXPECT_EQ(one.error().kind, outcome_kind::cancelled);
    EXPECT_EQ(one.error().why.message, "the time for the map is over");
  }
}

TYPED_TEST(pool_features, cancel_what_a_dropped_stream_has_not_finished) {
  auto spec = spec_of(1);
  spec.limits.grace = std::chrono::milliseconds(20);
  const auto pool = this->make(spec);
  const auto inputs = numbers(0, 50);
  std::size_t finished = 0;
  std::size_t cancelled = 0;
  {
    map_options options;
    options.chunk = 1;
    options.window = 50;
    auto stream = pool->as_completed(tasks().until_stopped, inputs, options);
    auto ran = pool->submit_with({1}, tasks().square, 3);
    pool->untyped().resize(2);
    EXPECT_EQ(get_soon(ran).value(), 9);
    stream.cancel();
    while (const auto next = stream.next()) next->second.ok() ? ++finished : ++cancelled;
  }
  EXPECT_EQ(finished, 0u);
  // On a slow machine not all were read before: reading rests after a millisecond, until the caller asks for a result.
  EXPECT_GT(cancelled, 0u);
  EXPECT_EQ(cancelled, pool->stats().submitted - 1);
  EXPECT_EQ(pool->stats().cancelled, cancelled);
}

TYPED_TEST(pool_features, do_not_let_an_endless_task_hold_up_others) {
  const auto pool = this->make(spec_of(2));
  // It is known to be short, and so others are sent ahead behind it.
  EXPECT_EQ(pool->map(tasks().hold_at_zero, numbers(1, 2'000)).size(), 2'000u);
  auto endless = pool->submit(tasks().hold_at_zero, 0);
  std::vector<task_future<std::int64_t>> others;
  for (std::int64_t n = 1; n <= 500; ++n) others.push_back(pool->submit(tasks().hold_at_zero, n));
  for (std::int64_t n = 1; n <= 500; ++n) EXPECT_EQ(get_soon(others[static_cast<std::size_t>(n - 1)]).value(), n * n);
  EXPECT_EQ(pool->stats().running, 1u);
  endless.cancel();
  EXPECT_EQ(get_soon(endless).error().kind, outcome_kind::cancelled);
  EXPECT_EQ(pool->map(tasks().square, numbers(1, 1'000)), squares_of(numbers(1, 1'000)));
  EXPECT_EQ(pool->stats().restarts, 0u);
}

TYPED_TEST(pool_features, do_not_let_an_endless_item_hold_up_its_chunk) {
  const auto pool = this->make(spec_of(2));
  map_options options;
  options.chunk = 50;
  auto inputs = numbers(0, 50);
  auto stream = pool->as_completed(tasks().hold_at_zero, inputs, options);
  std::set<std::size_t> came;
  while (came.size() < 49) {
    const auto next = stream.next();
    ASSERT_TRUE(next.has_value());
    EXPECT_TRUE(came.insert(next->first).second);
    EXPECT_EQ(next->second.value(), inputs[next->first] * inputs[next->first]);
  }
  EXPECT_FALSE(came.contains(0));
  stream.cancel();
  const auto last = stream.next();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->first, 0u);
  EXPECT_EQ(last->second.error().kind, outcome_kind::cancelled);
  EXPECT_FALSE(stream.next().has_value());
  EXPECT_EQ(pool->stats().taken_back, 49u);
}

// With one worker there is nobody to give the rest to: it waits, but what is finished does not.
TYPED_TEST(pool_features, hand_out_what_is_finished_before_an_endless_item) {
  const auto pool = this->make(spec_of(1));
  map_options options;
  options.chunk = 50;
  auto inputs = numbers(1, 50);
  inputs[20] = 0;
  auto stream = pool->as_completed(tasks().hold_at_zero, inputs, options);
  for (std::size_t i = 0; i < 20; ++i) {
    const auto next = stream.next();
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->first, i);
    EXPECT_EQ(next->second.value(), inputs[i] * inputs[i]);
  }
  stream.cancel();
  std::set<std::size_t> rest;
  while (const auto next = stream.next()) {
    EXPECT_TRUE(rest.insert(next->first).second);
    EXPECT_FALSE(next->second.ok());
  }
  EXPECT_EQ(rest.size(), 30u);
  EXPECT_EQ(*rest.begin(), 20u);
}

TYPED_TEST(pool_features, hand_out_each_result_of_a_slow_chunk_once) {
  auto spec = spec_of(1);
  spec.limits.soft_deadline = std::chrono::milliseconds(60);
  const auto pool = this->make(spec);
  map_options options;
  options.chunk = 60;
  auto inputs = numbers(1, 60);
  for (const std::size_t slow : {10u, 11u, 30u, 59u}) inputs[slow] = 0;
  auto stream = pool->as_completed(tasks().hold_at_zero, inputs, options);
  std::set<std::size_t> came;
  while (const auto next = stream.next()) {
    EXPECT_TRUE(came.insert(next->first).second) << next->first;
    ASSERT_TRUE(next->second.ok());
    EXPECT_EQ(next->second.value(), inputs[next->first] * inputs[next->first]);
  }
  EXPECT_EQ(came.size(), 60u);
  EXPECT_EQ(pool->stats().succeeded, 60u);
  EXPECT_EQ(pool->stats().restarts, 0u);
}

TYPED_TEST(pool_features, ask_the_item_in_hand_of_a_cancelled_chunk) {
  auto spec = spec_of(1);
  spec.limits.grace = std::chrono::hours(1);
  const auto pool = this->make(spec);
  map_options options;
  options.chunk = 50;
  auto inputs = numbers(1, 50);
  inputs[20] = 0;
  {
    auto stream = pool->as_completed(tasks().hold_at_zero, inputs, options);
    // Once what is behind the one that holds was taken back, that one is in hand.
    pool->untyped().resize(2);
    const auto end = std::chrono::steady_clock::now() + patience;
    while (pool->stats().taken_back == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    stream.cancel();
  }
  // No other way than to end by itself.
  const auto end = std::chrono::steady_clock::now() + patience;
  while (pool->stats().running > 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(pool->stats().running, 0u);
}

TYPED_TEST(pool_features, cancel_one_that_waits_and_one_that_runs) {
  const auto pool = this->make(spec_of(1));
  auto running = pool->submit(tasks().until_stopped, 1);
  auto waiting = pool->submit(tasks().square, 2);
  auto last = pool->submit(tasks().square, 3);
  waiting.cancel();
  const auto never_ran = get_soon(waiting);
  ASSERT_FALSE(never_ran.ok());
  EXPECT_EQ(never_ran.error().kind, outcome_kind::cancelled);
  EXPECT_EQ(never_ran.error().work, work_state::not_started);
  running.cancel();
  EXPECT_EQ(get_soon(running).error().kind, outcome_kind::cancelled);
  EXPECT_EQ(get_soon(last).value(), 9) << "the worker was asked to stop, and did";
  last.cancel();  // over already: no effect
  EXPECT_EQ(pool->stats().cancelled, 2u);
  EXPECT_EQ(pool->stats().restarts, 0u);
}

TYPED_TEST(pool_features, set_a_stop_token_at_the_soft_deadline) {
  auto spec = spec_of(1);
  spec.limits.soft_deadline = std::chrono::milliseconds(20);
  const auto pool = this->make(spec);
  auto result = pool->submit(tasks().until_stopped, 5);
  EXPECT_EQ(get_soon(result).value(), 5);
  const auto told = this->around.events.all(event_kind::hang);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].task_fate, "asked to stop");
}

TYPED_TEST(pool_features, keep_two_maps_that_share_a_full_queue_going) {
  for (const auto policy : {full_policy::block, full_policy::reject}) {
    auto spec = spec_of(2);
    spec.limits.queue_limit = 8;
    spec.limits.on_full = policy;
    const auto pool = this->make(spec);
    map_options options;
    options.chunk = 3;
    const auto inputs = numbers(1, 2'000);
    auto other = std::async(std::launch::async, [&] { return pool->map(tasks().square, inputs, options); });
    EXPECT_EQ(pool->map(tasks().square, inputs, options), squares_of(inputs));
    EXPECT_EQ(other.get(), squares_of(inputs));
  }
}

TYPED_TEST(pool_features, end_a_map_that_waits_for_room_when_its_time_is_over) {
  auto spec = spec_of(1);
  spec.limits.queue_limit = 1;
  const auto pool = this->make(spec);
  auto blocks = pool->submit(tasks().until_stopped, 1);
  map_options options;
  options.within = std::chrono::milliseconds(30);
  const auto outcomes = pool->map_outcomes(tasks().square, numbers(1, 3), options);
  ASSERT_EQ(outcomes.size(), 3u);
  for (const auto& one : outcomes) EXPECT_EQ(one.error().kind, outcome_kind::cancelled);
  blocks.cancel();
  std::ignore = get_soon(blocks);
}

TYPED_TEST(pool_features, outlive_a_generator_that_throws) {
  auto spec = spec_of(2);
  spec.limits.queue_limit = 10;
  const auto pool = this->make(spec);
  map_options options;
  options.chunk = 1;
  for (int round = 0; round < 5; ++round) {
    std::int64_t produced = 0;
    endless_numbers throwing{&produced, 6};
    EXPECT_THROW(pool->map(tasks().square, throwing, options), std::runtime_error);
  }
  EXPECT_EQ(pool->map(tasks().square, numbers(1, 50), options), squares_of(numbers(1, 50))) << "there is room again";
}

TYPED_TEST(pool_features, have_an_outcome_for_each_input_of_a_map_that_ends_early) {
  const auto pool = this->make(spec_of(2));
  std::vector<std::tuple<std::int64_t, std::string>> inputs(20'000, {3, "none"});
  std::get<1>(inputs[10]) = "throw";
  map_options options;
  options.on_failure = failure_policy::first_error;
  options.chunk = 1;
  const auto outcomes = pool->map_outcomes(tasks().poison, inputs, options);
  ASSERT_EQ(outcomes.size(), inputs.size());
  EXPECT_EQ(outcomes[10].error().kind, outcome_kind::exception);
  EXPECT_EQ(outcomes.back().error().kind, outcome_kind::cancelled);
  EXPECT_EQ(outcomes.back().error().work, work_state::not_started);
  std::vector<bytes> encoded;
  for (const auto& [n, how] : inputs) encode_all(encoded.emplace_back(), n, how);
  std::size_t values = 0;
  for (const auto& one : pool->untyped().map(*tasks().poison.entry, encoded, options)) {
    if (!one.ok()) continue;
    EXPECT_EQ(decode_all<std::int64_t>(one.value()), 9);
    ++values;
  }
  EXPECT_LT(values, inputs.size());
  std::vector<int> told(inputs.size());
  pool->untyped().for_each_outcome(
      *tasks().poison.entry, encoded, [&](std::size_t i, const outcome<bytes>&) { ++told[i]; }, options);
  EXPECT_THAT(told, ::testing::Each(1));
}

TYPED_TEST(pool_features, stop_a_map_at_its_first_error) {
  const auto pool = this->make(spec_of(2));
  std::vector<std::tuple<std::int64_t, std::string>> inputs(20'000, {3, "none"});
  std::get<1>(inputs[10]) = "throw";
  map_options options;
  options.on_failure = failure_policy::first_error;
  options.chunk = 1;
  try {
    pool->map(tasks().poison, inputs, options);
    FAIL() << "it has no value for each input";
  } catch (const task_failed& problem) {
    EXPECT_EQ(problem.error().kind, outcome_kind::exception);
  }
  EXPECT_LT(pool->stats().succeeded, 20'000u);
}

TYPED_TEST(pool_features, tell_how_a_map_is_going) {
  const auto pool = this->make(spec_of(2));
  std::vector<map_progress> told;
  map_options options;
  options.progress = [&told](const map_progress& p) { told.push_back(p); };
  const auto inputs = numbers(0, 1'000);
  pool->map(tasks().square, inputs, options);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().done, 1'000u);
  EXPECT_EQ(told.back().failed, 0u);
  EXPECT_EQ(told.back().total, 1'000u);
  EXPECT_TRUE(std::ranges::is_sorted(told, {}, &map_progress::done));
}

TYPED_TEST(pool_features, start_urgent_tasks_first) {
  const auto pool = this->make(spec_of(1));
  auto running = pool->submit(tasks().until_stopped, 1);
  // Each tells when it ran by what the registry counted before it: on one worker the order of the runs.
  auto low = pool->submit_with({-1}, tasks().until_stopped, 2);
  auto high = pool->submit_with({1}, tasks().square, 3);
  running.cancel();
  EXPECT_EQ(get_soon(high).value(), 9) << "it overtook the one that would have blocked it";
  low.cancel();
  EXPECT_EQ(get_soon(low).error().kind, outcome_kind::cancelled);
  std::ignore = get_soon(running);
}

TYPED_TEST(pool_features, let_a_caller_wait_for_room) {
  auto spec = spec_of(2);
  spec.limits.queue_limit = 4;
  spec.limits.on_full = full_policy::block;
  const auto pool = this->make(spec);
  std::vector<task_future<std::int64_t>> futures;
  for (std::int64_t i = 0; i < 500; ++i) futures.push_back(pool->submit(tasks().square, i));
  for (std::size_t i = 0; i < futures.size(); ++i)
    EXPECT_EQ(get_soon(futures[i]).value(), static_cast<std::int64_t>(i * i));
  EXPECT_EQ(pool->stats().rejected, 0u);
}

TYPED_TEST(pool_features, reject_at_the_door_when_the_queue_is_full) {
  auto spec = spec_of(1);
  spec.limits.queue_limit = 3;
  const auto pool = this->make(spec);
  std::vector<task_future<std::int64_t>> held;
  for (int i = 0; i < 3; ++i) held.push_back(pool->submit(tasks().until_stopped, i));
  for (int i = 0; i < 100; ++i) {
    auto one_more = pool->submit(tasks().square, i);
    EXPECT_EQ(get_soon(one_more).error().kind, outcome_kind::rejected);
  }
  EXPECT_EQ(pool->stats().rejected, 100u);
  for (auto& h : held) h.cancel();
  for (auto& h : held) std::ignore = get_soon(h);
  auto later = pool->submit(tasks().square, 6);
  EXPECT_EQ(get_soon(later).value(), 36);
  EXPECT_EQ(pool->stats().submitted, 104u);
}

TYPED_TEST(pool_features, run_an_initializer_in_each_worker) {
  auto spec = spec_of(2);
  spec.initializer = "initialize";
  const auto pool = this->make(spec);
  for (const auto n : pool->map(tasks().initialized, numbers(0, 20))) EXPECT_GE(n, 1);
}

TYPED_TEST(pool_features, run_an_initializer_with_arguments) {
  auto spec = spec_of(2);
  spec.initializer = "initialize_with";
  spec.initializer_args = {"100", "as told"};
  const auto pool = this->make(spec);
  for (const auto n : pool->map(tasks().initialized, numbers(0, 20))) EXPECT_GE(n, 100);
}

TYPED_TEST(pool_features, refuse_arguments_that_the_initializer_does_not_take) {
  const auto problem_of = [this](std::vector<std::string> args) -> std::string {
    auto spec = spec_of(2);
    spec.initializer = "initialize_with";
    spec.initializer_args = std::move(args);
    try {
      this->make(spec);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(problem_of({}), "the initializer 'initialize_with' takes 2 arguments, not 0");
  EXPECT_THAT(problem_of({"many", ""}), ::testing::StartsWith("the initializer 'initialize_with' cannot take its "
                                                              "arguments: argument 1 (int64): 'many'"));
  EXPECT_THAT(problem_of({"1", std::string(3'000, 'x')}), ::testing::HasSubstr("initializer_args: 3018 bytes"));
  EXPECT_THAT(problem_of({"1", std::string("a\0b", 3)}), ::testing::HasSubstr("a text with a NUL"));
}

TYPED_TEST(pool_features, give_up_promptly_when_the_initializer_fails) {
  auto spec = spec_of(2);
  spec.initializer = "fail_to_initialize";
  TypeParam pool(this->around.environment(), "squares", spec);
  auto waits = pool.submit(tasks().square, 2);
  const auto why = pool.start();
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(why->message, ::testing::HasSubstr("there is no database"));
  const auto result = get_soon(waits);
  EXPECT_EQ(result.error().kind, outcome_kind::pool_gone);
  EXPECT_THAT(describe(result.error()), ::testing::HasSubstr("there is no database"));
  EXPECT_LE(pool.stats().restarts, 20u) << "no storm";
}

TYPED_TEST(pool_features, grow_and_shrink) {
  auto spec = spec_of(1);
  spec.size.max_workers = 3;
  spec.size.idle_exit = std::chrono::milliseconds(10);
  const auto pool = this->make(spec);
  std::vector<task_future<std::int64_t>> held;
  for (int i = 0; i < 3; ++i) held.push_back(pool->submit(tasks().until_stopped, i));
  while (pool->stats().ready < 3) std::this_thread::yield();
  for (auto& h : held) h.cancel();
  for (auto& h : held) std::ignore = get_soon(h);
  EXPECT_TRUE(this->around.events.wait_for(event_kind::stop, 2)) << "two leave when they are idle";
  auto still = pool->submit(tasks().square, 5);
  EXPECT_EQ(get_soon(still).value(), 25);
  EXPECT_EQ(pool->stats().restarts, 0u);
}

TYPED_TEST(pool_features, keep_a_spare) {
  auto spec = spec_of(1);
  spec.size.spares = 1;
  const auto pool = this->make(spec);
  EXPECT_EQ(pool->stats().ready, 2u);
  const auto inputs = numbers(0, 100);
  EXPECT_EQ(pool->map(tasks().square, inputs), squares_of(inputs));
}

}  // namespace
