#include "actors/ready_made.hpp"
#include "steward/supervisor.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace steward;

/// A runtime on real threads.
class runtime_test : public ::testing::Test {
protected:
  runtime_test() {
    ready_made::register_all(tasks_, actors_);
    log_.add_sink([this](const event& e) { events_.push_back(e); });
  }

  static supervisor_spec tree_of(std::vector<child_spec> children, intensity limit = {100, 60s}) {
    supervisor_spec out;
    out.intensity = limit;
    out.children = std::move(children);
    return out;
  }
  static child_spec counter(std::string id) {
    child_spec out;
    out.id = std::move(id);
    out.what = actor_spec{"counter", {{"start", {std::int64_t{0}}}}};
    return out;
  }
  static child_spec thread_pool_of(std::string id, unsigned workers) {
    child_spec out;
    out.id = std::move(id);
    pool_spec pool;
    pool.task = "square";
    pool.runs_in = rung::thread;
    pool.size.workers = workers;
    out.what = pool;
    return out;
  }

  template <class Result, class... Ts>
  std::optional<Result> ask(runtime& rt, const caf::actor& who, Ts&&... message) {
    caf::scoped_actor self{rt.system()};
    std::optional<Result> out;
    port::ask(self.ptr(), who, milliseconds{20'000}, std::forward<Ts>(message)...)
        .receive([&](Result& x) { out = std::move(x); }, [](caf::error&) {});
    return out;
  }

  event_log log_{"test"};
  std::vector<event> events_;
  task_registry tasks_;
  actor_registry actors_;
};

TEST_F(runtime_test, starts_and_ends_without_a_tree) { runtime rt{log_, tasks_, actors_}; }

TEST_F(runtime_test, makes_nothing_of_options_that_cannot_be) {
  const auto make = [this](auto change) {
    runtime_options options;
    change(options);
    runtime rt{log_, tasks_, actors_, std::move(options)};
  };
  EXPECT_THROW(make([](auto& x) { x.threads = static_cast<std::size_t>(-1); }), std::invalid_argument);
  EXPECT_THROW(make([](auto& x) { x.end_within = -1ms; }), std::invalid_argument);
  EXPECT_THROW(make([](auto& x) { x.admin_within = -1ms; }), std::invalid_argument);
  EXPECT_THROW(make([](auto& x) { x.gather = infinity; }), std::invalid_argument);
}

TEST_F(runtime_test, takes_infinity_for_its_limits) {
  runtime_options options;
  options.admin_within = options.end_within = infinity;
  runtime rt{log_, tasks_, actors_, std::move(options)};
  supervisor tree{rt, tree_of({counter("a")})};
  ASSERT_TRUE(tree.start().ok);
  EXPECT_TRUE(tree.which_child("/root/a").has_value()) << "the answer was waited for";
  EXPECT_TRUE(tree.stop_within(infinity));
}

TEST_F(runtime_test, starts_a_tree_restarts_what_crashes_and_stops) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({counter("a")})};
  ASSERT_TRUE(tree.start().ok);
  const auto a = tree.actor("/root/a");
  EXPECT_EQ(ask<std::int64_t>(rt, a, caf::add_atom::value, std::int64_t{4}), 4);
  ask<std::int64_t>(rt, a, crash_atom::value);
  EXPECT_EQ(ask<std::int64_t>(rt, a, caf::get_atom::value), 0);
  tree.stop();
  EXPECT_EQ(tree.end(), tree_end::finished);
}

TEST_F(runtime_test, handles_what_many_senders_queue_behind_crashes) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({counter("a")}, {1'000'000, 60s})};
  ASSERT_TRUE(tree.start().ok);
  const auto a = tree.actor("/root/a");
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t)
    senders.emplace_back([&a] {
      for (int i = 0; i < 500; ++i) port::send_anonymously(a, caf::add_atom::value, std::int64_t{1});
    });
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(ask<std::int64_t>(rt, a, caf::get_atom::value), 2000);
  port::send_anonymously(a, crash_atom::value);
  for (int i = 0; i < 100; ++i) port::send_anonymously(a, caf::add_atom::value, std::int64_t{1});
  EXPECT_EQ(ask<std::int64_t>(rt, a, caf::get_atom::value), 100);
}

TEST_F(runtime_test, a_tree_holds_pools_that_run_tasks) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({thread_pool_of("squares", 3)})};
  ASSERT_TRUE(tree.start().ok);
  const auto squares = tree.pool_at("/root/squares");
  ASSERT_TRUE(squares);
  const auto& square = *tasks_.find("square");
  std::vector<bytes> inputs(100);
  for (std::int64_t i = 0; i < 100; ++i) encode_all(inputs[static_cast<std::size_t>(i)], i);
  const auto outcomes = squares->map(square, inputs);
  for (std::int64_t i = 0; i < 100; ++i)
    EXPECT_EQ(decode_all<std::int64_t>(outcomes[static_cast<std::size_t>(i)].value()), i * i);
}

TEST_F(runtime_test, a_failed_start_names_the_child_and_leaves_nothing) {
  runtime rt{log_, tasks_, actors_};
  auto bad = counter("bad");
  bad.what =
      actor_spec{"adder", {{"list", {std::string{"a"}}}, {"min", {std::int64_t{2}}}, {"max", {std::int64_t{1}}}}};
  supervisor tree{rt, tree_of({counter("a"), thread_pool_of("p", 2), bad})};
  const auto started = tree.start();
  EXPECT_FALSE(started.ok);
  EXPECT_EQ(started.failed_child, "/root/bad");
  EXPECT_FALSE(tree.actor("/root/a"));
  EXPECT_EQ(describe(tree.ask<int>("/root/a", 1s, caf::get_atom::value).error()),
            "not found: there is no actor at /root/a");
  EXPECT_FALSE(tree.pool_at("/root/p"));
}

TEST_F(runtime_test, a_root_that_gives_up_says_so) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({counter("a")}, {0, 5s})};
  ASSERT_TRUE(tree.start().ok);
  port::send_anonymously(tree.actor("/root/a"), crash_atom::value);
  ASSERT_TRUE(tree.wait_until(std::chrono::steady_clock::now() + 20s));
  EXPECT_EQ(tree.end(), tree_end::gave_up);
  EXPECT_EQ(tree.end_cause().message, "crash requested");
}

TEST_F(runtime_test, a_tree_that_was_never_started_can_go) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({counter("a")})};
}

TEST_F(runtime_test, a_tree_that_was_to_stop_before_it_was_started_starts_nothing) {
  {
    runtime rt{log_, tasks_, actors_};
    supervisor tree{rt, tree_of({counter("a")})};
    tree.request_stop();
    const auto started = tree.start();
    EXPECT_FALSE(started.ok);
    EXPECT_TRUE(started.failed_child.empty());
    EXPECT_TRUE(tree.wait_until(std::chrono::steady_clock::now() + 20s));
    EXPECT_EQ(tree.end(), tree_end::finished);
  }
  for (const auto& e : events_) EXPECT_NE(e.kind, event_kind::start) << e.actor;
}

TEST_F(runtime_test, a_tree_that_is_to_stop_while_it_starts_stops) {
  runtime rt{log_, tasks_, actors_};
  for (int round = 0; round < 50; ++round) {
    supervisor tree{rt, tree_of({counter("a"), counter("b")})};
    std::thread other{[&] { tree.request_stop(); }};
    std::ignore = tree.start();
    other.join();
    EXPECT_TRUE(tree.wait_until(std::chrono::steady_clock::now() + 20s));
    EXPECT_EQ(tree.end(), tree_end::finished);
  }
}

TEST_F(runtime_test, starts_and_ends_fifty_trees_in_a_row) {
  for (int i = 0; i < 50; ++i) {
    runtime rt{log_, tasks_, actors_};
    supervisor tree{rt, tree_of({counter("a"), thread_pool_of("p", 2), counter("b")})};
    ASSERT_TRUE(tree.start().ok);
  }
}

}  // namespace
