#include "supervision/sampler.hpp"
#include "steward/child.hpp"
#include "tests/runtime/supervision/real_tree.hpp"
#include "work.hpp"

#include <gmock/gmock.h>

#include <map>
#include <numeric>
#include <thread>

// Figures of a tree that runs, with real threads and processes.

namespace steward::test {
namespace {

using namespace std::chrono_literals;
using enum operation;

struct counts {
  caf::behavior make_behavior() {
    return {[this](caf::add_atom) { return ++sum; }, [](crash_atom) { throw std::runtime_error("boom"); }};
  }
  std::int64_t sum = 0;
};

/// The latest sample of each path, and whoever waits for one.
class samples {
public:
  void put(const sample& x) {
    const std::lock_guard guard{mutex_};
    latest_[x.path] = x;
    ++count_;
    changed_.notify_all();
  }
  /// The first one of this path that is as wanted; what there is when none comes in time.
  template <class F>
  sample await(const std::string& path, F wanted) {
    std::unique_lock guard{mutex_};
    const auto is_there = [&] { return latest_.contains(path) && wanted(latest_.at(path)); };
    EXPECT_TRUE(changed_.wait_for(guard, 20s, is_there)) << path;
    return latest_[path];
  }
  bool has(const std::string& path) {
    const std::lock_guard guard{mutex_};
    return latest_.contains(path);
  }
  std::size_t count() {
    const std::lock_guard guard{mutex_};
    return count_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, sample> latest_;
  std::size_t count_ = 0;
};

class sampled_tree : public testing_support::real_tree {
protected:
  static supervisor_spec spec(rung how) {
    return {.intensity = {.restarts = 1000, .within = 60s},
            .children = {steward::child::actor<counts>("total"),
                         steward::child::pool("squares", {.task = "square", .runs_in = how, .size = {.workers = 2}})}};
  }
  sampler sample_each(supervisor& tree, milliseconds interval = 2ms) {
    return sampler{tree, interval, [this](const sample& x) { seen_.put(x); }};
  }

  samples seen_;
};

TEST_F(sampled_tree, shows_what_an_actor_has_handled_over_all_its_lives) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, spec(rung::thread)};
  ASSERT_TRUE(tree.start());
  const auto all = sample_each(tree);
  for (int i = 0; i < 5; ++i) ask<std::int64_t>(rt, tree.actor("/root/total"), caf::add_atom::value);
  auto x = seen_.await("/root/total", [](const sample& s) { return s.handled == 5U; });
  EXPECT_EQ(x.accepted, 5U);
  EXPECT_EQ(x.waiting, 0U);
  EXPECT_FALSE(x.workers || x.rss_kib);
  ASSERT_TRUE(tree.operate(stop, "/root/total"));
  ASSERT_TRUE(tree.operate(operation::start, "/root/total"));
  for (int i = 0; i < 2; ++i) ask<std::int64_t>(rt, tree.actor("/root/total"), caf::add_atom::value);
  seen_.await("/root/total", [](const sample& s) { return s.handled == 2U || s.handled == 7U; });
  EXPECT_FALSE(seen_.has("/root")) << "supervisors have no figures";
}

TEST_F(sampled_tree, shows_what_a_parked_actor_keeps) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, spec(rung::thread)};
  ASSERT_TRUE(tree.start());
  const auto all = sample_each(tree);
  ASSERT_TRUE(tree.operate(park, "/root/total"));
  for (int i = 0; i < 3; ++i) caf::anon_send(tree.actor("/root/total"), caf::add_atom::value);
  seen_.await("/root/total", [](const sample& s) { return s.waiting == 3U; });
}

TEST_F(sampled_tree, shows_how_much_a_pool_has_done_and_how_long_that_took) {
  for (const auto how : {rung::thread, rung::process}) {
    runtime rt{log_, work().tasks, actors_};
    supervisor tree{rt, spec(how)};
    ASSERT_TRUE(tree.start());
    samples seen;
    const sampler all{tree, 2ms, [&](const sample& x) { seen.put(x); }};
    std::vector<std::int64_t> inputs(100);
    std::iota(inputs.begin(), inputs.end(), 1);
    (void)tree.pool("/root/squares").map(work().square, inputs);
    const auto x = seen.await("/root/squares", [](const sample& s) { return s.succeeded == 100U; });
    EXPECT_EQ(x.submitted, 100U);
    EXPECT_EQ(x.workers, 2U);
    EXPECT_EQ(x.queued, 0U);
    ASSERT_EQ(x.run_times.size(), time_buckets);
    EXPECT_EQ(std::accumulate(x.run_times.begin(), x.run_times.end(), std::uint64_t{0}), 100U);
    ASSERT_EQ(x.wait_times.size(), time_buckets);
    EXPECT_EQ(std::accumulate(x.wait_times.begin(), x.wait_times.end(), std::uint64_t{0}), 100U);
    EXPECT_TRUE(x.in_hand.empty());
    if (how == rung::process)
      seen.await("/root/squares/w1", [](const sample& s) { return s.rss_kib > 0U; });
    else
      EXPECT_FALSE(seen.has("/root/squares/w1")) << "threads have no figures of their own";
  }
}

TEST_F(sampled_tree, shows_memory_and_processor_of_workers_and_of_the_program) {
  runtime rt{log_, work().tasks, actors_};
  auto tree_spec = spec(rung::process);
  std::get<pool_spec>(tree_spec.children[1].what).size.workers = 1;
  supervisor tree{rt, tree_spec};
  ASSERT_TRUE(tree.start());
  const auto all = sample_each(tree, 50ms);
  auto spinning = tree.pool("/root/squares").submit(work().spin, std::int64_t{1});
  const auto worker = seen_.await("/root/squares/w1", [](const sample& s) { return s.cpu_percent > 10.0; });
  EXPECT_GT(worker.rss_kib, 100U);
  const auto own = seen_.await("", [](const sample& s) { return s.cpu_percent.has_value(); });
  EXPECT_GT(own.rss_kib, 1'000U);
  EXPECT_GE(own.threads, 4U);
  EXPECT_GE(own.descriptors, 3U);
  const auto busy = seen_.await("/root/squares", [](const sample& s) { return !s.in_hand.empty(); });
  ASSERT_EQ(busy.in_hand.size(), 1U);
  const auto& task = busy.in_hand.front();
  EXPECT_EQ(task.worker, "w1");
  EXPECT_EQ(task.task, "spin");
  EXPECT_NE(task.id, 0U);
  EXPECT_LT(task.since, busy.at);
  spinning.cancel();
  (void)spinning.get();
}

TEST_F(sampled_tree, shows_what_each_thread_of_a_pool_runs_and_since_when) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, spec(rung::thread)};
  ASSERT_TRUE(tree.start());
  const auto all = sample_each(tree);
  const auto before = std::chrono::system_clock::now();
  auto first = tree.pool("/root/squares").submit(work().spin, std::int64_t{1});
  seen_.await("/root/squares", [](const sample& s) { return s.in_hand.size() == 1; });
  auto second = tree.pool("/root/squares").submit(work().spin, std::int64_t{1});
  const auto x = seen_.await("/root/squares", [](const sample& s) { return s.in_hand.size() == 2; });
  EXPECT_EQ(x.in_hand[0].task, "spin");
  EXPECT_LT(x.in_hand[0].since, x.in_hand[1].since) << "who runs longest comes first";
  EXPECT_LE(before - 1ms, x.in_hand[0].since) << "two clocks were read, one after the other";
  EXPECT_NE(x.in_hand[0].worker, x.in_hand[1].worker);
  first.cancel();
  second.cancel();
  (void)first.get();
  (void)second.get();
  seen_.await("/root/squares", [](const sample& s) { return s.in_hand.empty(); });
}

TEST_F(sampled_tree, is_not_looked_at_before_an_interval_is_over_and_the_end_is_prompt) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, spec(rung::thread)};
  ASSERT_TRUE(tree.start());
  const auto begun = std::chrono::steady_clock::now();
  { const auto all = sample_each(tree, 1h); }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
  EXPECT_EQ(seen_.count(), 0U);
}

TEST_F(sampled_tree, may_be_hurt_and_changed_meanwhile) {
  runtime rt{log_, work().tasks, actors_};
  supervisor_spec dynamic{.strategy = strategy::simple_one_for_one, .children = {steward::child::actor<counts>("one")}};
  dynamic.initial = 50;
  auto tree_spec = spec(rung::process);
  tree_spec.children.push_back(steward::child::supervisor("many", dynamic));
  supervisor tree{rt, tree_spec};
  ASSERT_TRUE(tree.start());
  {
    const auto all = sample_each(tree, 1ms);
    for (int n = 0; n < 20; ++n) {
      (void)tree.operate(kill, "/root/squares/w1");
      (void)tree.operate(restart, n % 2 == 0 ? "/root/squares" : "/root/total");
      (void)tree.start_child("/root/many", param_map{});
      (void)tree.terminate_child("/root/many/one-" + std::to_string(n + 1));
    }
    seen_.await("/root/many/one-60", [](const sample&) { return true; });
  }
  tree.stop();
}

TEST_F(sampled_tree, has_figures_of_ten_thousand_children_whatever_the_thread_of_the_tree_does) {
  runtime rt{log_, work().tasks, actors_};
  supervisor_spec many{.strategy = strategy::simple_one_for_one, .children = {steward::child::actor<counts>("one")}};
  many.initial = 10'000;
  supervisor tree{rt, many};
  ASSERT_TRUE(tree.start());
  testing_support::gate door;
  tree.watch("/root/nobody", [&](const child_end&) { door.pass(); });  // on that thread
  ASSERT_TRUE(door.await(1));
  std::size_t seen = 0;
  const auto begun = std::chrono::steady_clock::now();
  tree.figures([&](const sample& x, int pid) { seen += x.accepted && pid == 0 ? 1U : 0U; });
  const auto took = std::chrono::steady_clock::now() - begun;
  RecordProperty("us", std::to_string(took / 1us));
  door.open();
  EXPECT_EQ(seen, 10'000U);
}

TEST_F(sampled_tree, may_be_over_already) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, spec(rung::process)};
  const auto all = sample_each(tree);
  seen_.await("", [](const sample& s) { return s.rss_kib > 0U; });
  ASSERT_TRUE(tree.start());
  seen_.await("/root/squares", [](const sample& s) { return s.ready == 2U; });
  tree.stop();
  const auto before = seen_.count();
  seen_.await("", [&, n = 0](const sample&) mutable { return ++n > 3; });
  EXPECT_GT(seen_.count(), before);
}

}  // namespace
}  // namespace steward::test
