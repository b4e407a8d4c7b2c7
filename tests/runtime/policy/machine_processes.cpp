#include "machine_support.hpp"

// Children that share a process: groups, and whole subtrees.

namespace steward::policy::testing_support {
namespace {

child_policy member(std::string group, child_policy x = child()) {
  x.group = std::move(group);
  return x;
}

machine_options in_process(bool owner) {
  auto out = options(strategy::one_for_one);
  out.owns_process = owner;
  return out;
}

/// The group of the first two children, which waits out its back-off then.
void crash_twice(driven& d) {
  d.crash(1);
  d.stopped(2);
  d.ready(1);
  d.ready(2);
  d.crash(1);
  d.stopped(2);
}

TEST(process_group, restarts_its_members_together_and_nobody_else) {
  driven d{{member("a"), child(), member("a"), member("b")}, strategy::one_for_one};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.last_note(event_kind::crash)->also, (std::vector<child_number>{3}));
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 3#2"});
  EXPECT_EQ(d.ready(3), words{});
  EXPECT_EQ(d.machine.incarnation_of(2), 1U);
  EXPECT_EQ(d.machine.incarnation_of(4), 1U);
}

TEST(process_group, whose_members_all_report_the_end_is_charged_once) {
  driven d{{member("a"), member("a"), member("a")}, options(strategy::one_for_one, {1, 5s})};
  d.up();
  EXPECT_EQ(d.crash(2), words{"stop 3 keep"});
  EXPECT_EQ(d.crash(3), words{}) << "it was faster than the request to stop";
  EXPECT_EQ(d.crash(1), words{});
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"start 3#2"});
  d.ready(3);
  EXPECT_EQ(d.crash(1), words{"stop 3"}) << "the second one within 5 s";
}

TEST(process_group, does_not_bring_back_who_was_terminated_or_has_finished) {
  driven d{{member("a"), member("a", transient()), member("a")}, strategy::one_for_one};
  d.up();
  d.terminate(3);
  d.stopped(3);
  EXPECT_EQ(d.exited(2, exit_class::normal), words{"stop 2"});
  EXPECT_EQ(d.crash(1), words{"start 1#2"}) << "the second one is about to be down for good";
  EXPECT_EQ(d.stopped(2), words{});
  EXPECT_EQ(d.ready(1), words{});
  EXPECT_EQ(d.state(2), child_state::idle);
  EXPECT_EQ(d.state(3), child_state::idle);
}

TEST(process_group, waits_out_the_back_off_of_the_culprit) {
  driven d{{member("a"), member("a")}, strategy::one_for_one};
  d.up();
  d.crash(1);
  d.stopped(2);
  d.ready(1);
  d.ready(2);
  EXPECT_EQ(d.crash(1), words{"stop 2 keep"});
  EXPECT_EQ(d.stopped(2), words{});
  EXPECT_EQ(d.due_in(1), 100ms);
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
}

TEST(process_group, has_one_back_off_whoever_is_the_first_to_tell) {
  driven d{{member("a"), member("a"), member("a")}, strategy::one_for_one};
  d.up();
  const auto restart = [&](child_number culprit) {
    d.crash(culprit);
    for (child_number i = 3; i >= 1; --i) d.stopped(i);
    const bool waits = d.state(culprit) == child_state::waiting && d.timers.contains(culprit);
    const auto delay = waits ? d.due_in(culprit) : 0ms;
    if (waits) d.fire(culprit);
    for (child_number i = 1; i <= 3; ++i) d.ready(i);
    EXPECT_EQ(d.machine.count_up(), 3U);
    return delay;
  };
  EXPECT_EQ(restart(1), 0ms) << "at once";
  EXPECT_EQ(restart(2), 100ms);
  EXPECT_EQ(restart(3), 200ms);
  EXPECT_EQ(restart(1), 400ms);
  d.now += 31s;
  EXPECT_EQ(restart(2), 0ms) << "it has lived for long enough";
  EXPECT_EQ(restart(1), 100ms);
}

TEST(process_group, of_one_that_rest_for_one_takes_along_is_taken_whole) {
  driven d{{child(), member("a"), child(), child(), member("a")}, strategy::rest_for_one};
  d.up();
  EXPECT_EQ(d.crash(4), words{"stop 5 keep"});
  EXPECT_EQ(d.last_note(event_kind::crash)->also, (std::vector<child_number>{2, 3, 5}));
  EXPECT_EQ(d.stopped(5), words{"stop 3 keep"});
  EXPECT_EQ(d.stopped(3), words{"stop 2 keep"});
  EXPECT_EQ(d.stopped(2), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"start 3#2"});
  EXPECT_EQ(d.ready(3), words{"start 4#2"});
  EXPECT_EQ(d.ready(4), words{"start 5#2"});
  EXPECT_EQ(d.machine.incarnation_of(1), 1U);
}

TEST(process_group, that_crashes_while_another_one_restarts_is_restarted_beside_it) {
  driven d{{member("a"), member("b"), member("a"), member("b")}, strategy::one_for_one};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.crash(2), words{"stop 4 keep"});
  EXPECT_EQ(d.stopped(4), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"start 4#2"});
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(4), words{});
  EXPECT_EQ(d.ready(1), words{"start 3#2"});
  EXPECT_EQ(d.ready(3), words{});
  EXPECT_EQ(d.machine.count_up(), 4U);
}

TEST(process_group, does_not_wait_for_the_back_off_of_another_one) {
  driven d{{member("a"), member("a"), member("b"), member("b")}, strategy::one_for_one};
  d.up();
  crash_twice(d);
  ASSERT_EQ(d.due_in(1), 100ms);
  EXPECT_EQ(d.crash(3), words{"stop 4 keep"});
  EXPECT_EQ(d.stopped(4), words{"start 3#2"}) << "its first crash: at once";
  EXPECT_EQ(d.ready(3), words{"start 4#2"});
  EXPECT_EQ(d.ready(4), words{});
  EXPECT_EQ(d.due_in(1), 100ms) << "the other one waits as before";
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
}

TEST(process_group, that_waits_goes_with_all_others_that_a_new_strategy_takes_along) {
  driven d{{member("a"), member("a"), child(), member("b")}, strategy::one_for_one};
  d.up();
  crash_twice(d);
  d.machine.reconfigure(options(strategy::one_for_all));
  EXPECT_EQ(d.crash(3), words{"stop 4 keep"});
  EXPECT_EQ(d.stopped(4), words{}) << "the longest back-off is that of all";
  EXPECT_EQ(d.due_in(3), 100ms);
  EXPECT_EQ(d.fire(3), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
  EXPECT_EQ(d.ready(2), words{"start 3#2"});
  EXPECT_EQ(d.ready(3), words{"start 4#2"});
}

TEST(process_group, that_crashes_while_its_supervisor_starts_waits_for_that) {
  driven d{{member("a"), member("a"), child()}, strategy::one_for_one};
  d.take(d.machine.start(d.now));
  d.ready(1);
  d.ready(2);
  EXPECT_EQ(d.crash(1), words{});
  EXPECT_EQ(d.crash(2), words{});
  EXPECT_EQ(d.ready(3), (words{"started", "start 1#2"}));
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
}

TEST(lost_process, of_a_subtree_is_the_failure_of_its_supervisor) {
  driven d{{child(), child()}, in_process(true)};
  d.up();
  EXPECT_EQ(d.crash_by_rule(1, verdict::lost_process), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
  EXPECT_EQ(d.how_it_ended.rule, verdict::by_restart_type) << "its own supervisor takes it for any crash";
}

TEST(lost_process, is_that_of_its_owner_until_it_begins_anew) {
  driven d{{child()}, in_process(true)};
  d.up();
  d.machine.reconfigure(in_process(false));
  d.crash_by_rule(1, verdict::lost_process);
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
  EXPECT_EQ(d.how_it_ended.rule, verdict::by_restart_type);
}

TEST(lost_process, goes_up_to_the_supervisor_that_owns_it) {
  driven d{{child(), child()}, in_process(false)};
  d.up();
  d.crash_by_rule(2, verdict::lost_process);
  d.stopped(2);
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
  EXPECT_EQ(d.how_it_ended.rule, verdict::lost_process);
}

}  // namespace
}  // namespace steward::policy::testing_support
