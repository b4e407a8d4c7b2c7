#include "machine_support.hpp"

// One supervisor with one_for_one: starts, stops, restart types, budgets and delays.

namespace steward::policy::testing_support {
namespace {

TEST(supervisor_machine, starts_each_child_after_the_one_before_is_ready) {
  driven d{{child(), child(), child()}};
  EXPECT_EQ(d.take(d.machine.start(origin)), words{"start 1#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(1, 1, origin)), words{"start 2#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(2, 1, origin)), words{"start 3#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(3, 1, origin)), words{"started"});
  EXPECT_TRUE(d.machine.running());
}

TEST(supervisor_machine, without_children_is_started_at_once_and_ends_when_asked) {
  driven d{std::vector<child_policy>{}};
  EXPECT_EQ(d.take(d.machine.start(origin)), words{"started"});
  EXPECT_EQ(d.take(d.machine.stop(origin)), words{"ended shutdown"});
}

TEST(supervisor_machine, stops_in_reverse_order_one_after_the_other) {
  driven d{{child(), child(), child()}};
  d.up();
  EXPECT_EQ(d.take(d.machine.stop(origin)), words{"stop 3"});
  EXPECT_EQ(d.take(d.machine.stop(origin)), words{}) << "a second request changes nothing";
  EXPECT_EQ(d.take(d.machine.child_stopped(3, origin)), words{"stop 2"});
  EXPECT_EQ(d.take(d.machine.child_stopped(2, origin)), words{"stop 1"});
  EXPECT_EQ(d.take(d.machine.child_stopped(1, origin)), words{"ended shutdown"});
  EXPECT_TRUE(d.machine.over());
}

TEST(supervisor_machine, a_failed_first_start_rolls_back_what_was_started) {
  driven d{{child(), child(), child()}};
  d.take(d.machine.start(origin));
  d.take(d.machine.child_ready(1, 1, origin));
  d.take(d.machine.child_ready(2, 1, origin));
  EXPECT_EQ(d.take(d.machine.child_start_failed(3, 1, crash_info().why, origin)), words{"stop 3"});
  EXPECT_EQ(d.take(d.machine.child_stopped(3, origin)), words{"stop 2"});
  EXPECT_EQ(d.take(d.machine.child_stopped(2, origin)), words{"stop 1"});
  EXPECT_EQ(d.take(d.machine.child_stopped(1, origin)), words{"start_failed 3"});
}

TEST(supervisor_machine, restarts_only_the_child_that_died) {
  driven d{{child(), child()}};
  d.up();
  EXPECT_EQ(d.crash(1), words{"start 1#2"}) << "the first restart is immediate";
  EXPECT_EQ(d.machine.state_of(2), child_state::up);
  d.now += 3ms;
  d.take(d.machine.child_ready(1, 2, d.now));
  EXPECT_EQ(d.notes.back().what.kind, event_kind::recover);
  EXPECT_DOUBLE_EQ(d.notes.back().what.recovery_ms.value_or(0.0), 3.0);
}

TEST(supervisor_machine, starts_one_that_crashed_in_place_in_place) {
  for (const auto how : {strategy::one_for_one, strategy::simple_one_for_one}) {
    driven d{{child(), child()}, how};
    d.up();
    EXPECT_EQ(d.take(d.machine.child_exited(1, 1, crash_info(), origin, true)), words{"start 1#2 in_place"});
    d.ready(1);
    EXPECT_EQ(d.take(d.machine.child_exited(1, 2, crash_info(), origin, true)), words{}) << "this one waits";
    EXPECT_EQ(d.fire(1), words{"start 1#3"}) << "nobody is there to begin it";
  }
}

TEST(supervisor_machine, restarts_of_a_group_are_never_in_place) {
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    driven d{{child()}, how};
    d.up();
    EXPECT_EQ(d.take(d.machine.child_exited(1, 1, crash_info(), origin, true)), words{"start 1#2"});
  }
}

TEST(supervisor_machine, a_rule_may_stop_or_escalate_whatever_the_restart_type_says) {
  driven stopping{{child(), child()}};
  stopping.up();
  EXPECT_EQ(stopping.crash_by_rule(1, verdict::stop), words{"stop 1"});
  EXPECT_EQ(stopping.stopped(1), words{});
  EXPECT_EQ(stopping.state(1), child_state::idle);

  driven escalating{{temporary(), child()}};
  escalating.up();
  EXPECT_EQ(escalating.crash_by_rule(1, verdict::escalate), words{"stop 2"});
  EXPECT_EQ(escalating.stopped(2), words{"stop 1"});
  EXPECT_EQ(escalating.stopped(1), (words{"forget 1", "ended gave_up"}));
  EXPECT_EQ(escalating.last_note(event_kind::limit)->what.decision->action, "escalate");
}

TEST(supervisor_machine, waits_out_the_delays_of_each_child_on_its_own) {
  driven d{{child(), child()}};
  d.up();
  d.crash(1);
  d.ready(1);
  d.crash(1);
  EXPECT_EQ(d.due_in(1), 100ms);
  EXPECT_EQ(d.crash(2), words{"start 2#2"});
  d.ready(2);
  d.crash(2);
  EXPECT_EQ(d.due_in(2), 100ms);
}

TEST(supervisor_machine, a_healthy_life_starts_the_delays_anew) {
  driven d{{child()}};
  d.up();
  for (int n = 0; n < 4; ++n) {
    d.crash(1);
    if (d.timers.contains(1)) d.fire(1);
    d.ready(1);
  }
  d.now += 30s;
  EXPECT_EQ(d.crash(1), words{"start 1#6"});
}

struct restart_case {
  restart_type type;
  exit_class how;
  bool restarted;
};
class restart_table : public testing::TestWithParam<restart_case> {};
INSTANTIATE_TEST_SUITE_P(supervisor_machine, restart_table,
                         testing::Values(restart_case{restart_type::permanent, exit_class::normal, true},
                                         restart_case{restart_type::permanent, exit_class::shutdown, true},
                                         restart_case{restart_type::permanent, exit_class::abnormal, true},
                                         restart_case{restart_type::permanent, exit_class::gave_up, true},
                                         restart_case{restart_type::transient, exit_class::normal, false},
                                         restart_case{restart_type::transient, exit_class::shutdown, false},
                                         restart_case{restart_type::transient, exit_class::abnormal, true},
                                         restart_case{restart_type::transient, exit_class::gave_up, true},
                                         restart_case{restart_type::temporary, exit_class::normal, false},
                                         restart_case{restart_type::temporary, exit_class::shutdown, false},
                                         restart_case{restart_type::temporary, exit_class::abnormal, false},
                                         restart_case{restart_type::temporary, exit_class::gave_up, false}));

TEST_P(restart_table, decides_by_type_and_exit) {
  driven d{{child(GetParam().type)}};
  d.up();
  const auto got = d.take(d.machine.child_exited(1, 1, exit_info{GetParam().how, {}}, origin));
  EXPECT_EQ(got, GetParam().restarted ? words{"start 1#2"} : words{"stop 1"});
  if (GetParam().restarted) return;
  const bool forgotten = GetParam().type == restart_type::temporary;
  EXPECT_EQ(d.stopped(1), forgotten ? words{"forget 1"} : words{});
  EXPECT_EQ(d.machine.knows(1), !forgotten);
  EXPECT_TRUE(forgotten || d.state(1) == child_state::idle);
  EXPECT_TRUE(d.machine.running()) << "the supervisor lives on";
}

TEST(supervisor_machine, waits_out_a_growing_back_off) {
  driven d{{child()}, options(strategy::one_for_one, {10, 60s})};
  d.up();
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  d.take(d.machine.child_ready(1, 2, origin));
  EXPECT_EQ(d.crash(1), words{});
  EXPECT_EQ(d.due_in(1), 100ms);
  EXPECT_TRUE(d.noted(event_kind::backoff));
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  d.take(d.machine.child_ready(1, 3, origin));
  d.crash(1);
  EXPECT_EQ(d.due_in(1), 200ms);
}

TEST(supervisor_machine, a_failed_restart_counts_and_does_not_loop_on_the_spot) {
  driven d{{child(), child()}, options(strategy::one_for_one, {3, 5s})};
  d.up();
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  EXPECT_EQ(d.take(d.machine.child_start_failed(1, 2, crash_info().why, origin)), words{}) << "it waits";
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.take(d.machine.child_start_failed(1, 3, crash_info().why, origin)), words{});
  EXPECT_EQ(d.fire(1), words{"start 1#4"});
  EXPECT_EQ(d.take(d.machine.child_start_failed(1, 4, crash_info().why, origin)), words{"stop 2"})
      << "the budget is spent";
}

TEST(supervisor_machine, a_stop_request_gets_in_while_a_child_waits_for_its_restart) {
  driven d{{child(), child()}, options(strategy::one_for_one, {10, 5s})};
  d.up();
  d.crash(2);
  d.take(d.machine.child_ready(2, 2, origin));
  d.crash(2);
  const auto stale = d.timers.at(2);
  EXPECT_EQ(d.take(d.machine.stop(origin)), words{"stop 2"});
  EXPECT_EQ(d.take(d.machine.timer(stale.child, stale.token, stale.at)), words{}) << "the restart is off";
  EXPECT_EQ(d.take(d.machine.child_stopped(2, origin)), words{"stop 1"});
}

TEST(supervisor_machine, gives_up_when_one_restart_too_many_is_needed) {
  driven d{{child(), child(), child()}, options(strategy::one_for_one, {2, 5s})};
  d.up();
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  d.take(d.machine.child_ready(1, 2, origin));
  EXPECT_EQ(d.crash(2), words{"start 2#2"}) << "the budget counts over all children";
  d.take(d.machine.child_ready(2, 2, origin));
  EXPECT_EQ(d.crash(3), words{"stop 3"});
  EXPECT_TRUE(d.noted(event_kind::limit));
  EXPECT_EQ(d.take(d.machine.child_stopped(3, origin)), words{"stop 2"});
  EXPECT_EQ(d.take(d.machine.child_stopped(2, origin)), words{"stop 1"});
  EXPECT_EQ(d.take(d.machine.child_stopped(1, origin)), words{"ended gave_up"});
}

TEST(supervisor_machine, crashes_spread_over_more_than_the_window_are_survived) {
  driven d{{child()}, options(strategy::one_for_one, {1, 1s})};
  d.up();
  for (std::uint64_t n = 2; n < 50; ++n) {
    d.now += 40s;
    EXPECT_EQ(d.crash(1), words{"start 1#" + std::to_string(n)});
    d.take(d.machine.child_ready(1, n, d.now));
  }
}

TEST(supervisor_machine, a_start_that_overruns_its_limit_is_abandoned_and_has_failed) {
  driven d{{child(), child()}};
  d.take(d.machine.start(origin));
  d.take(d.machine.child_ready(1, 1, origin));
  EXPECT_EQ(d.due_in(2), 5s);
  EXPECT_EQ(d.fire(2), (words{"abandon 2", "stop 2"}));
}

TEST(supervisor_machine, a_stop_that_overruns_its_limit_is_abandoned_and_goes_on) {
  driven d{{child(), child()}};
  d.up();
  d.take(d.machine.stop(origin));
  EXPECT_EQ(d.fire(2), (words{"abandon 2", "stop 1"}));
  EXPECT_TRUE(d.noted(event_kind::warn));
}

TEST(supervisor_machine, ignores_reports_about_incarnations_that_are_gone) {
  driven d{{child()}};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.take(d.machine.child_exited(1, 1, crash_info(), origin)), words{});
  EXPECT_EQ(d.take(d.machine.child_ready(1, 1, origin)), words{});
  EXPECT_EQ(d.machine.state_of(1), child_state::starting);
}

TEST(supervisor_machine, a_child_that_restarts_while_others_still_start_does_not_start_them_twice) {
  driven d{{child(), child(), child()}};
  d.take(d.machine.start(origin));
  d.take(d.machine.child_ready(1, 1, origin));
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  EXPECT_EQ(d.take(d.machine.child_ready(1, 2, origin)), words{});
  EXPECT_EQ(d.take(d.machine.child_ready(2, 1, origin)), words{"start 3#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(3, 1, origin)), words{"started"});
}

TEST(supervisor_machine, crash_reports_say_which_restart_of_how_many_this_is) {
  driven d{{child()}, options(strategy::one_for_one, {3, 5s})};
  d.up();
  d.crash(1);
  const auto* note = d.last_note(event_kind::crash);
  ASSERT_NE(note, nullptr);
  EXPECT_EQ(note->about, child_number{1});
  const auto* it = &note->what;
  ASSERT_TRUE(it->decision);
  EXPECT_EQ(it->decision->action, "restart");
  EXPECT_EQ(it->decision->strategy, "one_for_one");
  EXPECT_EQ(it->decision->restarts, 1U);
  EXPECT_EQ(it->decision->limit, 3U);
  EXPECT_EQ(it->decision->period_ms, 5000);
}

}  // namespace
}  // namespace steward::policy::testing_support
