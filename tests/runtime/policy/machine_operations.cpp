#include "machine_support.hpp"

// What operators do: restart, park and kill by hand, in every state.

namespace steward::policy::testing_support {
namespace {

std::string last_reply(const driven& d) {
  return d.replies.contains(d.last_request) ? to_string(d.replies.at(d.last_request).code) : "none";
}

driven three(strategy how = strategy::one_for_one, intensity limit = {100, 5s}) {
  driven d{{child(), child(), child()}, options(how, limit)};
  d.up();
  return d;
}

TEST(machine_operations, start_of_one_that_is_up_is_done_already) {
  auto d = three();
  EXPECT_EQ(d.start_by_hand(2), words{"reply 1 ok"});
  d.terminate(2);
  d.stopped(2);
  EXPECT_EQ(d.start_by_hand(2), words{"start 2#2"});
  EXPECT_EQ(d.start_by_hand(2), words{}) << "it waits for the start that is under way";
  EXPECT_EQ(d.ready(2), (words{"reply 3 ok", "reply 4 ok"}));
}

TEST(machine_operations, start_does_not_cut_a_back_off_short) {
  auto d = three();
  d.crash(2);
  d.ready(2);
  d.crash(2);
  EXPECT_EQ(d.start_by_hand(2), words{"reply 1 restarting"});
}

TEST(machine_operations, restart_ends_a_child_by_its_rule_and_starts_it_again) {
  auto d = three();
  EXPECT_EQ(d.restart_by_hand(2), words{"stop 2 keep"});
  EXPECT_EQ(d.due_in(2), 5s) << "within its own time";
  EXPECT_EQ(d.stopped(2), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"reply 1 ok"});
  EXPECT_FALSE(d.noted(event_kind::crash));
  EXPECT_FALSE(d.noted(event_kind::recover)) << "nothing had failed";
}

TEST(machine_operations, restart_touches_nobody_else_whatever_the_strategy) {
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    auto d = three(how);
    EXPECT_EQ(d.restart_by_hand(1), words{"stop 1 keep"});
    EXPECT_EQ(d.stopped(1), words{"start 1#2"});
    EXPECT_EQ(d.ready(1), words{"reply 1 ok"});
    EXPECT_EQ(d.state(2), child_state::up);
  }
}

TEST(machine_operations, restart_is_charged_to_no_limit) {
  auto d = three(strategy::one_for_one, {1, 5s});
  for (int i = 0; i < 5; ++i) {
    d.restart_by_hand(2);
    d.stopped(2);
    d.ready(2);
  }
  EXPECT_EQ(d.crash(2), words{"start 2#7"}) << "the limit is unspent";
}

TEST(machine_operations, restart_lets_back_off_begin_anew) {
  auto d = three();
  d.crash(2);
  d.ready(2);
  d.restart_by_hand(2);
  d.stopped(2);
  d.ready(2);
  EXPECT_EQ(d.crash(2), words{"start 2#4"}) << "at once";
}

TEST(machine_operations, restart_starts_what_is_down) {
  auto d = three();
  d.terminate(2);
  d.stopped(2);
  EXPECT_EQ(d.restart_by_hand(2), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"reply 2 ok"});
}

TEST(machine_operations, restart_ends_the_wait_of_a_back_off) {
  auto d = three();
  d.crash(2);
  d.ready(2);
  d.crash(2);
  ASSERT_EQ(d.state(2), child_state::waiting);
  EXPECT_EQ(d.restart_by_hand(2), words{"start 2#3"});
  EXPECT_EQ(d.ready(2), words{"reply 1 ok"});
}

TEST(machine_operations, restart_is_refused_while_another_one_is_under_way) {
  auto d = three(strategy::one_for_all);
  d.crash(1);
  ASSERT_EQ(d.state(3), child_state::stopping);
  for (child_number i = 1; i <= 3; ++i) {
    d.restart_by_hand(i);
    EXPECT_EQ(last_reply(d), "restarting") << i;
  }
  auto e = three();
  e.terminate(2);
  e.restart_by_hand(2);
  EXPECT_EQ(last_reply(e), "running") << "it is being stopped";
  e.stopped(2);
  e.restart_by_hand(7);
  EXPECT_EQ(last_reply(e), "not_found");
}

TEST(machine_operations, restart_that_does_not_stop_in_time_is_abandoned_and_started_again) {
  auto d = three();
  d.restart_by_hand(2);
  EXPECT_EQ(d.fire(2), (words{"abandon 2", "start 2#2"}));
}

TEST(machine_operations, terminate_wins_over_a_restart_that_is_under_way) {
  auto d = three();
  d.restart_by_hand(2);
  d.terminate(2);
  EXPECT_EQ(d.stopped(2), (words{"reply 1 failed", "stop 2"}));
  EXPECT_EQ(d.stopped(2), words{"reply 2 ok"});
  EXPECT_EQ(d.state(2), child_state::idle);
}

TEST(machine_operations, a_group_that_restarts_takes_a_restart_along) {
  auto d = three(strategy::one_for_all);
  d.restart_by_hand(2);
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.stopped(2), words{}) << "in its turn";
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), (words{"reply 1 ok", "start 3#2"}));
}

TEST(machine_operations, a_failed_start_after_a_restart_is_charged_as_any) {
  auto d = three(strategy::one_for_one, {1, 5s});
  d.restart_by_hand(2);
  d.stopped(2);
  EXPECT_EQ(d.failed(2), words{"start 2#3"});
  EXPECT_EQ(d.failed(2).front(), "stop 3") << "the supervisor gives up";
}

TEST(machine_operations, park_keeps_a_child_down_until_it_is_restarted) {
  auto d = three(strategy::one_for_all);
  EXPECT_EQ(d.park(2), words{"stop 2 keep"});
  EXPECT_EQ(d.stopped(2), words{"reply 1 ok"});
  EXPECT_EQ(d.state(2), child_state::parked);
  EXPECT_EQ(d.due_in(2), -1ms) << "for no time";
  EXPECT_TRUE(d.noted(event_kind::park));
  d.crash(1);
  d.stopped(3);
  d.ready(1);
  d.ready(3);
  EXPECT_EQ(d.state(2), child_state::parked) << "its group leaves it alone";
  EXPECT_EQ(d.restart(2), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"reply 2 ok"});
}

TEST(machine_operations, park_of_what_is_down_takes_it_out_of_its_group) {
  auto d = three(strategy::one_for_all);
  d.terminate(2);
  d.stopped(2);
  EXPECT_EQ(d.park(2), words{"reply 2 ok"});
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.ready(1), words{"start 3#2"});
}

TEST(machine_operations, park_ends_the_time_of_one_that_is_parked) {
  driven d{{with_limit(child(), {0, 5s}, spent_policy::park, 300ms)}, strategy::one_for_one};
  d.up();
  d.crash(1);
  ASSERT_EQ(d.due_in(1), 300ms);
  EXPECT_EQ(d.park(1), words{"reply 1 ok"});
  EXPECT_EQ(d.due_in(1), -1ms);
}

TEST(machine_operations, park_of_a_culprit_lets_its_group_go_on) {
  auto d = three(strategy::one_for_all);
  d.crash(1);
  d.stopped(3);
  d.stopped(2);
  d.ready(1);
  d.ready(2);
  d.ready(3);
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{}) << "it waits";
  EXPECT_EQ(d.park(1), (words{"stop 1 keep", "start 2#3"}));
}

TEST(machine_operations, park_takes_a_restart_over) {
  auto d = three();
  d.restart_by_hand(2);
  EXPECT_EQ(d.park(2), words{"reply 1 failed"});
  EXPECT_EQ(d.stopped(2), words{"reply 2 ok"});
  EXPECT_EQ(d.state(2), child_state::parked);
}

TEST(machine_operations, what_is_parked_is_stopped_with_its_supervisor) {
  auto d = three();
  d.park(2);
  d.stopped(2);
  d.stop();
  EXPECT_EQ(d.stopped(3), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
}

TEST(machine_operations, kill_is_a_crash) {
  auto d = three(strategy::one_for_one, {1, 5s});
  EXPECT_EQ(d.kill(2), words{"kill 2"});
  EXPECT_EQ(d.due_in(2), supervisor_machine::kill_grace);
  EXPECT_EQ(d.kill(2), words{}) << "it is on its way";
  EXPECT_EQ(d.crash(2), (words{"reply 1 ok", "reply 2 ok", "start 2#2"}));
  d.ready(2);
  d.kill(2);
  EXPECT_EQ(d.crash(2), (words{"reply 3 ok", "stop 3"})) << "the limit is spent";
}

TEST(machine_operations, kill_of_one_that_does_not_end_abandons_it) {
  auto d = three();
  d.kill(2);
  EXPECT_EQ(d.fire(2), (words{"abandon 2", "reply 1 ok", "start 2#2"}));
  EXPECT_EQ(d.last_note(event_kind::crash)->what.why->message, "killed by ann");
}

TEST(machine_operations, kill_of_one_that_starts_is_a_failed_start) {
  auto d = three();
  d.crash(2);
  EXPECT_EQ(d.kill(2), (words{"abandon 2", "reply 1 ok"})) << "its restart waits now";
  EXPECT_EQ(d.state(2), child_state::waiting);
  EXPECT_EQ(d.last_note(event_kind::crash)->what.why->cls, cause_class::killed);
}

TEST(machine_operations, kill_of_one_that_stops_waits_for_it_no_longer) {
  auto d = three();
  d.terminate(2);
  EXPECT_EQ(d.kill(2), (words{"abandon 2", "reply 1 ok", "reply 2 ok"}));
  EXPECT_EQ(d.state(2), child_state::idle);
}

TEST(machine_operations, kill_of_what_is_down_is_refused) {
  auto d = three();
  d.terminate(2);
  d.stopped(2);
  d.kill(2);
  EXPECT_EQ(last_reply(d), "not_running");
  d.crash(1);
  d.ready(1);
  d.crash(1);
  d.kill(1);
  EXPECT_EQ(last_reply(d), "not_running");
  d.kill(9);
  EXPECT_EQ(last_reply(d), "not_found");
  d.stop();
  d.kill(3);
  EXPECT_EQ(last_reply(d), "noproc");
}

TEST(machine_operations, a_stop_answers_who_had_killed) {
  auto d = three();
  d.kill(2);
  d.terminate(2);
  EXPECT_EQ(d.stopped(2), (words{"reply 2 ok", "reply 1 ok"}));
}

TEST(machine_operations, fail_ends_all_at_once_and_keeps_what_may_come_back) {
  auto how = options(strategy::one_for_one);
  how.keep_on_end = true;
  driven d{{child(), child()}, how};
  d.up();
  EXPECT_EQ(d.fail(), words{"stop 2 keep brutal"});
  EXPECT_EQ(d.stopped(2), words{"stop 1 keep brutal"});
  EXPECT_EQ(d.stopped(1), words{"ended abnormal kept"});
  EXPECT_EQ(d.fail(), words{});
}

TEST(machine_operations, dynamic_children_are_restarted_and_parked_too) {
  driven d{{child()}, strategy::simple_one_for_one};
  d.up();
  EXPECT_EQ(d.restart_by_hand(1), words{"stop 1 keep"});
  EXPECT_EQ(d.stopped(1), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"reply 1 ok"});
  d.park(1);
  EXPECT_EQ(d.stop(), words{}) << "it is being stopped already";
  EXPECT_EQ(d.stopped(1), (words{"reply 2 ok", "forget 1", "ended shutdown"}));
}

}  // namespace
}  // namespace steward::policy::testing_support
