#include "machine_support.hpp"

// start_child, terminate_child, restart_child and delete_child in every state: each request is answered exactly once
// (`driven` fails at a second answer), and at the latest when the supervisor is over.

namespace steward::policy::testing_support {
namespace {

enum class deed : std::uint8_t { terminate, restart, remove };

/// The answer of what is answered at once.
std::string ask(driven& d, deed what, child_number i) {
  words said;
  if (what == deed::terminate) said = d.terminate(i);
  if (what == deed::restart) said = d.restart(i);
  if (what == deed::remove) said = d.remove(i);
  return said.size() == 1 && d.replies.contains(d.last_request) ? to_string(d.replies.at(d.last_request).code) : "?";
}

/// A supervisor whose child 2 is in that state, and up after a while if it is left alone.
driven in_state(child_state x, strategy how = strategy::one_for_one) {
  auto second = child();
  if (x == child_state::parked) second = with_limit(child(), {0, 5s}, spent_policy::park);
  driven d{{child(), second, child()}, how};
  d.up();
  switch (x) {
    case child_state::idle:
      d.terminate(2);
      d.stopped(2);
      break;
    case child_state::starting:
      d.crash(2);
      if (how == strategy::one_for_all) d.stopped(3), d.stopped(1), d.ready(1);
      if (how == strategy::rest_for_one) d.stopped(3);
      break;
    case child_state::up:
      break;
    case child_state::waiting:
      d.crash(2);
      if (how != strategy::one_for_one) d.stopped(3);
      if (how == strategy::one_for_all) d.stopped(1), d.ready(1);
      d.ready(2);
      if (how != strategy::one_for_one) d.ready(3);
      d.crash(2);
      break;
    case child_state::stopping:
      d.terminate(2);
      break;
    case child_state::parked:
      d.crash(2);
      break;
  }
  EXPECT_EQ(d.state(2), x);
  return d;
}

constexpr auto states = {child_state::idle,    child_state::starting, child_state::up,
                         child_state::waiting, child_state::stopping, child_state::parked};
constexpr auto ordered = {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one};

/// Lets everything that was asked for happen.
void settle(driven& d) {
  for (int round = 0; round < 50; ++round)
    for (child_number i = 1; i < d.next_child; ++i) {
      if (!d.machine.knows(i)) continue;
      if (d.state(i) == child_state::starting) d.ready(i);
      if (d.machine.knows(i) && d.state(i) == child_state::stopping) d.stopped(i);
      if (d.machine.knows(i) && d.state(i) == child_state::waiting && d.timers.contains(i)) d.fire(i);
    }
}

TEST(terminate_child, in_every_state_ends_with_a_child_that_is_down) {
  for (const auto how : ordered)
    for (const auto x : states) {
      SCOPED_TRACE(std::string{steward::to_string(how)} + ", " + to_string(x));
      auto d = in_state(x, how);
      d.terminate(2);
      const auto r = d.last_request;
      EXPECT_EQ(d.replies.contains(r), x == child_state::idle) << "it is answered when the child is down";
      settle(d);
      ASSERT_TRUE(d.replies.contains(r));
      EXPECT_EQ(d.replies.at(r).code, admin_code::ok);
      EXPECT_EQ(d.state(2), child_state::idle);
      EXPECT_EQ(d.state(1), child_state::up);
      EXPECT_EQ(d.state(3), child_state::up);
      EXPECT_FALSE(d.timers.contains(2));
    }
}

TEST(restart_child, in_every_state_is_answered_as_otp_does) {
  for (const auto how : ordered)
    for (const auto x : states) {
      SCOPED_TRACE(std::string{steward::to_string(how)} + ", " + to_string(x));
      auto d = in_state(x, how);
      const auto before = d.machine.incarnation_of(2);
      d.restart(2);
      const auto r = d.last_request;
      const bool begins = x == child_state::idle || x == child_state::parked;
      EXPECT_EQ(d.machine.incarnation_of(2), before + (begins ? 1 : 0));
      EXPECT_EQ(d.replies.contains(r), !begins);
      settle(d);
      ASSERT_TRUE(d.replies.contains(r));
      const auto expected = begins                      ? admin_code::ok
                            : x == child_state::waiting ? admin_code::restarting
                                                        : admin_code::running;
      EXPECT_EQ(d.replies.at(r).code, expected);
    }
}

TEST(delete_child, works_only_on_a_child_that_is_down) {
  for (const auto how : ordered)
    for (const auto x : states) {
      SCOPED_TRACE(std::string{steward::to_string(how)} + ", " + to_string(x));
      auto d = in_state(x, how);
      const auto said = d.remove(2);
      const auto r = std::to_string(d.last_request);
      if (x == child_state::idle)
        EXPECT_EQ(said, (words{"forget 2", "reply " + r + " ok"}));
      else if (x == child_state::waiting || x == child_state::parked)
        EXPECT_EQ(said, words{"reply " + r + " restarting"});
      else
        EXPECT_EQ(said, words{"reply " + r + " running"});
      EXPECT_EQ(d.machine.knows(2), x != child_state::idle);
    }
}

TEST(administration, of_a_child_that_nobody_knows_is_not_found) {
  driven d{{child()}};
  d.up();
  for (const auto what : {deed::terminate, deed::restart, deed::remove}) EXPECT_EQ(ask(d, what, 9), "not_found");
}

TEST(administration, of_a_supervisor_that_stops_or_is_over_finds_no_process) {
  for (const bool over : {false, true}) {
    driven d{{child()}};
    d.up();
    d.stop();
    if (over) d.stopped(1);
    for (const auto what : {deed::terminate, deed::restart, deed::remove}) EXPECT_EQ(ask(d, what, 1), "noproc");
    EXPECT_EQ(d.start_child(child()), words{"reply 4 noproc"});
    EXPECT_FALSE(d.machine.knows(2));
  }
}

TEST(administration, life_of_one_child) {
  driven d{{}};
  d.up();
  EXPECT_EQ(d.start_child(child()), words{"start 1#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(1, 1, d.now, "more")), words{"reply 1 ok"});
  EXPECT_EQ(d.replies.at(1).extra, "more");
  EXPECT_EQ(d.restart(1), words{"reply 2 running"});
  EXPECT_EQ(d.terminate(1), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"reply 3 ok"});
  EXPECT_EQ(d.terminate(1), words{"reply 4 ok"}) << "again";
  EXPECT_EQ(d.restart(1), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"reply 5 ok"});
  EXPECT_EQ(d.remove(1), words{"reply 6 running"});
  d.terminate(1);
  d.stopped(1);
  EXPECT_EQ(d.remove(1), (words{"forget 1", "reply 8 ok"}));
  EXPECT_EQ(d.remove(1), words{"reply 9 not_found"});
}

TEST(terminate_child, of_a_temporary_child_leaves_no_spec) {
  driven d{{temporary()}};
  d.up();
  d.terminate(1);
  EXPECT_EQ(d.stopped(1), (words{"reply 1 ok", "forget 1"}));
}

TEST(terminate_child, twice_is_answered_twice) {
  driven d{{child()}};
  d.up();
  EXPECT_EQ(d.terminate(1), words{"stop 1"});
  EXPECT_EQ(d.terminate(1), words{});
  EXPECT_EQ(d.stopped(1), (words{"reply 1 ok", "reply 2 ok"}));
}

TEST(terminate_child, of_a_start_that_is_under_way_fails_that_start) {
  driven d{{}};
  d.up();
  d.start_child(child());
  EXPECT_EQ(d.terminate(1), (words{"reply 1 failed", "stop 1"}));
  EXPECT_EQ(d.replies.at(1).why.cls, cause_class::killed);
  EXPECT_EQ(d.stopped(1), words{"reply 2 ok"});
  EXPECT_EQ(d.state(1), child_state::idle);
}

TEST(terminate_child, of_a_child_that_overruns_its_stop_is_answered_then) {
  driven d{{stopping_within(child(), 10ms)}};
  d.up();
  d.terminate(1);
  EXPECT_EQ(d.fire(1), (words{"abandon 1", "reply 1 ok"}));
}

TEST(start_child, that_fails_leaves_nothing_behind) {
  driven d{{child()}, options(strategy::one_for_one, {0, 5s})};
  d.up();
  d.start_child(child());
  EXPECT_EQ(d.failed(2), (words{"reply 1 failed", "stop 2"}));
  EXPECT_EQ(d.stopped(2), words{"forget 2"});
  EXPECT_TRUE(d.machine.running()) << "the failure is the asker's; it does not count";
}

TEST(start_child, that_is_not_ready_in_time_fails) {
  driven d{{}};
  d.up();
  d.start_child(child());
  EXPECT_EQ(d.fire(1), (words{"abandon 1", "reply 1 failed", "stop 1"}));
  EXPECT_EQ(d.replies.at(1).why.cls, cause_class::start);
}

TEST(start_child, that_declines_keeps_the_spec_unless_temporary) {
  driven d{{}};
  d.up();
  d.start_child(child());
  EXPECT_EQ(d.declined(1), (words{"reply 1 ignored", "stop 1"}));
  EXPECT_EQ(d.stopped(1), words{});
  EXPECT_EQ(d.state(1), child_state::idle);
  d.start_child(temporary());
  d.declined(2);
  EXPECT_EQ(d.stopped(2), words{"forget 2"});
}

TEST(restart_child, that_fails_keeps_the_spec_and_does_not_count) {
  driven d{{child(), child()}, options(strategy::one_for_all, {0, 5s})};
  d.up();
  d.terminate(2);
  d.stopped(2);
  EXPECT_EQ(d.restart(2), words{"start 2#2"});
  EXPECT_EQ(d.failed(2), (words{"reply 2 failed", "stop 2"}));
  EXPECT_EQ(d.stopped(2), words{});
  EXPECT_EQ(d.state(2), child_state::idle);
  EXPECT_EQ(d.state(1), child_state::up);
}

TEST(restart_child, that_crashes_later_is_the_supervisors_again) {
  driven d{{child()}};
  d.up();
  d.terminate(1);
  d.stopped(1);
  d.restart(1);
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"start 1#3"});
  EXPECT_EQ(d.failed(1), words{}) << "no longer the asker's";
  EXPECT_EQ(d.state(1), child_state::waiting);
}

TEST(administration, during_the_first_start) {
  driven d{{child(), child(), child(), child()}};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.start_child(child()), words{"reply 1 noproc"});
  EXPECT_EQ(d.restart(1), words{"reply 2 noproc"});
  EXPECT_EQ(d.terminate(1), words{"stop 1"}) << "one that is up";
  EXPECT_EQ(d.stopped(1), words{"reply 3 ok"});
  EXPECT_EQ(d.terminate(1), words{"reply 4 ok"}) << "again";
  EXPECT_EQ(d.terminate(2), (words{"stop 2", "start 3#1"})) << "the one that is starting";
  EXPECT_EQ(d.stopped(2), words{"reply 5 ok"});
  EXPECT_EQ(d.terminate(4), words{"reply 6 noproc"}) << "one that is still to be started";
  EXPECT_EQ(d.remove(4), words{"reply 7 noproc"});
  EXPECT_EQ(d.remove(1), (words{"forget 1", "reply 8 ok"}));
  EXPECT_EQ(d.remove(3), words{"reply 9 running"});
  EXPECT_EQ(d.ready(3), words{"start 4#1"});
  EXPECT_EQ(d.ready(4), words{"started"});
  EXPECT_EQ(d.state(2), child_state::idle);
}

/// A group restart of 1..4 after a crash of 2, in one of its stages.
driven in_stage(int stage) {
  driven d{{child(), child(), child(), child()}, strategy::one_for_all};
  d.up();
  d.crash(2);
  for (child_number i : {4U, 3U, 1U}) d.stopped(i);
  for (child_number i = 1; i <= 4; ++i) d.ready(i);
  EXPECT_EQ(d.crash(2), words{"stop 4 keep"});  // stage 0: stopping
  if (stage == 0) return d;
  for (child_number i : {4U, 3U, 1U}) d.stopped(i);  // stage 1: waiting
  if (stage == 1) return d;
  EXPECT_EQ(d.fire(2), words{"start 1#3"});  // stage 2: starting
  return d;
}

TEST(terminate_child, gets_in_at_each_stage_of_a_group_restart) {
  for (const int stage : {0, 1, 2})
    for (child_number i = 1; i <= 4; ++i) {
      SCOPED_TRACE("stage " + std::to_string(stage) + ", child " + std::to_string(i));
      auto d = in_stage(stage);
      d.terminate(i);
      const auto r = d.last_request;
      settle(d);
      ASSERT_TRUE(d.replies.contains(r));
      EXPECT_EQ(d.replies.at(r).code, admin_code::ok);
      for (child_number n = 1; n <= 4; ++n)
        EXPECT_EQ(d.state(n), n == i ? child_state::idle : child_state::up) << "child " << n;
      EXPECT_EQ(d.crash(i == 4 ? 1 : 4), words{i == 4   ? "stop 3 keep"
                                               : i == 3 ? "stop 2 keep"
                                                        : "stop 3 keep"})
          << "the group restart is over";
    }
}

TEST(terminate_child, of_the_culprit_that_waits_does_not_leave_its_group_down) {
  auto d = in_stage(1);
  EXPECT_EQ(d.terminate(2), (words{"stop 2", "start 1#3"})) << "nobody's back-off is left to wait for";
  d.stopped(2);
  EXPECT_EQ(d.failed(1), words{"start 1#4"}) << "not even after another crash";
}

TEST(terminate_child, of_a_member_that_is_being_stopped_wins_over_its_restart) {
  auto d = in_stage(0);
  EXPECT_EQ(d.terminate(4), words{});
  EXPECT_EQ(d.stopped(4), (words{"stop 4", "stop 3 keep"})) << "what was kept is let go";
  EXPECT_EQ(d.stopped(4), words{"reply 1 ok"});

  auto late = in_stage(0);
  EXPECT_EQ(late.terminate(4), words{});
  EXPECT_EQ(late.fire(4), (words{"abandon 4", "reply 1 ok", "stop 3 keep"}));
  EXPECT_EQ(late.state(4), child_state::idle) << "also when it overran its time";
}

TEST(terminate_child, of_a_member_that_is_up_is_waited_for) {
  auto d = in_stage(0);
  EXPECT_EQ(d.terminate(1), words{"stop 1"});
  d.stopped(4);
  EXPECT_EQ(d.stopped(3), words{}) << "1 may still be up";
  EXPECT_EQ(d.stopped(1), words{"reply 1 ok"});
  EXPECT_EQ(d.fire(2), words{"start 2#3"});
}

TEST(restart_child, at_each_stage_of_a_group_restart_is_refused) {
  for (const int stage : {0, 1, 2})
    for (child_number i = 1; i <= 4; ++i) {
      auto d = in_stage(stage);
      const auto x = d.state(i);
      d.restart(i);
      EXPECT_EQ(d.replies.at(1).code, x == child_state::waiting ? admin_code::restarting : admin_code::running);
      EXPECT_EQ(d.state(i), x);
    }
}

TEST(start_child, that_a_group_restart_overtakes_is_answered_when_it_is_up_after_all) {
  driven d{{child()}, strategy::one_for_all};
  d.up();
  d.start_child(child());
  EXPECT_EQ(d.crash(1), words{"stop 2 keep"});
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.ready(2), words{"reply 1 ok"});
}

TEST(start_child, of_a_temporary_child_that_a_group_restart_overtakes_has_failed) {
  driven d{{child()}, strategy::one_for_all};
  d.up();
  d.start_child(temporary());
  EXPECT_EQ(d.crash(1), (words{"reply 1 failed", "stop 2"}));
  EXPECT_EQ(d.stopped(2), (words{"forget 2", "start 1#2"}));
}

TEST(start_child, that_was_overtaken_and_then_terminated_has_failed) {
  for (const bool abandoned : {false, true}) {
    driven d{{child()}, strategy::one_for_all};
    d.up();
    d.start_child(child());
    d.crash(1);
    EXPECT_EQ(d.terminate(2), words{});
    if (abandoned) {
      EXPECT_EQ(d.fire(2), (words{"abandon 2", "reply 1 failed", "reply 2 ok", "start 1#2"}));
    } else {
      EXPECT_EQ(d.stopped(2), (words{"reply 1 failed", "stop 2", "start 1#2"}));
      EXPECT_EQ(d.stopped(2), words{"reply 2 ok"});
    }
  }
}

TEST(administration, that_waits_is_answered_when_the_supervisor_stops) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.up();
  d.start_child(child());
  d.terminate(1);
  d.crash(2);
  EXPECT_EQ(d.state(3), child_state::stopping);
  EXPECT_EQ(d.stop(), words{"reply 1 failed"});
  EXPECT_EQ(d.stopped(1), words{"reply 2 ok"});
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"ended shutdown"});
}

TEST(administration, that_waits_is_answered_when_the_supervisor_gives_up) {
  driven d{{child(), child()}, options(strategy::one_for_one, {0, 5s})};
  d.up();
  d.start_child(child());
  d.terminate(1);
  EXPECT_EQ(d.crash(2), (words{"reply 1 failed", "stop 3"}));
  d.stopped(3);
  d.stopped(2);
  EXPECT_EQ(d.stopped(1), (words{"reply 2 ok", "ended gave_up"}));
}

}  // namespace
}  // namespace steward::policy::testing_support
