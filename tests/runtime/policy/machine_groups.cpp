#include "machine_support.hpp"

// one_for_all and rest_for_one: who is stopped and started, in which order, and what disturbs that.

namespace steward::policy::testing_support {
namespace {

std::vector<child_policy> four() { return {child(), child(), child(), child()}; }

TEST(one_for_all, stops_the_others_from_the_last_to_the_first_and_starts_all_in_order) {
  driven d{four(), strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(2), words{"stop 4 keep"});
  EXPECT_EQ(d.stopped(4), words{"stop 3 keep"});
  EXPECT_EQ(d.stopped(3), words{"stop 1 keep"}) << "the one that crashed is down already";
  EXPECT_EQ(d.stopped(1), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"start 3#2"});
  EXPECT_EQ(d.ready(3), words{"start 4#2"});
  EXPECT_EQ(d.ready(4), words{});
  EXPECT_EQ(d.last_note(event_kind::crash)->also, (std::vector<child_number>{1, 3, 4}));
}

TEST(rest_for_one, leaves_those_alone_that_were_listed_before) {
  driven d{four(), strategy::rest_for_one};
  d.up();
  EXPECT_EQ(d.crash(2), words{"stop 4 keep"});
  EXPECT_EQ(d.stopped(4), words{"stop 3 keep"});
  EXPECT_EQ(d.stopped(3), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"start 3#2"});
  EXPECT_EQ(d.ready(3), words{"start 4#2"});
  EXPECT_EQ(d.ready(4), words{});
  EXPECT_EQ(d.machine.incarnation_of(1), 1U);
  EXPECT_EQ(d.last_note(event_kind::crash)->also, (std::vector<child_number>{3, 4}));
}

TEST(rest_for_one, of_the_last_child_is_that_child_alone) {
  driven d{four(), strategy::rest_for_one};
  d.up();
  EXPECT_EQ(d.crash(4), words{"start 4#2"});
}

TEST(group_restart, counts_once_on_the_limit_of_the_supervisor) {
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    driven d{{child(), child(), child()}, options(how, {2, 5s})};
    d.up();
    for (int round = 0; round < 2; ++round) {
      d.crash(1);
      d.stopped(3);
      d.stopped(2);
      if (d.timers.contains(1) && d.state(1) == child_state::waiting) d.fire(1);
      d.ready(1);
      d.ready(2);
      d.ready(3);
      EXPECT_EQ(d.state(3), child_state::up) << steward::to_string(how) << ", round " << round;
    }
    EXPECT_EQ(d.crash(1), words{"stop 3"});
    d.stopped(3);
    d.stopped(2);
    EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
  }
}

TEST(group_restart, waits_out_the_back_off_of_the_culprit_while_all_are_down) {
  driven d{{child(), child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(2);
  d.stopped(3);
  d.stopped(1);
  for (child_number i = 1; i <= 3; ++i) d.ready(i);
  EXPECT_EQ(d.crash(2), words{"stop 3 keep"});
  d.now += 30ms;
  EXPECT_EQ(d.stopped(3), words{"stop 1 keep"});
  d.now += 30ms;
  EXPECT_EQ(d.stopped(1), words{});
  EXPECT_EQ(d.due_in(2), 40ms) << "the time of the stops counts";
  EXPECT_TRUE(d.noted(event_kind::backoff));
  EXPECT_EQ(d.fire(2), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
  EXPECT_EQ(d.ready(2), words{"start 3#3"});
}

TEST(group_restart, starts_at_once_when_the_stops_took_longer_than_the_back_off) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(1);
  d.stopped(2);
  d.ready(1);
  d.ready(2);
  d.crash(1);
  d.now += 101ms;
  EXPECT_EQ(d.stopped(2), words{"start 1#3"});
}

TEST(group_restart, forgets_temporary_bystanders) {
  driven d{{child(), temporary(), child()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.stopped(3), words{"stop 2"}) << "its messages are not kept";
  EXPECT_EQ(d.stopped(2), (words{"forget 2", "start 1#2"}));
  EXPECT_EQ(d.ready(1), words{"start 3#2"});
}

TEST(group_restart, of_a_temporary_child_does_not_happen) {
  driven d{{child(), temporary(), child()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(2), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"forget 2"});
  EXPECT_EQ(d.state(3), child_state::up);
}

TEST(group_restart, of_a_transient_child_that_finishes_does_not_happen) {
  driven d{{child(), transient()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.exited(2, exit_class::normal), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{});
  EXPECT_EQ(d.state(1), child_state::up);
}

TEST(group_restart, brings_back_what_had_finished_or_was_terminated) {
  driven d{{child(), transient(), child()}, strategy::one_for_all};
  d.up();
  d.exited(2, exit_class::normal);
  d.stopped(2);
  d.terminate(3);
  d.stopped(3);
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"start 3#2"});
}

TEST(group_restart, brings_back_what_is_being_cleaned_away_after_it_finished) {
  driven d{{child(), transient()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.exited(2, exit_class::normal), words{"stop 2"});
  EXPECT_EQ(d.crash(1), words{}) << "it is waited for";
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
}

TEST(group_restart, does_not_bring_back_what_is_being_terminated) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.terminate(2), words{"stop 2"});
  EXPECT_EQ(d.crash(1), words{}) << "no member starts while another is still up";
  EXPECT_EQ(d.stopped(2), (words{"reply 1 ok", "start 1#2"}));
  EXPECT_EQ(d.ready(1), words{});
  EXPECT_EQ(d.state(2), child_state::idle);
}

TEST(rest_for_one, does_not_wait_for_an_earlier_child_that_is_being_terminated) {
  driven d{{child(), child()}, strategy::rest_for_one};
  d.up();
  EXPECT_EQ(d.terminate(1), words{"stop 1"});
  EXPECT_EQ(d.crash(2), words{"start 2#2"});
}

TEST(one_for_all, retries_the_whole_group_when_another_child_fails_to_restart) {
  driven d{{child(), child(), child()}, options(strategy::one_for_all, {3, 5s})};
  d.up();
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.failed(2), words{"stop 1 keep"}) << "those that were restarted are stopped again";
  EXPECT_EQ(d.stopped(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
  EXPECT_EQ(d.failed(2), words{"stop 1 keep"});
  EXPECT_EQ(d.stopped(1), words{}) << "its back-off";
  EXPECT_EQ(d.due_in(2), 100ms);
  EXPECT_EQ(d.fire(2), words{"start 1#4"});
  EXPECT_EQ(d.ready(1), words{"start 2#4"});
  EXPECT_EQ(d.machine.incarnation_of(3), 1U);
  EXPECT_EQ(d.state(3), child_state::waiting);
  EXPECT_EQ(d.failed(2), words{"stop 3"}) << "the fourth restart is one too many; 3 is down, its messages wait";
}

TEST(rest_for_one, leaves_those_up_that_were_restarted_before_the_one_that_fails) {
  driven d{{child(), child(), child()}, strategy::rest_for_one};
  d.up();
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.failed(2), words{"start 2#3"});
  EXPECT_EQ(d.state(1), child_state::up);
  EXPECT_EQ(d.ready(2), words{"start 3#2"});
}

TEST(group_restart, takes_the_crash_of_a_member_that_is_still_to_be_stopped_for_a_stop) {
  driven d{{child(), child(), child()}, options(strategy::one_for_all, {1, 5s})};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.crash(2), words{}) << "it does not count";
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
}

TEST(group_restart, takes_a_failed_start_of_a_member_that_is_still_to_be_stopped_for_a_stop) {
  driven d{{child(), child(), child()}, options(strategy::one_for_all, {2, 5s})};
  d.up();
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.start_child(child()), words{"start 4#1"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.ready(4), words{"reply 1 ok"});
  EXPECT_EQ(d.crash(1), words{"stop 4 keep"}) << "2 starts meanwhile";
  EXPECT_EQ(d.failed(2), words{}) << "it would have been stopped; it does not count";
  EXPECT_EQ(d.stopped(4), words{});
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
}

TEST(group_restart, takes_a_member_that_declines_while_others_are_stopped_for_down) {
  driven d{{child(), child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(1);
  d.stopped(3);
  d.stopped(2);
  d.start_child(child());
  d.ready(1);
  d.ready(4);
  EXPECT_EQ(d.crash(1), words{"stop 4 keep"});
  EXPECT_EQ(d.declined(2), words{});
  d.stopped(4);
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"}) << "it is asked again";
}

TEST(group_restart, forgets_a_temporary_member_that_crashes_before_it_is_stopped) {
  driven d{{child(), temporary(), child()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.crash(2), words{"stop 2"});
  EXPECT_EQ(d.stopped(3), words{}) << "2 is not gone yet";
  EXPECT_EQ(d.stopped(2), (words{"forget 2", "start 1#2"}));
}

TEST(group_restart, a_member_that_crashes_while_it_is_stopped_is_waited_for) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 2 keep"});
  EXPECT_EQ(d.crash(2), words{});
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
}

TEST(one_for_all, a_crash_of_a_restarted_member_stops_what_was_restarted_and_begins_again) {
  driven d{{child(), child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(3);
  d.stopped(2);
  EXPECT_EQ(d.stopped(1), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.crash(1), words{"stop 2 keep"}) << "the one that was starting";
  EXPECT_EQ(d.stopped(2), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
  EXPECT_EQ(d.ready(2), words{"start 3#2"});
}

TEST(rest_for_one, an_earlier_crash_widens_the_group_in_each_stage) {
  for (const auto* stage : {"stopping", "waiting", "starting"}) {
    SCOPED_TRACE(stage);
    driven d{four(), strategy::rest_for_one};
    d.up();
    d.crash(3);
    d.stopped(4);
    d.ready(3);
    d.ready(4);
    EXPECT_EQ(d.crash(3), words{"stop 4 keep"});
    if (stage == std::string{"stopping"}) {
      EXPECT_EQ(d.crash(2), words{});
      EXPECT_EQ(d.stopped(4), words{}) << "the back-off of the first crash still holds";
      EXPECT_EQ(d.due_in(2), 100ms);
      EXPECT_EQ(d.fire(2), words{"start 2#2"});
    } else if (stage == std::string{"waiting"}) {
      EXPECT_EQ(d.stopped(4), words{});
      EXPECT_EQ(d.due_in(3), 100ms);
      EXPECT_EQ(d.crash(2), words{});
      EXPECT_EQ(d.due_in(3), -1ms);
      EXPECT_EQ(d.due_in(2), 100ms);
      EXPECT_EQ(d.fire(2), words{"start 2#2"});
    } else {
      d.stopped(4);
      EXPECT_EQ(d.fire(3), words{"start 3#3"});
      EXPECT_EQ(d.crash(2), words{"stop 3 keep"});
      EXPECT_EQ(d.stopped(3), words{"start 2#2"});
    }
    EXPECT_EQ(d.ready(2), words{stage == std::string{"starting"} ? "start 3#4" : "start 3#3"});
    EXPECT_EQ(d.ready(3), words{"start 4#3"});
    EXPECT_EQ(d.ready(4), words{});
    EXPECT_EQ(d.machine.incarnation_of(1), 1U);
  }
}

TEST(group_restart, a_member_that_declines_lets_the_next_one_start) {
  driven d{{child(), child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.declined(2), (words{"stop 2", "start 3#2"}));
  EXPECT_EQ(d.stopped(2), words{});
  EXPECT_EQ(d.state(2), child_state::idle);
}

TEST(group_restart, a_slow_stop_is_abandoned_and_the_group_goes_on) {
  driven d{{child(), stopping_within(child(), 300ms)}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 2 keep"});
  EXPECT_EQ(d.due_in(2), 300ms);
  EXPECT_EQ(d.fire(2), (words{"abandon 2", "start 1#2"}));
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
}

TEST(group_restart, a_slow_start_is_abandoned_and_counts) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.fire(1), (words{"abandon 1"})) << "it waits: its second restart";
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
}

TEST(group_restart, a_child_that_is_added_meanwhile_starts_on_its_own) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.start_child(child()), words{"start 3#1"});
  EXPECT_EQ(d.ready(3), words{"reply 1 ok"});
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{});
  EXPECT_EQ(d.machine.incarnation_of(3), 1U);
}

TEST(group_restart, a_stop_request_gets_in_at_each_stage) {
  for (const int stage : {0, 1, 2}) {
    driven d{{child(), child(), child()}, strategy::one_for_all};
    d.up();
    d.crash(2);
    d.stopped(3);
    d.stopped(1);
    for (child_number i = 1; i <= 3; ++i) d.ready(i);
    EXPECT_EQ(d.crash(2), words{"stop 3 keep"});
    if (stage == 0) {
      EXPECT_EQ(d.stop(), words{}) << "3 is being stopped already";
      EXPECT_EQ(d.stopped(3), words{"stop 2"});
    } else if (stage == 1) {
      d.stopped(3);
      EXPECT_EQ(d.stopped(1), words{});
      EXPECT_EQ(d.stop(), words{"stop 3"}) << "it is down, its messages are not";
      EXPECT_EQ(d.stopped(3), words{"stop 2"});
    } else {
      d.stopped(3);
      d.stopped(1);
      EXPECT_EQ(d.fire(2), words{"start 1#3"});
      EXPECT_EQ(d.stop(), words{"stop 3"});
      EXPECT_EQ(d.stopped(3), words{"stop 2"});
    }
    EXPECT_EQ(d.stopped(2), words{"stop 1"});
    EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
    EXPECT_TRUE(d.timers.empty());
  }
}

TEST(group_restart, of_children_that_crash_during_the_first_start_waits_until_all_were_started) {
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    driven d{four(), how};
    d.take(d.machine.start(d.now));
    d.ready(1);
    d.ready(2);
    EXPECT_EQ(d.crash(2), words{});
    EXPECT_EQ(d.state(2), child_state::waiting);
    EXPECT_EQ(d.ready(3), words{"start 4#1"});
    EXPECT_EQ(d.crash(3), words{});
    EXPECT_EQ(d.ready(4), (words{"started", "stop 4 keep"}));
    const bool all = how == strategy::one_for_all;
    EXPECT_EQ(d.stopped(4), words{all ? "stop 1 keep" : "start 2#2"});
    if (all) {
      EXPECT_EQ(d.stopped(1), words{"start 1#2"});
      EXPECT_EQ(d.ready(1), words{"start 2#2"});
    }
    EXPECT_EQ(d.ready(2), words{"start 3#2"});
    EXPECT_EQ(d.ready(3), words{"start 4#2"});
    EXPECT_EQ(d.ready(4), words{});
  }
}

TEST(group_restart, is_off_when_the_child_that_crashed_during_the_first_start_was_terminated) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.take(d.machine.start(d.now));
  d.ready(1);
  d.crash(1);
  EXPECT_EQ(d.terminate(1), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"reply 1 ok"});
  EXPECT_EQ(d.ready(2), words{"started"});
  EXPECT_EQ(d.state(1), child_state::idle);
}

TEST(group_restart, with_brutal_kills_waits_a_moment_so_that_messages_are_kept) {
  driven d{{child(), stopping_within(child(), brutal_kill), stopping_within(temporary(), brutal_kill)},
           strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(1), (words{"stop 3 brutal", "forget 3", "stop 2 keep brutal"}));
  EXPECT_EQ(d.due_in(2), 50ms);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
}

}  // namespace
}  // namespace steward::policy::testing_support
