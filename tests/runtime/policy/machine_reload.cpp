#include "machine_support.hpp"

// New rules at run time, and children that are added, changed and removed by a reload.

namespace steward::policy::testing_support {
namespace {

TEST(reconfigure, of_the_limit_begins_a_new_window) {
  driven d{{eager()}, options(strategy::one_for_one, {1, 60s})};
  d.up();
  d.crash(1);
  d.ready(1);
  d.machine.reconfigure(options(strategy::one_for_one, {2, 60s}));
  EXPECT_EQ(d.crash(1), words{"start 1#3"});
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"start 1#4"});
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"stop 1"});
}

TEST(reconfigure, that_leaves_the_limit_as_it_is_leaves_what_was_counted) {
  driven d{{eager()}, options(strategy::one_for_one, {1, 60s})};
  d.up();
  d.crash(1);
  d.ready(1);
  d.machine.reconfigure(options(strategy::rest_for_one, {1, 60s}));
  EXPECT_EQ(d.crash(1), words{"stop 1"});
}

TEST(reconfigure, of_the_strategy_holds_from_the_next_crash_on) {
  driven d{{child(), child()}};
  d.up();
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  d.ready(1);
  d.machine.reconfigure(options(strategy::one_for_all));
  EXPECT_EQ(d.crash(2), words{"stop 1 keep"});
}

TEST(reconfigure, lets_a_group_restart_that_is_under_way_come_to_its_end) {
  driven d{{child(), child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  d.machine.reconfigure(options(strategy::one_for_one));
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.failed(2), (words{"start 2#3", "start 3#2"})) << "from now on each for itself";
  EXPECT_EQ(d.ready(2), words{});
  EXPECT_EQ(d.failed(2), words{});
  EXPECT_EQ(d.ready(3), words{});
}

TEST(reconfigure, lets_a_group_go_on_without_a_member_that_waits_for_its_own_restart) {
  driven d{{child(), child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(2);
  d.stopped(3);
  d.stopped(1);
  for (child_number i = 1; i <= 3; ++i) d.ready(i);
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
  d.machine.reconfigure(options(strategy::one_for_one));
  EXPECT_EQ(d.failed(2), words{"start 3#3"}) << "its second restart waits, 3 does not wait for it";
  d.ready(3);
  EXPECT_EQ(d.fire(2), words{"start 2#4"});
}

TEST(reconfigure, to_a_group_takes_in_a_child_that_waits_for_its_own_restart) {
  driven d{{child(), child(), child()}};
  d.up();
  d.crash(2);
  d.ready(2);
  d.crash(2);
  EXPECT_EQ(d.due_in(2), 100ms);
  d.machine.reconfigure(options(strategy::one_for_all));
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_FALSE(d.timers.contains(2)) << "it would start while others are being stopped";
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
}

TEST(reconfigure, to_a_group_leaves_an_earlier_child_that_waits_alone) {
  driven d{{child(), child(), child()}};
  d.up();
  d.crash(1);
  d.ready(1);
  d.crash(1);
  d.machine.reconfigure(options(strategy::rest_for_one));
  EXPECT_EQ(d.crash(2), words{"stop 3 keep"});
  EXPECT_EQ(d.fire(1), words{"start 1#3"}) << "its own";
  EXPECT_EQ(d.stopped(3), words{"start 2#2"});
}

TEST(reconfigure, to_a_group_that_waits_does_not_take_the_timer_of_another_child_for_its_own) {
  driven d{{child(), child(), child()}};
  d.up();
  for (int n = 0; n < 3; ++n) {
    d.crash(1);
    if (d.state(1) == child_state::waiting && n < 2) d.fire(1);
    if (n < 2) d.ready(1);
  }
  EXPECT_EQ(d.due_in(1), 200ms);
  d.crash(2);
  d.ready(2);
  d.now += 150ms;
  d.machine.reconfigure(options(strategy::rest_for_one));
  EXPECT_EQ(d.crash(2), words{"stop 3 keep"});
  EXPECT_EQ(d.stopped(3), words{});
  EXPECT_EQ(d.due_in(2), 100ms);
  EXPECT_EQ(d.fire(1), words{"start 1#4"}) << "the group waits on";
  EXPECT_EQ(d.fire(2), words{"start 2#3"});
}

TEST(reconfigure, lets_a_group_go_on_without_its_culprit_that_waits_for_its_own_restart) {
  driven d{{child(), child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(2);
  d.stopped(3);
  d.stopped(1);
  for (child_number i = 1; i <= 3; ++i) d.ready(i);
  EXPECT_EQ(d.crash(2), words{"stop 3 keep"});
  d.terminate(2);
  d.stopped(2);
  d.machine.reconfigure(options(strategy::one_for_one));
  EXPECT_EQ(d.restart(2), words{"start 2#3"});
  d.ready(2);
  EXPECT_EQ(d.crash(2), words{});
  EXPECT_EQ(d.due_in(2), 200ms);
  EXPECT_EQ(d.stopped(3), words{"stop 1 keep"});
  EXPECT_EQ(d.stopped(1), words{"start 1#3"}) << "it does not wait for a child that is no member any more";
  EXPECT_EQ(d.due_in(2), 200ms);
  EXPECT_EQ(d.ready(1), words{"start 3#3"});
  EXPECT_EQ(d.fire(2), words{"start 2#4"});
}

TEST(reconfigure, during_the_first_start_brings_back_what_crashed_before) {
  driven d{{child(), child(), child()}, strategy::one_for_all};
  d.take(d.machine.start(d.now));
  d.ready(1);
  d.crash(1);
  d.ready(2);
  d.machine.reconfigure(options(strategy::one_for_one));
  EXPECT_EQ(d.ready(3), (words{"started", "start 1#2"}));
}

TEST(repolicy, of_the_restart_type_and_the_delays_holds_from_then_on) {
  driven d{{child()}};
  d.up();
  d.machine.repolicy(1, shared(transient()));
  EXPECT_EQ(d.exited(1, exit_class::normal), words{"stop 1"});
}

TEST(repolicy, of_the_limit_begins_a_new_window) {
  driven d{{with_limit(eager(), {1, 60s})}};
  d.up();
  d.crash(1);
  d.ready(1);
  d.machine.repolicy(1, shared(with_limit(transient(), {1, 60s})));
  EXPECT_EQ(d.exited(1, exit_class::abnormal), words{"stop 1"}) << "the same limit: nothing begins anew";

  driven e{{with_limit(eager(), {1, 60s})}};
  e.up();
  e.crash(1);
  e.ready(1);
  e.machine.repolicy(1, shared(with_limit(eager(), {2, 60s})));
  EXPECT_EQ(e.crash(1), words{"start 1#3"});
}

TEST(repolicy, can_give_and_take_a_limit_of_its_own) {
  driven d{{eager()}, options(strategy::one_for_one, {1, 60s})};
  d.up();
  d.machine.repolicy(1, shared(with_limit(eager(), {1, 60s})));
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  d.ready(1);
  d.machine.repolicy(1, shared(eager()));
  EXPECT_EQ(d.crash(1), words{"start 1#3"}) << "the supervisor's limit is untouched";
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"stop 1"});
}

TEST(repolicy, of_a_child_that_nobody_knows_does_nothing) {
  driven d{{}};
  d.up();
  d.machine.repolicy(5, shared(child()));
  EXPECT_FALSE(d.machine.knows(5));
}

TEST(added_child, is_not_started_by_itself_and_continues_its_incarnations) {
  driven d{{child()}};
  d.up();
  d.machine.add(2, shared(child()), 7);
  EXPECT_EQ(d.state(2), child_state::idle);
  EXPECT_EQ(d.restart(2), words{"start 2#8"});
}

TEST(added_child, comes_up_with_a_group_restart) {
  driven d{{child()}, strategy::one_for_all};
  d.up();
  d.machine.add(2, shared(child()));
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#1"});
}

}  // namespace
}  // namespace steward::policy::testing_support
