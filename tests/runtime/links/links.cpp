#include "linked_tree.hpp"

#include <gmock/gmock.h>

namespace steward::test {
namespace {

using ::testing::HasSubstr;

class actor_link : public linked_tree {};

TEST_F(actor_link, a_task_asks_and_is_answered) {
  EXPECT_EQ(run("add 40"), "40");
  EXPECT_EQ(run("add 2"), "42");
  EXPECT_EQ(ask<std::int64_t>(open_, caf::get_atom::value), 42);
}

TEST_F(actor_link, an_actor_s_error_arrives_with_its_text) {
  EXPECT_THAT(run("failing open"), HasSubstr("answered: empty"));
  EXPECT_THAT(run("failing secret"), HasSubstr("no actor 'secret' for this task"));
}

TEST_F(actor_link, large_messages_go_both_ways) {
  EXPECT_EQ(run("echo 1"), "same");
  EXPECT_EQ(run("echo 70000"), "same");
  EXPECT_EQ(run("echo 20000000"), "same");
}

TEST_F(actor_link, a_message_beyond_the_limit_is_refused_and_costs_nobody) {
  EXPECT_THAT(run("echo 134217728"), HasSubstr("too large to cross a process"));
  EXPECT_EQ(run("add 1"), "1");
  EXPECT_EQ(pool_->stats().crashes, 0U);
}

TEST_F(actor_link, threads_of_one_task_ask_at_the_same_time) { EXPECT_EQ(run("threads 200"), "0"); }

TEST_F(actor_link, an_answer_that_does_not_come_is_not_waited_for) {
  const auto said = run("in_vain");
  EXPECT_THAT(said, HasSubstr("answered: "));
  EXPECT_THAT(said, HasSubstr("then 0"));
}

TEST_F(actor_link, a_handle_in_an_answer_can_be_asked) {
  EXPECT_EQ(run("handle"), "7 equal");
  EXPECT_EQ(run("handle"), "7 equal");
}

TEST_F(actor_link, an_actor_asks_one_that_a_task_has_lent_to_it) { EXPECT_EQ(run("lend 41"), "42 equal"); }

TEST_F(actor_link, a_request_to_a_worker_ends_with_it) {
  EXPECT_THAT(run("die_while_asked"), HasSubstr("exit"));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (ask<std::int64_t>(open_, size_atom::value) == 0 && std::chrono::steady_clock::now() < until) {
  }
  EXPECT_EQ(ask<std::int64_t>(open_, size_atom::value), 1);
}

TEST_F(actor_link, monitors_fire_in_both_directions) {
  EXPECT_THAT(run("watch"), HasSubstr("user_shutdown"));
  EXPECT_EQ(run("be_watched"), "1");
}

TEST_F(actor_link, a_task_cannot_end_what_it_may_ask) {
  const auto said = run("kill");
  EXPECT_THAT(said, HasSubstr("5 7 "));
  EXPECT_THAT(said, HasSubstr("a control message does not cross a process"));
  EXPECT_EQ(said.substr(said.rfind(' ')), " 5");
  EXPECT_EQ(ask<std::int64_t>(open_, size_atom::value), 0);
  EXPECT_EQ(pool_->stats().crashes, 0U);
}

}  // namespace
}  // namespace steward::test
