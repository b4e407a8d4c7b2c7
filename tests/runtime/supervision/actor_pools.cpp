#include "steward/actor_pool.hpp"
#include "steward/child.hpp"
#include "steward/parameter.hpp"
#include "tests/runtime/supervision/real_tree.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <thread>
#include <vector>

// Pools as parameters of actors.

namespace steward {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing_support::gate;
using testing_support::real_tree;

std::int64_t square(std::int64_t n) { return n * n; }
std::int64_t refuse(std::int64_t n) {
  if (n == 2) throw std::invalid_argument("not two");
  return n;
}
std::unique_ptr<gate>& door_of_this_test() {
  static std::unique_ptr<gate> one;
  return one;
}
gate& door() { return *door_of_this_test(); }
std::int64_t pass(std::int64_t n) {
  door().pass();
  return n;
}

struct known_tasks {
  task<std::int64_t, std::int64_t> square;
  task<std::int64_t, std::int64_t> refuse;
  task<std::int64_t, std::int64_t> pass;
};
known_tasks& tasks() {
  static known_tasks all;
  return all;
}

/// (get_atom, n): the square of n, by the pool. (show_atom): all squares that have come as messages, as text.
/// (put_atom, n): has the square of n come as a message. (tick_atom, n): asks for what waits at the door;
/// (lookup_atom): how many of these came. (crash_atom) crashes.
class user {
public:
  static std::vector<param_spec> parameters() { return {parameter::pool("pool").doc("does the work")}; }
  explicit user(const actor_args& args) : pool_(args.pool("pool")) {}

  caf::behavior make_behavior(self_ptr self) {
    return {
        [this, self](caf::get_atom, std::int64_t n) {
          auto promise = self->make_response_promise<std::int64_t>();
          pool_.submit(tasks().square, n).then([promise](const outcome<std::int64_t>& x) mutable {
            promise.deliver(x.value());
          });
          return promise;
        },
        [this, self](caf::add_atom, std::vector<std::int64_t>& inputs, bool refusing) {
          auto promise = self->make_response_promise<std::string>();
          pool_.map(refusing ? tasks().refuse : tasks().square, std::move(inputs))
              .then(
                  [promise](const std::vector<std::int64_t>& all) mutable {
                    std::string out;
                    for (const auto n : all) out += std::to_string(n) + " ";
                    promise.deliver(out);
                  },
                  [promise](const task_error& x) mutable { promise.deliver(x.why.message); });
          return promise;
        },
        [this, self](caf::add_atom, std::vector<std::int64_t>& inputs) {
          auto promise = self->make_response_promise<std::string>();
          pool_.map_outcomes(tasks().refuse, std::move(inputs))
              .then(
                  [promise](const std::vector<outcome<std::int64_t>>& all) mutable {
                    std::string out;
                    for (const auto& x : all) out += (x.ok() ? std::to_string(x.value()) : x.error().why.message) + " ";
                    promise.deliver(out);
                  },
                  [promise](const task_error& x) mutable { promise.deliver("none: " + x.why.message); });
          return promise;
        },
        [this](caf::put_atom, std::int64_t n) { pool_.submit(tasks().square, n).tell(); },
        [this](const outcome<std::int64_t>& x) { told_ += std::to_string(x.value()) + " "; },
        [this](show_atom) { return told_; },
        [this](caf::tick_atom, std::int64_t n) {
          pool_.submit(tasks().pass, n).then([this](const outcome<std::int64_t>& x) { came_ += x.ok() ? 1 : 100; });
        },
        [this](lookup_atom) { return came_; },
        [](crash_atom) { throw std::runtime_error("boom"); },
    };
  }

private:
  actor_pool pool_;
  std::string told_;
  std::int64_t came_ = 0;
};

class actor_pools : public real_tree {
protected:
  actor_pools() {
    door_of_this_test() = std::make_unique<gate>();
    tasks() = {tasks_.add("square", square), tasks_.add("refuse", refuse), tasks_.add("pass", pass)};
  }
  static child_spec pool_of(pool_spec spec = {}) {
    spec.runs_in = rung::thread;
    spec.size.workers = 2;
    return child::pool("squares", std::move(spec));
  }
  static supervisor_spec with(child_spec one, child_spec two) {
    return {.intensity = {.restarts = 10, .within = 60s}, .children = {std::move(one), std::move(two)}};
  }
  static supervisor_spec with_user() { return with(pool_of(), child::actor<user>("user", {{"pool", "squares"}})); }
  static std::string fault_of(runtime& rt, supervisor_spec spec) {
    supervisor tree{rt, std::move(spec)};
    const auto report = tree.start();
    return report.faults.empty() ? "none" : describe(report.faults.front());
  }
};

TEST_F(actor_pools, answer_by_then_and_as_messages) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_user()};
  ASSERT_TRUE(tree.start());
  caller ask{rt.system()};
  const auto user = tree.actor("/root/user");
  EXPECT_EQ(ask.request<std::int64_t>(user, 20s, caf::get_atom::value, std::int64_t{7}).value(), 49);
  using numbers = std::vector<std::int64_t>;
  EXPECT_EQ(ask.request<std::string>(user, 20s, caf::add_atom::value, numbers{1, 2, 3}, false).value(), "1 4 9 ");
  EXPECT_EQ(ask.request<std::string>(user, 20s, caf::add_atom::value, numbers{1, 2, 3}, true).value(), "not two");
  EXPECT_EQ(ask.request<std::string>(user, 20s, caf::add_atom::value, numbers{1, 2, 3}).value(), "1 not two 3 ");
  port::send_anonymously(user, caf::put_atom::value, std::int64_t{5});
  std::string told;
  while (told.empty()) told = ask.request<std::string>(user, 20s, show_atom::value).value();
  EXPECT_EQ(told, "25 ");
}

TEST_F(actor_pools, do_not_block_the_actor_and_are_not_heard_by_its_next_incarnation) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_user()};
  ASSERT_TRUE(tree.start());
  caller ask{rt.system()};
  const auto user = tree.actor("/root/user");
  port::send_anonymously(user, caf::tick_atom::value, std::int64_t{1});
  ASSERT_TRUE(door().await(1));
  EXPECT_EQ(ask.request<std::int64_t>(user, 20s, lookup_atom::value).value(), 0) << "it is free while the task runs";
  EXPECT_FALSE(ask.request<void>(user, 20s, crash_atom::value));
  door().open();
  port::send_anonymously(user, caf::tick_atom::value, std::int64_t{2});
  std::int64_t came = 0;
  while (came == 0) came = ask.request<std::int64_t>(user, 20s, lookup_atom::value).value();
  EXPECT_EQ(came, 1) << "the one that it has asked for itself, and that came later";
}

TEST_F(actor_pools, reject_where_others_would_wait_for_room) {
  runtime rt{log_, tasks_, actors_};
  auto pool = pool_of({.limits = {.queue_limit = 1, .on_full = full_policy::block}});
  supervisor tree{rt, with(std::move(pool), child::actor<user>("user", {{"pool", "/root/squares"}}))};
  ASSERT_TRUE(tree.start());
  caller ask{rt.system()};
  const auto user = tree.actor("/root/user");
  port::send_anonymously(user, caf::tick_atom::value, std::int64_t{1});
  ASSERT_TRUE(door().await(1));
  port::send_anonymously(user, caf::tick_atom::value, std::int64_t{2});
  const auto came = [&] { return ask.request<std::int64_t>(user, 20s, lookup_atom::value).value(); };
  while (came() == 0) std::this_thread::yield();
  EXPECT_EQ(came(), 100) << "the second is refused while the first one waits at the door";
  door().open();
  while (came() == 100) std::this_thread::yield();
  EXPECT_EQ(came(), 101);
}

TEST_F(actor_pools, must_be_there_be_pools_and_start_before_the_actor) {
  runtime rt{log_, tasks_, actors_};
  EXPECT_EQ(fault_of(rt, with(pool_of(), child::actor<user>("user", {{"pool", "circles"}}))),
            "/root/user: pool: there is no pool at '/root/circles'; expected a pool that starts before it: "
            "/root/squares");
  EXPECT_EQ(fault_of(rt, with(child::actor<user>("user", {{"pool", "squares"}}), pool_of())),
            "/root/user: pool: the pool at '/root/squares' starts after this actor; expected a pool that starts before "
            "it");
  EXPECT_EQ(fault_of(rt, with(pool_of(), child::actor<user>("user", {{"pool", "user"}}))),
            "/root/user: pool: what is at '/root/user' is no pool; expected a pool that starts before it: "
            "/root/squares");
}

TEST_F(actor_pools, are_looked_for_when_a_child_is_added) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_user()};
  ASSERT_TRUE(tree.start());
  const auto wrong = tree.start_child("/root", child::actor<user>("more", {{"pool", "circles"}}));
  EXPECT_EQ(wrong.code, admin_code::invalid);
  ASSERT_EQ(wrong.faults.size(), 1U);
  EXPECT_EQ(wrong.faults[0].message, "there is no pool at '/root/circles'");
  EXPECT_TRUE(tree.start_child("/root", child::actor<user>("more", {{"pool", "squares"}})));
}

TEST_F(actor_pools, reject_while_there_is_none_and_come_back_with_its_restart) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_user()};
  ASSERT_TRUE(tree.start());
  caller ask{rt.system()};
  const auto user = tree.actor("/root/user");
  using numbers = std::vector<std::int64_t>;
  ASSERT_TRUE(tree.terminate_child("/root/squares"));
  EXPECT_EQ(ask.request<std::string>(user, 20s, caf::add_atom::value, numbers{1}, false).value(),
            "there is no pool at /root/squares");
  ASSERT_TRUE(tree.restart_child("/root/squares"));
  EXPECT_EQ(ask.request<std::string>(user, 20s, caf::add_atom::value, numbers{3}, false).value(), "9 ");
}

TEST_F(actor_pools, end_maps_that_are_on_their_way_with_the_tree) {
  runtime rt{log_, tasks_, actors_};
  {
    supervisor tree{rt, with_user()};
    ASSERT_TRUE(tree.start());
    std::vector<std::int64_t> many(100'000, 3);
    port::send_anonymously(tree.actor("/root/user"), caf::add_atom::value, std::move(many), false);
  }
  SUCCEED() << "neither the tree nor the runtime waits for it";
}

}  // namespace
}  // namespace steward
