#include "machine_support.hpp"

// `start_retries`: a first start that fails is tried again, with back-off.

namespace steward::policy::testing_support {
namespace {

child_policy stubborn(unsigned retries, child_policy x = child()) {
  x.start_retries = retries;
  return x;
}

words begin(driven& d) { return d.take(d.machine.start(d.now)); }

TEST(first_start, is_tried_again_at_once_and_then_with_the_delays_of_restarts) {
  driven d{{stubborn(4)}};
  begin(d);
  EXPECT_EQ(d.failed(1), words{"start 1#2"});
  EXPECT_EQ(d.failed(1), words{});
  EXPECT_EQ(d.state(1), child_state::waiting);
  EXPECT_EQ(d.due_in(1), 100ms);
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  d.failed(1);
  EXPECT_EQ(d.due_in(1), 200ms);
  EXPECT_EQ(d.fire(1), words{"start 1#4"});
  d.failed(1);
  EXPECT_EQ(d.due_in(1), 400ms);
  EXPECT_EQ(d.fire(1), words{"start 1#5"});
  EXPECT_EQ(d.ready(1), words{"started"});
}

TEST(first_start, that_fails_once_too_often_rolls_back) {
  driven d{{child(), stubborn(1), child()}};
  begin(d);
  EXPECT_EQ(d.ready(1), words{"start 2#1"});
  EXPECT_EQ(d.failed(2), words{"start 2#2"});
  EXPECT_EQ(d.failed(2), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"start_failed 2"});
}

TEST(first_start, is_not_tried_again_unless_it_is_said_so) {
  driven d{{child()}};
  begin(d);
  EXPECT_EQ(d.failed(1), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"start_failed 1"});
}

TEST(first_start, holds_up_those_that_are_listed_later) {
  driven d{{stubborn(3), child()}};
  begin(d);
  d.failed(1);
  EXPECT_EQ(d.failed(1), words{}) << "nobody else is begun while it waits";
  EXPECT_EQ(d.state(2), child_state::idle);
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"start 2#1"});
  EXPECT_EQ(d.ready(2), words{"started"});
}

TEST(first_start, of_a_dynamic_child_holds_up_nobody) {
  driven d{{stubborn(3), child()}, strategy::simple_one_for_one};
  EXPECT_EQ(begin(d), (words{"start 1#1", "start 2#1"}));
  d.failed(1);
  d.failed(1);
  EXPECT_EQ(d.ready(2), words{});
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"started"});
}

TEST(first_start, that_waits_to_be_tried_again_ends_with_a_stop) {
  driven d{{child(), stubborn(9), child()}};
  begin(d);
  d.ready(1);
  d.failed(2);
  d.failed(2);
  EXPECT_EQ(d.stop(), words{"stop 2"});
  EXPECT_EQ(d.fire(2), (words{"abandon 2", "stop 1"})) << "the timer of its stop, no longer that of its start";
}

TEST(first_start, that_waits_to_be_tried_again_can_be_terminated) {
  driven d{{stubborn(9), child()}};
  begin(d);
  d.failed(1);
  d.failed(1);
  EXPECT_EQ(d.terminate(1), (words{"stop 1", "start 2#1"}));
  EXPECT_EQ(d.stopped(1), words{"reply 1 ok"});
  EXPECT_EQ(d.ready(2), words{"started"}) << "without it";
}

TEST(first_start, that_takes_too_long_is_tried_again) {
  auto x = stubborn(1);
  x.start_within = 1s;
  driven d{{x}};
  begin(d);
  EXPECT_EQ(d.fire(1), (words{"abandon 1", "start 1#2"}));
  EXPECT_EQ(d.ready(1), words{"started"});
}

TEST(first_start, that_was_tried_again_draws_on_no_limit_and_on_no_back_off) {
  driven d{{stubborn(5)}, options(strategy::one_for_one, {1, 60s})};
  begin(d);
  d.failed(1);
  d.failed(1);
  d.fire(1);
  EXPECT_EQ(d.ready(1), words{"started"});
  EXPECT_EQ(d.crash(1), words{"start 1#4"}) << "the first restart is at once, and within the limit";
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"stop 1"});
}

TEST(first_start, is_told_with_how_often_it_may_be_tried) {
  driven d{{stubborn(3)}};
  begin(d);
  d.failed(1);
  d.failed(1);
  const auto& what = *d.last_note(event_kind::crash)->what.decision;
  EXPECT_EQ(what.action, "retry");
  EXPECT_EQ(what.restarts, 2U);
  EXPECT_EQ(what.limit, 3U);
  EXPECT_EQ(what.delay_ms, 100);
  EXPECT_TRUE(d.noted(event_kind::backoff));
}

TEST(first_start, by_request_is_tried_again_before_the_request_is_answered) {
  driven d{{}};
  d.up();
  EXPECT_EQ(d.start_child(stubborn(2)), words{"start 1#1"});
  EXPECT_EQ(d.failed(1), words{"start 1#2"});
  EXPECT_EQ(d.failed(1), words{});
  EXPECT_EQ(d.fire(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"reply 1 ok"});
}

TEST(first_start, by_request_that_fails_once_too_often_leaves_nothing_behind) {
  driven d{{}};
  d.up();
  d.start_child(stubborn(1));
  d.failed(1);
  EXPECT_EQ(d.failed(1), (words{"reply 1 failed", "stop 1"}));
  EXPECT_EQ(d.stopped(1), words{"forget 1"});
}

TEST(first_start, by_request_that_waits_can_be_terminated) {
  driven d{{}};
  d.up();
  d.start_child(stubborn(5));
  d.failed(1);
  d.failed(1);
  EXPECT_EQ(d.terminate(1), (words{"reply 1 failed", "stop 1"}));
  EXPECT_EQ(d.stopped(1), words{"reply 2 ok"});
}

TEST(first_start, by_request_that_waits_is_tried_again_with_its_group) {
  driven d{{child(), child()}, strategy::one_for_all};
  d.up();
  d.start_child(stubborn(3));
  d.failed(3);
  d.failed(3);
  EXPECT_EQ(d.crash(1), words{"stop 2 keep"});
  EXPECT_FALSE(d.timers.contains(3)) << "the group decides when";
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  d.ready(1);
  EXPECT_EQ(d.ready(2), words{"start 3#3"});
  EXPECT_EQ(d.failed(3), words{}) << "the third and last time it is tried again";
  EXPECT_EQ(d.fire(3), words{"start 3#4"});
  EXPECT_EQ(d.failed(3), (words{"reply 1 failed", "stop 3"}));
}

TEST(first_start, by_request_that_fails_for_good_within_its_group_lets_the_group_go_on) {
  driven d{{child()}, strategy::one_for_all};
  d.up();
  d.start_child(stubborn(2));
  d.failed(2);
  d.failed(2);
  d.start_child(child());
  d.ready(3);
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#3"});
  EXPECT_EQ(d.failed(2), (words{"reply 1 failed", "stop 2", "start 3#2"}));
}

TEST(first_start, of_a_restarted_supervisor_is_tried_again_as_well) {
  driven d{{}};
  d.machine.add(d.next_child++, shared(stubborn(1)), 7);
  begin(d);
  EXPECT_EQ(d.failed(1), words{"start 1#9"});
  EXPECT_EQ(d.ready(1), words{"started"});
}

TEST(restart, by_hand_is_not_tried_again) {
  driven d{{stubborn(5), child()}};
  d.up();
  d.terminate(1);
  d.stopped(1);
  EXPECT_EQ(d.restart(1), words{"start 1#2"});
  EXPECT_EQ(d.failed(1), (words{"reply 2 failed", "stop 1"}));
}

}  // namespace
}  // namespace steward::policy::testing_support
