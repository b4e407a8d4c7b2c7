#include "machine_support.hpp"

// Children with a limit of their own, and what happens when it is reached.

namespace steward::policy::testing_support {
namespace {

child_policy parking(intensity limit, milliseconds park_for = 0ms) {
  return with_limit(eager(), limit, spent_policy::park, park_for);
}

TEST(own_limit, is_the_only_one_that_the_child_draws_on) {
  driven d{{with_limit(eager(), {2, 5s}), eager()}, options(strategy::one_for_one, {1, 5s})};
  d.up();
  for (std::uint64_t n = 2; n <= 3; ++n) {
    EXPECT_EQ(d.crash(1), words{"start 1#" + std::to_string(n)});
    d.ready(1);
  }
  EXPECT_EQ(d.crash(2), words{"start 2#2"}) << "the supervisor's is untouched";
  d.ready(2);
  EXPECT_EQ(d.crash(1), words{"stop 2"}) << "it escalates";
  const auto* limit = d.last_note(event_kind::limit);
  EXPECT_EQ(limit->what.decision->limit, 2U);
  d.stopped(2);
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
}

TEST(own_limit, of_children_without_one_is_the_supervisors) {
  driven d{{with_limit(eager(), {2, 5s}), eager()}, options(strategy::one_for_one, {1, 5s})};
  d.up();
  d.crash(2);
  d.ready(2);
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  EXPECT_EQ(d.crash(2), words{"stop 2"});
}

TEST(parked_child, stays_down_while_its_siblings_live) {
  driven d{{parking({1, 5s}), child()}};
  d.up();
  d.crash(1);
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{}) << "it is not told to stop: its messages wait";
  EXPECT_EQ(d.state(1), child_state::parked);
  EXPECT_EQ(d.state(2), child_state::up);
  EXPECT_TRUE(d.machine.running());
  EXPECT_FALSE(d.timers.contains(1)) << "for ever";
  EXPECT_EQ(d.last_note(event_kind::park)->what.decision->action, "park");
  EXPECT_FALSE(d.noted(event_kind::limit));
}

TEST(parked_child, is_revived_after_its_time) {
  driven d{{parking({1, 5s}, 2s)}};
  d.up();
  d.crash(1);
  d.ready(1);
  d.crash(1);
  EXPECT_EQ(d.due_in(1), 2s);
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{});
  EXPECT_EQ(d.crash(1), words{}) << "one trial only, as long as the window has not passed";
  EXPECT_EQ(d.state(1), child_state::parked);
  d.now += 5s;
  EXPECT_EQ(d.fire(1), words{"start 1#4"});
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"start 1#5"}) << "the window has passed";
}

TEST(parked_child, that_fails_its_trial_start_is_parked_again) {
  driven d{{parking({0, 5s}, 2s)}};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.fire(1), words{"start 1#2"});
  EXPECT_EQ(d.failed(1), words{});
  EXPECT_EQ(d.state(1), child_state::parked);
  EXPECT_EQ(d.due_in(1), 2s);
}

TEST(parked_child, is_revived_by_hand_with_a_limit_that_begins_anew) {
  driven d{{parking({1, 60s}, 10s)}};
  d.up();
  d.crash(1);
  d.ready(1);
  d.crash(1);
  EXPECT_EQ(d.restart(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"reply 1 ok"});
  EXPECT_FALSE(d.timers.contains(1)) << "the time it was parked for is over";
  EXPECT_EQ(d.crash(1), words{"start 1#4"});
}

TEST(parked_child, that_fails_to_be_revived_by_hand_is_parked_again_and_the_request_failed) {
  driven d{{parking({1, 60s})}};
  d.up();
  d.crash(1);
  d.ready(1);
  d.crash(1);
  EXPECT_EQ(d.restart(1), words{"start 1#3"});
  EXPECT_EQ(d.failed(1), words{"start 1#4"}) << "its limit allows one more";
  EXPECT_EQ(d.failed(1), words{"reply 1 failed"});
  EXPECT_EQ(d.state(1), child_state::parked);
  EXPECT_EQ(d.replies.at(1).why.message, "no luck");
}

TEST(parked_child, can_be_terminated_and_restarted_but_not_deleted) {
  driven d{{parking({0, 5s}, 1s), child()}};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.remove(1), words{"reply 1 restarting"});
  EXPECT_EQ(d.terminate(1), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"reply 2 ok"});
  EXPECT_TRUE(d.timers.empty());
  EXPECT_EQ(d.restart(1), words{"start 1#2"});
}

TEST(parked_child, is_stopped_in_its_turn) {
  driven d{{child(), parking({0, 5s}, 1s), child()}};
  d.up();
  d.crash(2);
  d.stop();
  EXPECT_EQ(d.fire(2), words{}) << "nothing is revived any more";
  EXPECT_EQ(d.stopped(3), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
}

TEST(parked_child, in_a_group_does_not_pull_the_others_down) {
  driven d{{child(), parking({1, 5s}), child()}, strategy::one_for_all};
  d.up();
  d.crash(2);
  d.stopped(3);
  d.stopped(1);
  d.ready(1);
  d.ready(2);
  d.ready(3);
  EXPECT_EQ(d.crash(2), words{}) << "the second time it is parked";
  EXPECT_EQ(d.state(1), child_state::up);
  EXPECT_EQ(d.state(3), child_state::up);
}

TEST(parked_child, is_left_out_of_a_group_restart) {
  driven d{{child(), parking({0, 5s}), child()}, strategy::one_for_all};
  d.up();
  d.crash(2);
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.last_note(event_kind::crash)->also, std::vector<child_number>{3});
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 3#2"});
  EXPECT_EQ(d.ready(3), words{});
  EXPECT_EQ(d.state(2), child_state::parked);
}

TEST(parked_child, lets_the_group_go_on_when_it_is_parked_while_the_group_starts) {
  driven d{{child(), parking({0, 5s}), child()}, strategy::one_for_all};
  d.up();
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.failed(2), words{"start 3#2"});
  EXPECT_EQ(d.state(2), child_state::parked);
  EXPECT_EQ(d.ready(3), words{});
}

TEST(parked_child, revives_alone_in_a_group) {
  driven d{{child(), parking({0, 5s}, 1s), child()}, strategy::one_for_all};
  d.up();
  d.crash(2);
  EXPECT_EQ(d.fire(2), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{});
  EXPECT_EQ(d.machine.incarnation_of(3), 1U);
}

TEST(parked_child, of_a_first_start_does_not_keep_the_supervisor_from_starting) {
  driven d{{parking({0, 5s}), child()}};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{});
  EXPECT_EQ(d.ready(2), words{"started"});
}

TEST(parked_child, that_loses_its_limit_can_still_be_revived) {
  driven d{{parking({0, 5s})}};
  d.up();
  d.crash(1);
  d.machine.repolicy(1, shared(child()));
  EXPECT_EQ(d.restart(1), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"reply 1 ok"});
}

TEST(own_limit, is_what_is_spent_when_a_child_is_parked) {
  auto x = child();
  x.on_spent = spent_policy::park;
  driven d{{x}, options(strategy::one_for_one, {0, 5s})};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 1"}) << "the limit that was reached is the supervisor's";
}

TEST(own_limit, is_not_parked_by_an_exception_rule_that_escalates) {
  driven d{{parking({0, 5s})}};
  d.up();
  EXPECT_EQ(d.crash_by_rule(1, verdict::escalate), words{"stop 1"});
}

}  // namespace
}  // namespace steward::policy::testing_support
