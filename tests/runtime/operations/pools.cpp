#include "observe/run_view.hpp"
#include "steward/child.hpp"
#include "tests/runtime/supervision/real_tree.hpp"
#include "work.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

// What operators do to pools and to their workers, with real processes.

namespace steward::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using enum operation;

class pool_operations : public testing_support::real_tree {
protected:
  pool_operations() {
    log_.add_sink([this](const event& e) {
      const std::lock_guard guard{view_mutex_};
      fold(view_, e);
    });
  }

  /// What the events tell of a child.
  std::string told_of(const std::string& path) {
    const std::lock_guard guard{view_mutex_};
    const auto* x = view_.find(path);
    return x != nullptr ? std::string{to_string(x->status)} + " #" + std::to_string(x->incarnation) : "not there";
  }
  std::optional<unsigned> told_size() {
    const std::lock_guard guard{view_mutex_};
    const auto* x = view_.find("/root/squares");
    return x != nullptr && x->pool ? x->pool->workers : std::nullopt;
  }

  static supervisor_spec squares(rung how, unsigned workers = 2) {
    return {.intensity = {.restarts = 10, .within = 60s},
            .children = {
                steward::child::pool("squares", {.task = "square", .runs_in = how, .size = {.workers = workers}})}};
  }
  static worker_stats worker(const supervisor& tree, const std::string& name) {
    for (const auto& one : tree.pool_at("/root/squares")->stats().each)
      if (one.name == name) return one;
    return {};
  }
  /// The square of 3; 0 when there is none.
  static std::int64_t nine_of(const std::shared_ptr<pool>& squares) {
    if (!squares) return 0;
    const auto out = tree_pool{squares}.submit(work().square, std::int64_t{3}).get();
    return out.ok() ? out.value() : 0;
  }
  event last(event_kind kind) {
    const auto all = events_of(kind);
    return all.empty() ? event{} : all.back();
  }

private:
  std::mutex view_mutex_;
  run_view view_;
};

TEST_F(pool_operations, kill_of_a_worker_ends_its_process_and_its_task_runs_again) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, squares(rung::process, 1)};
  ASSERT_TRUE(tree.start());
  const auto stuck = work().stuck->load();
  auto future = tree.pool("/root/squares").submit(work().stuck_once, std::int64_t{7});
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (*work().stuck == stuck && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  ASSERT_EQ(*work().stuck, stuck + 1);
  const auto before = worker(tree, "w1");
  ASSERT_EQ(tree.operate(kill, "/root/squares/w1", "uid 1000 (ann)").code, admin_code::ok);
  EXPECT_EQ(future.get().value(), 7) << "the second attempt";
  EXPECT_EQ(worker(tree, "w1").incarnation, before.incarnation + 1);
  EXPECT_EQ(::kill(before.pid, 0), -1) << "nothing is left of it";
  const auto crash = last(event_kind::crash);
  EXPECT_EQ(crash.actor, "/root/squares/w1");
  EXPECT_EQ(crash.why->cls, cause_class::killed);
  EXPECT_EQ(crash.why->message, "killed by uid 1000 (ann)");
  EXPECT_EQ(crash.decision->restarts, 1U) << "charged";
  EXPECT_EQ(crash.task_fate, "requeued");
  const auto told = events_of(event_kind::operator_);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].text, "kill of /root/squares/w1");
  EXPECT_EQ(*told[0].by, "uid 1000 (ann)");
  EXPECT_LT(told[0].seq, crash.seq);
}

TEST_F(pool_operations, kill_of_a_worker_that_there_is_not_is_refused) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, squares(rung::process)};
  ASSERT_TRUE(tree.start());
  for (const char* name : {"w0", "w3", "w", "w22", "x", ""}) {
    const auto out = tree.operate(kill, std::string{"/root/squares/"} + name, "web");
    EXPECT_EQ(out.code, admin_code::not_running) << name;
    EXPECT_THAT(last(event_kind::operator_).text, HasSubstr("was refused: there is no such worker now"));
  }
  for (const auto what : {operation::start, stop, restart, park, revive}) {
    const auto out = tree.operate(what, "/root/squares/w1", "web");
    EXPECT_EQ(out.code, admin_code::unsupported);
    EXPECT_THAT(out.why.message, HasSubstr("a worker is its pool's"));
  }
  EXPECT_TRUE(events_of(event_kind::crash).empty());
}

TEST_F(pool_operations, threads_are_not_killed) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, squares(rung::thread)};
  ASSERT_TRUE(tree.start());
  const auto out = tree.operate(kill, "/root/squares/w1", "web");
  EXPECT_EQ(out.code, admin_code::unsupported);
  EXPECT_THAT(out.why.message, HasSubstr("threads cannot be killed"));
  EXPECT_EQ(tree.pool("/root/squares").submit(work().square, std::int64_t{3}).get().value(), 9);
}

TEST_F(pool_operations, a_pool_is_restarted_parked_revived_and_killed_as_any_child) {
  for (const auto how : {rung::process, rung::thread}) {
    runtime rt{log_, work().tasks, actors_};
    supervisor tree{rt, squares(how)};
    ASSERT_TRUE(tree.start());
    const auto works = [&] { return nine_of(tree.pool_at("/root/squares")); };
    EXPECT_EQ(works(), 9);
    EXPECT_EQ(tree.operate(restart, "/root/squares", "web").code, admin_code::ok);
    EXPECT_EQ(tree.which_child("/root/squares")->incarnation, 2U);
    EXPECT_EQ(told_of("/root/squares"), "up #2");
    EXPECT_EQ(told_of("/root/squares/w1"), "up #1");
    EXPECT_EQ(works(), 9);
    EXPECT_EQ(tree.operate(park, "/root/squares", "web").code, admin_code::ok);
    EXPECT_EQ(tree.which_child("/root/squares")->status, child_status::parked);
    EXPECT_EQ(told_of("/root/squares"), "parked #2");
    EXPECT_EQ(told_of("/root/squares/w1"), "stopped #1");
    EXPECT_EQ(tree.pool_at("/root/squares"), nullptr);
    EXPECT_EQ(tree.operate(revive, "/root/squares", "web").code, admin_code::ok);
    EXPECT_EQ(works(), 9);
    const auto old = tree.pool_at("/root/squares");
    EXPECT_EQ(tree.operate(kill, "/root/squares", "web").code, admin_code::ok);
    ASSERT_TRUE(await(event_kind::recover, "/root/squares", how == rung::process ? 1 : 2));
    EXPECT_EQ(tree.which_child("/root/squares")->incarnation, 4U);
    EXPECT_EQ(told_of("/root/squares"), "up #4");
    EXPECT_EQ(works(), 9);
    EXPECT_TRUE(events_of(event_kind::give_up).empty());
    const auto crash = last(event_kind::crash);
    EXPECT_EQ(crash.actor, "/root/squares");
    EXPECT_EQ(crash.why->message, "killed by web");
  }
}

TEST_F(pool_operations, kill_of_a_pool_tells_each_task_that_it_is_gone) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, squares(rung::process)};
  ASSERT_TRUE(tree.start());
  auto in_hand = tree.pool("/root/squares").submit(work().stuck_once, std::int64_t{1});
  EXPECT_EQ(tree.operate(kill, "/root/squares", "web").code, admin_code::ok);
  const auto out = in_hand.get();
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.error().kind, outcome_kind::pool_gone);
}

TEST_F(pool_operations, a_resize_says_by_whom) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, squares(rung::thread)};
  ASSERT_TRUE(tree.start());
  tree.pool_at("/root/squares")->resize(3, 3, "web");
  ASSERT_TRUE(await(event_kind::operator_, "/root/squares"));
  EXPECT_EQ(*last(event_kind::operator_).by, "web");
}

TEST_F(pool_operations, a_pool_tells_what_size_its_load_has_given_it) {
  auto spec = squares(rung::process);
  std::get<pool_spec>(spec.children[0].what).size = {.workers = 3, .min_workers = 1, .idle_exit = 20ms};
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, spec};
  ASSERT_TRUE(tree.start());
  const auto sizes = [&] {
    std::vector<unsigned> out;
    for (const auto& e : events_of(event_kind::child))
      if (e.actor == "/root/squares" && e.child->workers && e.child->kind.empty()) out.push_back(*e.child->workers);
    return out;
  };
  std::vector<task_future<std::int64_t>> all;
  for (int n = 0; n < 3; ++n) all.push_back(tree.pool("/root/squares").submit(work().spin, std::int64_t{n}));
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (told_size() != 3U && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(told_size(), 3U);
  for (auto& one : all) one.cancel();
  while (told_size() != 1U && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(told_size(), 1U) << testing::PrintToString(sizes());
}

TEST_F(pool_operations, workers_are_seen_before_they_are_ready_and_then_with_their_process) {
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, squares(rung::process)};
  ASSERT_TRUE(tree.start());
  for (const char* path : {"/root/squares/w1", "/root/squares/w2"}) {
    ASSERT_TRUE(await(event_kind::ready, path));
    EXPECT_EQ(told_of(path), "up #1");
  }
  std::vector<std::string> begun;
  for (const auto& e : events_of(event_kind::child))
    if (e.child->state == "starting") begun.push_back(e.actor);
  EXPECT_THAT(begun, testing::IsSupersetOf({"/root/squares/w1", "/root/squares/w2"}));
  for (const auto& e : events_of(event_kind::ready)) {
    if (e.actor != "/root/squares") {
      EXPECT_TRUE(e.pid.has_value()) << e.actor;
    }
  }
}

/// Everybody does something to everything at once.
TEST_F(pool_operations, operators_side_by_side_leave_a_tree_that_works) {
  auto spec = squares(rung::process);
  spec.intensity.restarts = 1'000'000;
  std::get<pool_spec>(spec.children[0].what).restarts.worker_restarts.restarts = 1'000'000;
  runtime rt{log_, work().tasks, actors_};
  supervisor tree{rt, spec};
  ASSERT_TRUE(tree.start());
  std::vector<std::thread> all;
  for (unsigned who = 0; who < 3; ++who)
    all.emplace_back([&, who] {
      static constexpr operation deeds[] = {kill, restart, stop, operation::start, park, revive};
      for (unsigned n = 0; n < 12; ++n) {
        const auto what = deeds[(n * 5 + who * 2) % 6];
        (void)tree.operate(what, n % 3 == 0 ? "/root/squares/w1" : "/root/squares", "operator " + std::to_string(who));
      }
    });
  for (auto& one : all) one.join();
  EXPECT_EQ(events_of(event_kind::operator_).size(), 36U) << "one each";
  (void)tree.operate(revive, "/root/squares", "at last");
  const auto until = std::chrono::steady_clock::now() + 20s;
  std::int64_t found = 0;
  while (found != 9 && std::chrono::steady_clock::now() < until) found = nine_of(tree.pool_at("/root/squares"));
  EXPECT_EQ(found, 9);
}

}  // namespace
}  // namespace steward::test
