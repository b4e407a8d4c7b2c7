#include "link_tasks.hpp"
#include "steward/messages.hpp"
#include "steward/supervisor.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>

// Pools of processes whose workers die, as whoever watches them hears of it.

namespace steward::test {
namespace {

using namespace std::chrono_literals;

supervisor_spec one_life(spent_policy on_spent) {
  pool_spec pool;
  pool.task = "obey";
  pool.size.workers = 1;
  pool.limits.attempts = 1;
  pool.restarts.worker_restarts.restarts = 0;
  child_spec workers;
  workers.id = "workers";
  workers.intensity = intensity{on_spent == spent_policy::escalate ? 3U : 0U, 60s};
  workers.on_spent = on_spent;
  workers.what = pool;
  supervisor_spec out;
  out.children.push_back(workers);
  return out;
}

child_end end_of_pool(spent_policy on_spent) {
  runtime_options options;
  options.actor_links = true;
  event_log log{"test"};
  runtime rt{log, link_tasks(), link_actors(), options};
  supervisor tree{rt, one_life(on_spent)};
  EXPECT_TRUE(tree.start().ok);
  auto heard = tree.watch("/root/workers");
  bytes args;
  encode_all(args, std::string{"die"});
  EXPECT_FALSE(tree.pool_at("/root/workers")->map(*link_tasks().find("obey"), {args}).front().ok());
  if (heard.wait_for(20s) != std::future_status::ready) {
    ADD_FAILURE() << "nothing was heard";
    return {};
  }
  return heard.get();
}

TEST(watched_pool, that_gives_up_is_told_of_with_the_cause_of_its_worker) {
  const auto end = end_of_pool(spent_policy::escalate);
  EXPECT_EQ(end.path, "/root/workers");
  EXPECT_EQ(end.how, end_kind::gave_up);
  EXPECT_EQ(end.next, after_end::restart);
  EXPECT_NE(describe(end.why), "") << "what its worker died of";
}

TEST(watched_pool, whose_own_limit_is_spent_ends_for_good) {
  const auto end = end_of_pool(spent_policy::end);
  EXPECT_EQ(end.how, end_kind::gave_up);
  EXPECT_EQ(end.next, after_end::nothing);
}

}  // namespace
}  // namespace steward::test
