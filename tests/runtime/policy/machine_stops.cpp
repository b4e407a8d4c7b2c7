#include "machine_support.hpp"

// Shutdown kinds, what is kept, roll-back, declined starts, hangs, and reports that nobody expected.

namespace steward::policy::testing_support {
namespace {

TEST(shutdown, that_is_brutal_is_not_waited_for) {
  driven d{{child(), stopping_within(child(), brutal_kill), child()}};
  d.up();
  d.stop();
  EXPECT_EQ(d.stopped(3), (words{"stop 2 brutal", "stop 1"}));
  EXPECT_EQ(d.stopped(2), words{}) << "a late report does no harm";
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
}

TEST(shutdown, that_is_infinite_has_no_timer) {
  driven d{{stopping_within(child(), infinity)}};
  d.up();
  d.stop();
  EXPECT_TRUE(d.timers.empty());
  d.now += 24h;
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
}

TEST(shutdown, takes_each_childs_own_time) {
  driven d{{stopping_within(child(), 7s), stopping_within(child(), 10ms)}};
  d.up();
  d.stop();
  EXPECT_EQ(d.due_in(2), 10ms);
  EXPECT_EQ(d.fire(2), (words{"abandon 2", "stop 1"}));
  EXPECT_EQ(d.due_in(1), 7s);
  EXPECT_EQ(d.stopped(2), words{}) << "it was given up on";
  EXPECT_EQ(d.fire(1), (words{"abandon 1", "ended shutdown"}));
}

TEST(shutdown, of_a_child_that_starts_waits_or_is_parked) {
  driven d{{child(), child(), with_limit(child(), {0, 5s}, spent_policy::park)}};
  d.up();
  d.crash(1);
  d.crash(2);
  d.ready(2);
  d.crash(2);
  d.crash(3);
  EXPECT_EQ(d.stop(), words{"stop 3"});
  EXPECT_EQ(d.stopped(3), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"stop 1"}) << "it was starting";
  EXPECT_EQ(d.ready(1), words{}) << "too late";
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
}

TEST(shutdown, is_not_disturbed_by_children_that_end_by_themselves) {
  for (const auto type : {restart_type::permanent, restart_type::transient, restart_type::temporary})
    for (const auto cls : {exit_class::normal, exit_class::shutdown, exit_class::abnormal, exit_class::gave_up}) {
      driven d{{child(type), child(type), child(type)}, options(strategy::one_for_one, {0, 5s})};
      d.up();
      EXPECT_EQ(d.stop(), words{"stop 3"});
      EXPECT_EQ(d.exited(3, cls), words{}) << "its report of the stop still comes";
      EXPECT_EQ(d.exited(1, cls), words{}) << "before its turn";
      const bool forgotten = type == restart_type::temporary;
      EXPECT_EQ(d.stopped(3), forgotten ? (words{"forget 3", "stop 2"}) : words{"stop 2"});
      EXPECT_EQ(d.stopped(2), forgotten ? (words{"forget 2", "stop 1"}) : words{"stop 1"});
      EXPECT_EQ(d.stopped(1), forgotten ? (words{"forget 1", "ended shutdown"}) : words{"ended shutdown"});
    }
}

TEST(shutdown, of_a_supervisor_that_was_never_started_ends_it_at_once) {
  driven d{{child(), child()}};
  EXPECT_EQ(d.stop(), words{"ended shutdown"});
  EXPECT_EQ(d.take(d.machine.start(d.now)), words{});
}

TEST(shutdown, during_the_first_start_stops_what_was_started) {
  driven d{{child(), child(), child()}};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.stop(), words{"stop 2"});
  EXPECT_EQ(d.ready(2), words{}) << "too late";
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
  EXPECT_FALSE(d.noted(event_kind::crash));
}

TEST(shutdown, lets_a_start_that_declines_before_its_turn_be_stopped_in_turn) {
  driven d{{child(), child()}};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.stop(), words{"stop 2"});
  EXPECT_EQ(d.declined(1), words{});
  EXPECT_EQ(d.stopped(2), words{"stop 1"}) << "what is left of it";
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
}

TEST(shutdown, lets_a_start_that_fails_or_overruns_before_its_turn_be_stopped_in_turn) {
  for (const bool overruns : {false, true}) {
    driven d{{child(), stopping_within(child(), infinity)}};
    d.up();
    d.crash(1);
    d.stop();
    EXPECT_EQ(overruns ? d.fire(1) : d.failed(1), overruns ? words{"abandon 1"} : words{});
    EXPECT_EQ(d.stopped(2), words{"stop 1"});
    EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
  }
}

TEST(keep, is_not_asked_for_when_somebody_stops_the_supervisor) {
  auto how = options(strategy::one_for_one);
  how.keep_on_end = true;
  driven d{{child()}, how};
  d.up();
  EXPECT_EQ(d.stop(), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
}

TEST(keep, is_asked_for_when_whoever_stops_the_supervisor_brings_it_back) {
  driven d{{child(), temporary()}};
  d.up();
  EXPECT_EQ(d.stop(true), words{"stop 2"}) << "a temporary child does not come back";
  EXPECT_EQ(d.stopped(2), (words{"forget 2", "stop 1 keep"}));
  EXPECT_EQ(d.stopped(1), words{"ended shutdown kept"});
}

TEST(keep, holds_when_a_supervisor_ends_by_itself_and_may_be_restarted) {
  for (const bool keep : {false, true}) {
    auto how = options(strategy::one_for_one, {0, 5s});
    how.keep_on_end = keep;
    driven d{{child(), child()}, how};
    d.up();
    EXPECT_EQ(d.crash(1), words{keep ? "stop 2 keep" : "stop 2"});
    EXPECT_EQ(d.stopped(2), words{keep ? "stop 1 keep" : "stop 1"});
    EXPECT_EQ(d.stopped(1), words{keep ? "ended gave_up kept" : "ended gave_up"});
  }
}

TEST(keep, holds_for_an_auto_shutdown_and_a_roll_back_too) {
  auto how = options(strategy::one_for_one);
  how.keep_on_end = true;
  how.auto_shutdown = auto_shutdown::any_significant;
  driven d{{child(), significant(transient())}, how};
  d.up();
  EXPECT_EQ(d.exited(2, exit_class::normal), words{"stop 2 keep"});
  EXPECT_EQ(d.stopped(2), words{"stop 1 keep"});

  driven failing{{child(), child()}, how};
  failing.take(failing.machine.start(failing.now));
  failing.ready(1);
  EXPECT_EQ(failing.failed(2), words{"stop 2 keep"});
  EXPECT_EQ(failing.stopped(2), words{"stop 1 keep"});
}

TEST(keep, is_off_from_the_moment_somebody_stops_it_for_good) {
  auto how = options(strategy::one_for_one, {0, 5s});
  how.keep_on_end = true;
  driven d{{child(), child()}, how};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 2 keep"});
  EXPECT_EQ(d.stop(false), words{});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
}

TEST(keep, gives_a_brutal_stop_a_moment) {
  driven d{{stopping_within(child(), brutal_kill)}};
  d.up();
  EXPECT_EQ(d.stop(true), words{"stop 1 keep brutal"});
  EXPECT_EQ(d.due_in(1), 50ms);
  EXPECT_EQ(d.fire(1), (words{"abandon 1", "ended shutdown kept"}));
}

TEST(stop_child, tells_how_the_child_had_ended) {
  driven d{{transient(), transient(), temporary(), child()}};
  d.up();
  const auto how_of = [&](const actions& out) {
    for (const auto& a : out)
      if (const auto* x = std::get_if<action::stop_child>(&a)) return x->how;
    return exit_class::gave_up;
  };
  EXPECT_EQ(how_of(d.machine.child_exited(1, 1, exit_as(exit_class::normal), d.now)), exit_class::normal);
  EXPECT_EQ(d.machine.end_of_child(1), exit_class::normal);
  EXPECT_EQ(how_of(d.machine.terminate_child(2, 1, d.now)), exit_class::shutdown);
  EXPECT_EQ(d.machine.end_of_child(2), exit_class::shutdown);
  EXPECT_EQ(how_of(d.machine.child_exited(3, 1, exit_as(exit_class::abnormal), d.now)), exit_class::abnormal);
  EXPECT_EQ(d.machine.end_of_child(4), std::nullopt);
  EXPECT_EQ(d.machine.count_up(), 1U);
}

TEST(roll_back, of_a_failed_first_start_forgets_temporary_children) {
  driven d{{temporary(), child()}};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.failed(2), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), (words{"forget 1", "start_failed 2"}));
  EXPECT_TRUE(d.machine.over());
}

TEST(roll_back, ends_as_a_failed_start_even_when_it_is_stopped_meanwhile) {
  driven d{{child(), child()}};
  d.take(d.machine.start(d.now));
  d.ready(1);
  d.failed(2);
  EXPECT_EQ(d.stop(), words{});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"start_failed 2"});
}

TEST(first_start, of_a_child_that_ends_before_it_is_ready_has_failed) {
  for (const auto cls : {exit_class::normal, exit_class::shutdown, exit_class::abnormal, exit_class::gave_up}) {
    driven d{{child(), child()}};
    d.take(d.machine.start(d.now));
    d.ready(1);
    EXPECT_EQ(d.exited(2, cls), words{"stop 2"});
    EXPECT_EQ(d.stopped(2), words{"stop 1"});
    EXPECT_EQ(d.stopped(1), words{"start_failed 2"});
  }
}

TEST(first_start, that_gives_up_meanwhile_ends_as_given_up) {
  driven d{{child(), child()}, options(strategy::one_for_one, {0, 5s})};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
}

TEST(first_start, goes_on_after_a_child_that_declines) {
  driven d{{child(), temporary(), child()}};
  d.take(d.machine.start(d.now));
  EXPECT_EQ(d.declined(1), (words{"stop 1", "start 2#1"}));
  EXPECT_EQ(d.declined(2), (words{"stop 2", "start 3#1"}));
  EXPECT_EQ(d.stopped(1), words{});
  EXPECT_EQ(d.stopped(2), words{"forget 2"}) << "a temporary child that declines leaves no spec";
  EXPECT_EQ(d.ready(3), words{"started"});
  EXPECT_EQ(d.state(1), child_state::idle);
}

TEST(declined_start, of_a_brutal_child_is_down_at_once) {
  driven d{{stopping_within(temporary(), brutal_kill), child()}};
  d.take(d.machine.start(d.now));
  EXPECT_EQ(d.declined(1), (words{"stop 1 brutal", "forget 1", "start 2#1"}));
}

TEST(declined_start, of_a_restart_keeps_the_spec) {
  driven d{{child()}};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.declined(1), words{"stop 1"});
  d.stopped(1);
  EXPECT_EQ(d.state(1), child_state::idle);
  EXPECT_EQ(d.restart(1), words{"start 1#3"});
}

TEST(declined_start, of_the_last_child_comes_back_with_a_group_that_crashed_early) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.take(d.machine.start(d.now));
  d.ready(1);
  d.crash(1);
  EXPECT_EQ(d.declined(2), (words{"stop 2", "started"})) << "the group restart waits for what is left of it";
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
}

TEST(hung_child, is_abandoned_and_restarted) {
  driven d{{child(), child()}};
  d.up();
  EXPECT_EQ(d.hung(1), (words{"abandon 1", "start 1#2"}));
  EXPECT_EQ(d.ready(1), words{});
}

TEST(hung_child, counts_like_a_crash) {
  driven d{{child(), temporary()}, options(strategy::one_for_one, {0, 5s})};
  d.up();
  EXPECT_EQ(d.hung(2), (words{"abandon 2", "stop 2"}));
  EXPECT_EQ(d.stopped(2), words{"forget 2"});
  EXPECT_EQ(d.hung(1), (words{"abandon 1", "stop 1"}));
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
}

TEST(hung_child, of_a_group_takes_the_others_with_it) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.hung(1), (words{"abandon 1", "stop 2 keep"}));
}

TEST(hung_child, that_is_not_up_or_whose_supervisor_stops_is_ignored) {
  driven d{{child(), child()}};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.hung(1), words{});
  d.stop();
  EXPECT_EQ(d.hung(2), words{}) << "its stop has a limit of its own";
}

TEST(report, in_a_state_that_it_does_not_fit_is_ignored) {
  driven d{{child(), child(), with_limit(child(), {0, 5s}, spent_policy::park), child()}};
  d.up();
  d.terminate(1);
  d.stopped(1);
  d.crash(2);
  d.ready(2);
  d.crash(2);
  d.crash(3);
  for (child_number i = 1; i <= 3; ++i) {
    SCOPED_TRACE(to_string(d.state(i)));
    const auto before = d.state(i);
    EXPECT_EQ(d.crash(i), words{});
    EXPECT_EQ(d.ready(i), words{});
    EXPECT_EQ(d.failed(i), words{});
    EXPECT_EQ(d.declined(i), words{});
    EXPECT_EQ(d.hung(i), words{});
    EXPECT_EQ(d.stopped(i), words{});
    EXPECT_EQ(d.state(i), before);
  }
  EXPECT_EQ(d.stopped(4), words{}) << "nobody asked";
  EXPECT_EQ(d.failed(4), words{});
  EXPECT_EQ(d.take(d.machine.child_exited(99, 1, crash_info(), d.now)), words{}) << "a stranger";
  EXPECT_EQ(d.take(d.machine.child_stopped(99, d.now)), words{});
  EXPECT_EQ(d.take(d.machine.timer(99, 1, d.now)), words{});
}

TEST(report, about_a_timer_that_was_replaced_is_ignored) {
  driven d{{child()}};
  d.take(d.machine.start(d.now));
  const auto start_limit = d.timers.at(1);
  d.ready(1);
  EXPECT_FALSE(d.timers.contains(1));
  d.stop();
  EXPECT_EQ(d.take(d.machine.timer(1, start_limit.token, start_limit.at)), words{});
  EXPECT_EQ(d.state(1), child_state::stopping);
}

TEST(restarted_child, that_ends_before_it_is_ready_has_failed_to_start) {
  driven d{{child()}};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.exited(1, exit_class::normal), words{}) << "its second restart waits";
  EXPECT_EQ(d.due_in(1), 100ms);
  EXPECT_EQ(d.last_note(event_kind::crash)->what.why->cls, cause_class::killed);
}

}  // namespace
}  // namespace steward::policy::testing_support
