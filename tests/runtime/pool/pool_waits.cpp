// Tasks that wait for their own pool: for others of its tasks, for maps, and for room in its queue.
#include "engine_case.hpp"
#include "pool/thread_driver.hpp"
#include "support.hpp"

#include <iterator>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

namespace {

using namespace steward;
using namespace steward::test;

int plus_one(int x) { return x + 1; }

pool_spec crowded(unsigned workers, unsigned queue_limit) {
  auto spec = spec_of(workers);
  spec.limits.queue_limit = queue_limit;
  spec.limits.on_full = full_policy::block;
  return spec;
}

TEST(pool_waits, of_all_workers_for_room_in_their_own_queue_end_with_an_error) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", crowded(1, 2));
  ASSERT_EQ(pool.start(), std::nullopt);
  auto submits = pool.submit([&] {
    auto first = pool.submit(plus_one, 1);
    auto second = pool.submit(plus_one, 2);
    return std::pair{std::move(first), std::make_shared<outcome<int>>(second.get())};
  });
  auto [first, second] = std::move(get_soon(submits).value());
  ASSERT_FALSE(second->ok()) << "nobody could ever make room for it";
  EXPECT_EQ(second->error().kind, outcome_kind::rejected);
  EXPECT_EQ(second->error().work, work_state::not_started);
  EXPECT_NE(second->error().why.message.find("room in the queue"), std::string::npos) << second->error().why.message;
  EXPECT_EQ(get_soon(first).value(), 2) << "what was let in is run";
  EXPECT_EQ(pool.stats().rejected, 1U);
}

/// Runs `what` in a task of a pool of one worker whose queue that task fills.
template <class F>
outcome<std::string> in_a_full_pool(F what) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", crowded(1, 1));
  EXPECT_EQ(pool.start(), std::nullopt);
  auto inside = pool.submit([&] { return std::string(what(pool)); });
  auto out = get_soon(inside);
  auto after = pool.submit(plus_one, 1);
  EXPECT_EQ(get_soon(after).value(), 2);
  return out;
}

/// Three inputs, each made by a task of another pool when it is read: 1 where that has a value, else -2.
struct made_elsewhere {
  struct iterator {
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = std::int64_t;

    const made_elsewhere* all = nullptr;
    int at = 0;

    std::int64_t operator*() const { return all->pool->submit(plus_one, at).get().ok() ? 1 : -2; }
    iterator& operator++() {
      ++at;
      return *this;
    }
    void operator++(int) { ++at; }
    friend bool operator==(const iterator& a, const iterator& b) { return a.at == b.at; }
  };
  thread_pool* pool;

  iterator begin() const { return {this, 0}; }
  iterator end() const { return {this, 3}; }
};

TEST(pool_waits, of_maps_and_of_lazy_inputs_for_room_end_with_an_error) {
  const auto inputs = numbers(1, 3);
  const auto square = tasks().square;
  const auto mapped = in_a_full_pool([&](thread_pool& pool) { return std::to_string(pool.map(square, inputs)[0]); });
  EXPECT_EQ(mapped.error().why.exception, "steward::task_failed") << describe(mapped.error());
  const auto unordered =
      in_a_full_pool([&](thread_pool& pool) { return std::to_string(pool.map_unordered(square, inputs)[0]); });
  EXPECT_EQ(unordered.error().why.exception, "steward::task_failed") << describe(unordered.error());
  const auto completed = in_a_full_pool([&](thread_pool& pool) {
    std::string said;
    for (auto& [index, one] : pool.as_completed(square, inputs)) said += one.ok() ? "value " : "error ";
    return said;
  });
  EXPECT_EQ(completed.value(), "error ");
  const auto limited = in_a_full_pool([&](thread_pool& pool) {
    map_options options;
    options.within = infinity;
    std::stop_source never;
    options.stop = never.get_token();
    const auto all = pool.map_outcomes(square, inputs, options);
    return all[0].error().why.message;
  });
  EXPECT_NE(limited.value().find("room in the queue"), std::string::npos) << limited.value();
  // Inputs that are read from a task of another pool, whose reading waits for the full one.
  const auto lazy = in_a_full_pool([&](thread_pool& pool) {
    surroundings beside;
    thread_pool other(beside.environment(), "others", spec_of(1));
    std::string said;
    for (const auto x : other.map(square, made_elsewhere{&pool})) said += std::to_string(x) + " ";
    return said;
  });
  EXPECT_EQ(lazy.value(), "4 4 4 ");
}

TEST(pool_waits, for_room_go_on_where_a_worker_is_left_to_make_it) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", crowded(2, 3));
  auto submits = pool.submit([&] {
    int sum = 0;
    std::vector<task_future<int>> all;
    for (int i = 0; i < 200; ++i) all.push_back(pool.submit(plus_one, i));
    for (auto& one : all) sum += one.get().value();
    return sum;
  });
  EXPECT_EQ(get_soon(submits).value(), 200 * 201 / 2);
  EXPECT_EQ(pool.stats().rejected, 0U);
}

TEST(pool_waits, of_several_workers_for_room_are_ended_one_by_one) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", crowded(2, 3));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::latch both{2};
  const auto submits_two = [&] {
    both.arrive_and_wait();
    std::vector<task_future<int>> out;
    for (int i = 0; i < 2; ++i) out.push_back(pool.submit(plus_one, i));
    return out;
  };
  auto a = pool.submit(submits_two);
  auto b = pool.submit(submits_two);
  int values = 0;
  int errors = 0;
  for (auto* one : {&a, &b}) {
    auto got = std::move(get_soon(*one).value());
    for (auto& inner : got) (get_soon(inner).ok() ? values : errors) += 1;
  }
  EXPECT_GE(errors, 1);
  EXPECT_LE(errors, 2) << "a wait that has ended makes room for the others";
  EXPECT_EQ(values + errors, 4);
}

TEST(pool_waits, for_room_start_a_pool_that_nobody_has_started) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", crowded(1, 1));
  auto first = pool.submit(plus_one, 1);
  auto second = pool.submit(plus_one, 2);
  EXPECT_EQ(get_soon(first).value(), 2);
  EXPECT_EQ(get_soon(second).value(), 3);
}

TEST(pool_waits, for_room_are_no_wait_in_a_callback_of_the_pool) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", crowded(1, 1));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::promise<outcome_kind> refused;
  std::optional<task_future<int>> inside;
  bytes args;
  encode_all(args, std::int64_t{2});
  pool.untyped().submit(*tasks().square.entry, args, [&](const outcome<bytes>&) {
    inside = pool.submit(plus_one, 1);
    pool.untyped().submit(*tasks().square.entry, args,
                          [&](const outcome<bytes>& one) { refused.set_value(one.error().kind); });
  });
  auto kind = refused.get_future();
  EXPECT_EQ(get_soon(kind), outcome_kind::rejected);
  EXPECT_EQ(get_soon(*inside).value(), 2);
}

class engine_waits : public engine_case {
protected:
  static awaited for_task(const job_ptr& x) { return {x, nullptr, nullptr}; }
};

TEST_F(engine_waits, are_not_ended_while_what_one_waits_for_has_come) {
  make_ready({}, 2);
  const auto outer_a = submit_one();
  const auto outer_b = submit_one();
  const auto a = next_assigned();
  const auto b = next_assigned();
  const auto inner_a = submit_one();
  const auto inner_b = submit_one();
  ASSERT_TRUE(assigned.empty());
  brain->worker_waits(a.worker, for_task(inner_a));
  brain->cancel(inner_a, now);
  step();
  EXPECT_EQ(outcomes[2].count, 1);
  // Its thread has not woken yet, so both seem to wait.
  brain->worker_waits(b.worker, for_task(inner_b));
  step();
  EXPECT_EQ(outcomes[3].count, 0) << "the other worker goes on, and will run it";
  brain->worker_waits(a.worker, std::nullopt);
  answer_ok(a);
  EXPECT_EQ(next_assigned().task, inner_b);
}

TEST_F(engine_waits, are_ended_one_at_a_time) {
  make_ready({}, 2);
  submit_one();
  submit_one();
  const auto a = next_assigned();
  const auto b = next_assigned();
  int refused = 0;
  const awaited room{nullptr, nullptr, [] { return false; }, [&] { ++refused; }};
  brain->worker_waits(a.worker, room);
  step();
  EXPECT_EQ(refused, 0) << "the other worker may make some";
  brain->worker_waits(b.worker, room);
  step();
  step();
  EXPECT_EQ(refused, 1) << "that one goes on, and may make room for the other";
  brain->worker_waits(a.worker, std::nullopt);
  brain->worker_waits(a.worker, room);
  step();
  EXPECT_EQ(refused, 2);
}

/// A driver and its ledger without a pool around them.
class thread_answers : public ::testing::Test {
protected:
  thread_answers() : driver(in, {"squares", spec_of(1)}), brain(spec_of(1), "/root/squares", 1) {}

  /// Carries out and hears, until `done`.
  template <class F>
  ::testing::AssertionResult until(F done) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!done()) {
      const auto now = std::chrono::steady_clock::now();
      if (now > end) return ::testing::AssertionFailure() << "not in time";
      auto decided = brain.step(now);
      for (auto& one : decided.orders) std::visit([&](auto& what) { driver.carry_out(std::move(what), now); }, one);
      driver.flush();
      driver.report(brain, now);
      for (auto& one : decided.notices) {
        if (auto* told = std::get_if<news::happened>(&one)) events.push_back(*told->what);
        if (auto* settled = std::get_if<news::settled>(&one)) outcomes.push_back(settled->result.ok());
      }
      if (done()) break;
      in->about_to_sleep();
      pollfd woken{in->fd(), POLLIN, 0};
      if (!driver.has_news()) ::poll(&woken, 1, 1'000);
      in->awake(woken.revents != 0);
      driver.collect(brain, std::chrono::steady_clock::now());
    }
    return ::testing::AssertionSuccess();
  }

  std::shared_ptr<inbox> in = std::make_shared<inbox>();
  thread_driver driver;
  engine brain;
  std::vector<event> events;
  std::vector<bool> outcomes;
};

struct nothing : detail::pool_call {
  void run(const task_context&) override {}
};

TEST_F(thread_answers, that_nobody_asked_for_cost_the_worker_and_no_task_its_outcome) {
  brain.start(std::chrono::steady_clock::now());
  ASSERT_TRUE(until([&] { return brain.view(0).ready; }));
  auto stranger = std::make_shared<job>();
  stranger->body = std::make_shared<nothing>();
  driver.carry_out(act::assign{{0, brain.view(0).incarnation}, 999, 1, stranger}, std::chrono::steady_clock::now());
  driver.flush();
  auto own = std::make_shared<job>();
  own->body = std::make_shared<nothing>();
  own->done = [](const outcome<bytes>&) {};
  brain.submit(own, std::chrono::steady_clock::now());
  ASSERT_TRUE(until([&] { return !outcomes.empty(); }));
  EXPECT_TRUE(outcomes[0]);
  EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const event& e) {
    return e.why && e.why->cls == cause_class::protocol;
  })) << "the worker is not told as dead";
  brain.stop(false, std::chrono::steady_clock::now());
  EXPECT_TRUE(until([&] { return brain.finished(); }));
}

}  // namespace
