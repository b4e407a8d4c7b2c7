// Short inputs that are mapped one by one on threads: they are handed over in batches, and each is answered at once.
#include "pool/thread_driver.hpp"

#include "pool/inbox.hpp"
#include "support.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace steward::test {
namespace {

using pooling::act::assign;
using pooling::act::start;
using clock = std::chrono::steady_clock;

map_options one_by_one() {
  map_options out;
  out.chunk = 1;
  return out;
}

/// Squares; item 3 stays until it is let go.
class held_body final : public detail::many_body {
public:
  void run(const task_context&, const detail::chunk_marks& marks, std::uint64_t base, std::uint64_t& at,
           std::uint64_t end) override {
    for (; at < end; ++at) {
      if (!marks.take(at - base)) return;
      const auto limit = clock::now() + patience;
      while (at == 3 && !let_go && clock::now() < limit) std::this_thread::yield();
    }
  }
  std::atomic<bool> let_go{false};
};

struct counting_sink final : detail::item_sink {
  std::size_t count = 0;
  void values(std::size_t, std::size_t n, bytes, const std::shared_ptr<detail::many_body>&, std::size_t,
              double) override {
    count += n;
  }
  void error(std::size_t, task_error) override { ADD_FAILURE() << "no item fails"; }
};

/// A driver and an engine, with a test for their loop: the engine is asked for a step only when the test says so, so
/// that it cannot ask for what is finished.
struct by_hand {
  pool_spec spec = [] {
    auto out = spec_of(1);
    out.runs_in = rung::thread;
    return out;
  }();
  std::shared_ptr<pooling::inbox> in = std::make_shared<pooling::inbox>();
  pooling::engine brain{spec, "/p", 1};
  pooling::thread_driver hands{in, {"p", spec, nullptr, {}}};

  void step() {
    auto decided = brain.step(clock::now());
    for (auto& one : decided.orders)
      std::visit([this](auto& what) { hands.carry_out(std::move(what), clock::now()); }, one);
    hands.flush();
    hands.report(brain, clock::now());
    for (auto& one : decided.notices)
      if (auto* x = std::get_if<pooling::news::items_settled>(&one))
        x->task->sink->values(x->task->first + x->item, x->count, std::move(x->results), x->task->many, 0, x->ran_ms);
  }
  /// Reads what the thread tells until `done`; false after too long.
  template <class Done>
  bool hear_until(Done done) {
    for (const auto limit = clock::now() + patience; clock::now() < limit;) {
      if (hands.has_news()) hands.collect(brain, clock::now());
      if (done()) return true;
      std::this_thread::yield();
    }
    return false;
  }
};

/// Sends forty items, once it is known how long they run. False where they ran so long, on a busy machine, that few are
/// sent ahead.
bool is_told_of_each_item() {
  by_hand pool;
  pool.brain.start(clock::now());
  pool.step();
  EXPECT_TRUE(pool.hear_until([&] { return pool.brain.view(0).ready; }));
  auto body = std::make_shared<held_body>();
  auto sink = std::make_shared<counting_sink>();
  const auto submit = [&](std::uint32_t items) {
    auto job = std::make_shared<pooling::job>();
    job->many = body;
    job->sink = sink;
    job->items = items;
    job->batch = true;
    pool.brain.submit(std::move(job), clock::now());
    pool.step();
  };
  const auto hear_all = [&] {
    return pool.hear_until([&] {
      pool.step();
      return pool.brain.open() == 0;
    });
  };
  submit(1);
  EXPECT_TRUE(hear_all());
  submit(40);
  const auto sent = pool.brain.view(0).sent;
  const bool many = sent > 4;
  if (many) {
    // Nobody asks the thread: it says so itself that three are over, before it goes on with the one that stays.
    EXPECT_TRUE(pool.hear_until([&] { return pool.brain.open() == 37; }));
    EXPECT_EQ(pool.brain.view(0).sent, sent - 3);
  }
  body->let_go = true;
  EXPECT_TRUE(hear_all());
  EXPECT_EQ(sink->count, 41u);
  pool.brain.stop(false, clock::now());
  pool.step();
  EXPECT_TRUE(pool.hear_until([&] {
    pool.step();
    return pool.brain.finished();
  }));
  return many;
}

TEST(thread_batches, tell_of_each_item_before_the_next_one_begins) {
  bool told = false;
  for (int tries = 0; tries < 100 && !told && !HasFailure(); ++tries) told = is_told_of_each_item();
  EXPECT_TRUE(told) << "a short item took long a hundred times";
}

TEST(thread_batches, give_the_results_of_all_inputs_in_order) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(3));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto inputs = numbers(1, 50'000);
  EXPECT_EQ(pool.map([](std::int64_t n) { return n * n; }, inputs, one_by_one()), squares_of(inputs));
  EXPECT_EQ(pool.map(tasks().square, inputs, one_by_one()), squares_of(inputs));
  const auto texts = pool.map([](std::int64_t n) { return std::to_string(n); }, inputs, one_by_one());
  for (std::size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(texts[i], std::to_string(inputs[i]));
  EXPECT_EQ(pool.stats().succeeded, 150'000u);
}

TEST(thread_batches, fail_only_the_items_that_throw) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto inputs = numbers(1, 20'000);
  const auto outcomes = pool.map_outcomes(
      [](std::int64_t n) {
        if (n % 97 == 0) throw std::runtime_error("no multiple of 97");
        return n;
      },
      inputs, one_by_one());
  ASSERT_EQ(outcomes.size(), inputs.size());
  std::set<std::uint64_t> ids;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_EQ(outcomes[i].ok(), inputs[i] % 97 != 0) << inputs[i];
    if (outcomes[i].ok()) {
      ASSERT_EQ(outcomes[i].value(), inputs[i]);
    } else {
      EXPECT_TRUE(ids.insert(outcomes[i].error().task_id).second) << "each is a task of its own";
    }
  }
}

TEST(thread_batches, show_a_result_while_the_input_after_it_still_runs) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto inputs = numbers(0, 3'000);
  std::atomic<std::size_t> told{0};
  std::atomic<bool> in_time{false};
  auto options = one_by_one();
  options.progress = [&told](const map_progress& p) { told = p.done; };
  const auto hold = [&](std::int64_t n) {
    if (n != 2'500) return n;
    const auto end = clock::now() + patience;
    while (told < 2'500 && clock::now() < end) std::this_thread::yield();
    in_time = told == 2'500;
    return n;
  };
  EXPECT_EQ(pool.map(hold, inputs, options), inputs);
  EXPECT_TRUE(in_time);
}

TEST(thread_batches, end_at_a_stop_token_with_an_outcome_for_each) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::stop_source stop;
  auto options = one_by_one();
  options.stop = stop.get_token();
  std::atomic<int> ran{0};
  const auto inputs = numbers(0, 100'000);
  const auto outcomes = pool.map_outcomes(
      [&](std::int64_t n) {
        if (++ran == 20'000) stop.request_stop();
        return n;
      },
      inputs, options);
  ASSERT_EQ(outcomes.size(), inputs.size());
  std::size_t done = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i].ok()) continue;
    ++done;
    ASSERT_EQ(outcomes[i].value(), inputs[i]);
  }
  EXPECT_GE(done, 1u);
  EXPECT_LT(done, inputs.size());
  EXPECT_LE(done, static_cast<std::size_t>(ran.load()));
  EXPECT_EQ(pool.map([](std::int64_t n) { return n; }, numbers(1, 100), one_by_one()), numbers(1, 100));
}

TEST(thread_batches, abandon_a_thread_for_one_item_past_its_deadline) {
  surroundings around;
  auto spec = spec_of(2);
  spec.limits.attempts = 1;
  thread_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  auto options = one_by_one();
  options.deadline = std::chrono::milliseconds(50);
  std::atomic<bool> let_go{false};
  const auto inputs = numbers(0, 5'000);
  const auto outcomes = pool.map_outcomes(
      [&let_go](std::int64_t n) {
        const auto end = clock::now() + patience;
        while (n == 2'000 && !let_go && clock::now() < end) std::this_thread::yield();
        return n;
      },
      inputs, options);
  let_go = true;
  while (pool.stats().leaked_threads != 0) std::this_thread::yield();  // it reads what is ours
  ASSERT_EQ(outcomes.size(), inputs.size());
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_EQ(outcomes[i].ok(), i != 2'000) << i;
  }
  EXPECT_EQ(outcomes[2'000].error().kind, outcome_kind::deadline);
}

}  // namespace
}  // namespace steward::test
