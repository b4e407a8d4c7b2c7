#include "steward/child.hpp"
#include "steward/supervisor.hpp"
#include "steward/watch.hpp"
#include "tests/runtime/supervision/real_tree.hpp"

#include <algorithm>
#include <functional>
#include <future>

// Watching from a program, and pools, on real threads.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;

struct victim {
  caf::behavior make_behavior() {
    return {[](crash_atom) { throw std::runtime_error("boom"); }, [](caf::get_atom) { return std::int64_t{1}; }};
  }
};

/// Tells the program what it hears.
struct listener {
  listener(self_ptr x, std::shared_ptr<std::promise<child_end>> y) : self(x), heard(std::move(y)) { watch(x, "pool"); }
  caf::behavior make_behavior() {
    return {[this](const child_end& x) { heard->set_value(x); }, [](caf::get_atom) { return std::int64_t{1}; }};
  }
  self_ptr self;
  std::shared_ptr<std::promise<child_end>> heard;
};

class watching_outside : public real_tree {
protected:
  static constexpr auto limit = 20s;

  static child_spec actor(std::string id) {
    return child::actor<victim>(std::move(id), {}, {.backoff = {.min = 0ms, .max = 0ms, .jitter = 0.0}});
  }
  child_end got(std::future<child_end>& x) {
    if (x.wait_for(limit) != std::future_status::ready) {
      ADD_FAILURE() << "nothing was heard";
      return {};
    }
    return x.get();
  }
};

TEST_F(watching_outside, gives_a_future_that_is_ready_when_the_child_has_ended) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {actor("a")}}};
  ASSERT_TRUE(tree.start());
  auto heard = tree.watch("/root/a");
  EXPECT_EQ(ask<std::int64_t>(rt, tree.actor("/root/a"), caf::get_atom::value), 1);
  EXPECT_EQ(heard.wait_for(0ms), std::future_status::timeout);
  port::send_anonymously(tree.actor("/root/a"), crash_atom::value);
  const auto end = got(heard);
  EXPECT_EQ(end.path, "/root/a");
  EXPECT_EQ(end.incarnation, 1U);
  EXPECT_EQ(end.how, end_kind::crashed);
  EXPECT_EQ(end.next, after_end::restart);
  EXPECT_EQ(end.why.exception, "std::runtime_error");
}

TEST_F(watching_outside, calls_back_on_the_trees_thread_and_may_watch_again_there) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.intensity = {.restarts = 100, .within = 60s}, .children = {actor("a")}}};
  ASSERT_TRUE(tree.start());
  std::promise<void> thrice;
  auto done = thrice.get_future();
  std::vector<std::uint64_t> lives;
  std::function<void(const child_end&)> again = [&](const child_end& x) {
    lives.push_back(x.incarnation);
    if (lives.size() == 3) return thrice.set_value();
    tree.watch(x.path, again);
    port::send_anonymously(tree.actor(x.path), crash_atom::value);
  };
  tree.watch("/root/a", again);
  port::send_anonymously(tree.actor("/root/a"), crash_atom::value);
  ASSERT_EQ(done.wait_for(limit), std::future_status::ready);
  EXPECT_TRUE(std::is_sorted(lives.begin(), lives.end()));
  EXPECT_EQ(std::adjacent_find(lives.begin(), lives.end()), lives.end()) << "no end is told twice";
}

TEST_F(watching_outside, a_pool_is_told_of_to_the_program_and_to_an_actor) {
  runtime rt{log_, tasks_, actors_};
  auto heard_inside = std::make_shared<std::promise<child_end>>();
  auto inside = heard_inside->get_future();
  supervisor tree{rt,
                  {.children = {child::pool("pool", {.runs_in = rung::thread, .size = {.workers = 1}},
                                            {.restart = restart_type::temporary}),
                                child::actor("listener", [heard_inside](self_ptr self) {
                                  return listener{self, heard_inside};
                                })}}};
  ASSERT_TRUE(tree.start());
  auto outside = tree.watch("/root/pool");
  ASSERT_EQ(ask<std::int64_t>(rt, tree.actor("/root/listener"), caf::get_atom::value), 1);
  ASSERT_TRUE(tree.terminate_child("/root/pool"));
  EXPECT_EQ(got(outside).how, end_kind::stopped);
  EXPECT_EQ(got(inside).path, "/root/pool");
}

TEST_F(watching_outside, answers_at_once_for_what_is_gone_or_never_was) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {actor("a")}}};
  auto before = tree.watch("/root/a");
  EXPECT_EQ(got(before).how, end_kind::unknown) << "the tree was not started";
  ASSERT_TRUE(tree.start());
  auto nobody = tree.watch("/root/nobody");
  EXPECT_EQ(got(nobody).how, end_kind::unknown);
  ASSERT_TRUE(tree.terminate_child("/root/a"));
  auto gone = tree.watch("/root/a");
  EXPECT_EQ(got(gone).how, end_kind::stopped);
}

TEST_F(watching_outside, hears_of_the_end_of_the_tree_at_the_latest) {
  runtime rt{log_, tasks_, actors_};
  std::future<child_end> child_heard;
  std::future<child_end> tree_heard;
  {
    supervisor tree{rt, {.children = {actor("a")}}};
    ASSERT_TRUE(tree.start());
    child_heard = tree.watch("/root/a");
    tree_heard = tree.watch("/root");
  }
  EXPECT_EQ(got(child_heard).how, end_kind::stopped);
  EXPECT_EQ(got(tree_heard).how, end_kind::stopped);
}

TEST_F(watching_outside, is_answered_by_a_tree_that_ends_before_it_was_begun) {
  runtime rt{log_, tasks_, actors_};
  std::future<child_end> heard;
  {
    supervisor tree{rt, {.children = {actor("a")}}};
    heard = tree.watch("/root/a");
  }
  EXPECT_NE(got(heard).how, end_kind::crashed);
}

TEST_F(watching_outside, many_watches_of_crashing_children_are_each_told_once) {
  constexpr int children = 50;
  runtime rt{log_, tasks_, actors_};
  supervisor_spec spec{.intensity = {.restarts = 10'000, .within = 60s}};
  for (int i = 0; i < children; ++i) spec.children.push_back(actor("a" + std::to_string(i)));
  supervisor tree{rt, spec};
  ASSERT_TRUE(tree.start());
  std::vector<std::future<child_end>> all;
  for (int i = 0; i < children; ++i) {
    const auto path = "/root/a" + std::to_string(i);
    all.push_back(tree.watch(path));
    all.push_back(tree.watch(path));
    ASSERT_EQ(tree.which_child(path)->status, child_status::running) << "the watches are there now";
    for (int n = 0; n < 3; ++n) port::send_anonymously(tree.actor(path), crash_atom::value);
  }
  for (auto& one : all) {
    const auto end = got(one);
    EXPECT_EQ(end.how, end_kind::crashed);
    EXPECT_EQ(end.incarnation, 1U) << "the first end after the watch, not a later one";
  }
}

}  // namespace
}  // namespace steward::testing_support
