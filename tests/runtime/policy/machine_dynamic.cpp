#include "machine_support.hpp"

// simple_one_for_one: children that come and go.

namespace steward::policy::testing_support {
namespace {

constexpr auto dynamic = strategy::simple_one_for_one;

TEST(simple_one_for_one, starts_its_initial_children_side_by_side) {
  driven d{{child(), child(), child()}, dynamic};
  EXPECT_EQ(d.take(d.machine.start(d.now)), (words{"start 1#1", "start 2#1", "start 3#1"}));
  EXPECT_EQ(d.ready(3), words{});
  EXPECT_EQ(d.ready(1), words{});
  EXPECT_EQ(d.ready(2), words{"started"}) << "when the last of them is up, whichever that is";
}

TEST(simple_one_for_one, begins_no_more_initial_starts_at_once_than_its_bound_and_goes_on_at_half_of_it) {
  constexpr auto bound = supervisor_machine::started_at_once;
  constexpr auto all = bound + bound / 2 + 7;
  driven d{std::vector<child_policy>(all, child()), dynamic};
  EXPECT_EQ(d.take(d.machine.start(d.now)).size(), bound);
  std::size_t begun = bound;
  for (child_number i = 1; i < all; ++i) {
    const auto before = begun - i + 1;  // under way
    const auto more = d.ready(i).size();
    if (before - 1 > bound / 2) {
      EXPECT_EQ(more, 0U) << i;
    }
    begun += more;
    EXPECT_LE(begun - i, bound);
    if (begun < all) {
      EXPECT_GT(begun - i, bound / 2) << "the next are on their way before these are up";
    }
  }
  EXPECT_EQ(begun, all);
  EXPECT_EQ(d.ready(all), words{"started"});
  EXPECT_EQ(d.machine.count_up(), all);
}

TEST(simple_one_for_one, goes_on_with_its_initial_starts_when_one_declines_or_is_terminated) {
  driven d{{child(), child(), child()}, dynamic};
  d.take(d.machine.start(d.now));
  EXPECT_EQ(d.declined(2), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"forget 2"});
  EXPECT_EQ(d.terminate(3), (words{"stop 3"}));
  EXPECT_EQ(d.stopped(3), (words{"reply 1 ok", "forget 3"}));
  EXPECT_EQ(d.ready(1), words{"started"});
}

TEST(simple_one_for_one, counts_as_started_when_its_last_initial_child_is_terminated) {
  driven d{{child(), child()}, dynamic};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.terminate(2), (words{"stop 2", "started"}));
}

TEST(simple_one_for_one, restarts_an_initial_child_that_crashes_while_others_start) {
  driven d{{eager(), child()}, dynamic};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  EXPECT_EQ(d.failed(1), words{"start 1#3"}) << "a failed restart is not a failed first start";
  EXPECT_EQ(d.ready(2), words{"started"});
  EXPECT_EQ(d.ready(1), words{});
}

TEST(simple_one_for_one, restarts_one_child_alone) {
  driven d{{child(), child(), child()}, dynamic};
  d.up();
  EXPECT_EQ(d.crash(2), words{"start 2#2"});
  EXPECT_EQ(d.state(1), child_state::up);
  EXPECT_EQ(d.state(3), child_state::up);
}

TEST(simple_one_for_one, stops_all_at_once) {
  driven d{{child(), child(), child()}, dynamic};
  d.up();
  EXPECT_EQ(d.stop(), (words{"stop 1", "stop 2", "stop 3"}));
  EXPECT_EQ(d.stopped(2), words{"forget 2"});
  EXPECT_EQ(d.stopped(1), words{"forget 1"});
  EXPECT_EQ(d.stopped(3), (words{"forget 3", "ended shutdown"}));
  EXPECT_EQ(d.machine.size(), 0U);
}

TEST(simple_one_for_one, stops_all_at_once_whatever_state_they_are_in) {
  driven d{{eager(), child(), child(), with_limit(child(), {0, 5s}, spent_policy::park), child()}, dynamic};
  d.up();
  d.crash(1);
  d.crash(2);
  d.ready(2);
  d.crash(2);
  d.terminate(3);
  d.crash(4);
  EXPECT_EQ(d.state(1), child_state::starting);
  EXPECT_EQ(d.state(2), child_state::waiting);
  EXPECT_EQ(d.state(3), child_state::stopping);
  EXPECT_EQ(d.state(4), child_state::parked);
  EXPECT_EQ(d.stop(), (words{"stop 1", "stop 2", "stop 4", "stop 5"})) << "3 was asked before";
  for (child_number i : {5U, 4U, 2U, 1U}) d.stopped(i);
  EXPECT_EQ(d.stopped(3), (words{"reply 1 ok", "forget 3", "ended shutdown"}));
}

TEST(simple_one_for_one, kills_what_overruns_its_time_and_waits_for_the_others) {
  driven d{{stopping_within(child(), 100ms), stopping_within(child(), 200ms)}, dynamic};
  d.up();
  d.stop();
  EXPECT_EQ(d.fire(1), (words{"abandon 1", "forget 1"}));
  EXPECT_EQ(d.fire(2), (words{"abandon 2", "forget 2", "ended shutdown"}));
}

TEST(simple_one_for_one, kills_all_at_once_when_told_to) {
  driven d{{stopping_within(child(), brutal_kill), stopping_within(child(), brutal_kill)}, dynamic};
  d.up();
  EXPECT_EQ(d.stop(), (words{"stop 1 brutal", "forget 1", "stop 2 brutal", "forget 2", "ended shutdown"}));
}

TEST(simple_one_for_one, without_children_ends_at_once) {
  driven d{{}, dynamic};
  d.up();
  EXPECT_EQ(d.stop(), words{"ended shutdown"});
}

TEST(simple_one_for_one, survives_children_that_end_for_odd_reasons_while_it_stops) {
  for (const auto type : {restart_type::permanent, restart_type::transient, restart_type::temporary}) {
    for (const auto cls : {exit_class::normal, exit_class::shutdown, exit_class::abnormal, exit_class::gave_up}) {
      driven d{{child(type), child(type)}, dynamic};
      d.up();
      d.stop();
      EXPECT_EQ(d.exited(2, cls), words{});
      EXPECT_EQ(d.stopped(2), words{"forget 2"});
      EXPECT_EQ(d.stopped(1), (words{"forget 1", "ended shutdown"}));
    }
  }
}

TEST(simple_one_for_one, forgets_a_child_that_is_not_restarted) {
  driven d{{transient(), temporary(), child()}, dynamic};
  d.up();
  d.exited(1, exit_class::normal);
  EXPECT_EQ(d.stopped(1), words{"forget 1"});
  d.crash(2);
  EXPECT_EQ(d.stopped(2), words{"forget 2"});
  d.terminate(3);
  EXPECT_EQ(d.stopped(3), (words{"reply 1 ok", "forget 3"}));
  EXPECT_EQ(d.machine.size(), 0U);
  EXPECT_TRUE(d.machine.running());
}

TEST(simple_one_for_one, stores_nothing_of_a_child_whose_start_declines_or_fails) {
  driven d{{}, dynamic};
  d.up();
  d.start_child(child());
  EXPECT_EQ(d.declined(1), (words{"reply 1 ignored", "stop 1"}));
  EXPECT_EQ(d.stopped(1), words{"forget 1"});
  d.start_child(child());
  EXPECT_EQ(d.failed(2), (words{"reply 2 failed", "stop 2"}));
  EXPECT_EQ(d.replies.at(2).why.message, "no luck");
  EXPECT_EQ(d.stopped(2), words{"forget 2"});
  EXPECT_EQ(d.stop(), words{"ended shutdown"});
}

TEST(simple_one_for_one, forgets_a_child_that_declines_its_restart) {
  driven d{{child()}, dynamic};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.declined(1), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"forget 1"});
}

TEST(simple_one_for_one, gives_up_when_a_child_can_no_longer_start) {
  driven d{{eager(), eager()}, options(dynamic, {2, 5s})};
  d.up();
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  EXPECT_EQ(d.failed(1), words{"start 1#3"});
  EXPECT_EQ(d.failed(1), (words{"stop 1", "stop 2"}));
  d.stopped(1);
  EXPECT_EQ(d.stopped(2), (words{"forget 2", "ended gave_up"}));
}

TEST(simple_one_for_one, rolls_back_all_at_once_when_an_initial_child_fails) {
  driven d{{child(), child(), child()}, dynamic};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.failed(2), (words{"stop 1", "stop 2", "stop 3"})) << "those that still start, too";
  EXPECT_EQ(d.failed(3), words{}) << "the first failure is the one that is told";
  d.stopped(3);
  d.stopped(1);
  EXPECT_EQ(d.stopped(2), (words{"forget 2", "start_failed 2"}));
}

TEST(simple_one_for_one, leaves_out_initial_children_that_were_not_started_yet_when_it_stops) {
  constexpr auto bound = supervisor_machine::started_at_once;
  driven d{std::vector<child_policy>(bound + 5, child()), dynamic};
  d.take(d.machine.start(d.now));
  EXPECT_EQ(d.stop().size(), bound);
  for (child_number i = 1; i < bound; ++i) d.stopped(i);
  EXPECT_EQ(d.stopped(bound), (words{"forget " + std::to_string(bound), "ended shutdown"}));
}

TEST(simple_one_for_one, starts_many_children_by_one_request_and_answers_for_each) {
  driven d{{}, dynamic};
  d.up();
  const auto policy = shared(child());
  EXPECT_EQ(d.take(d.machine.start_children({1, 2, 3, 4}, policy, 7, d.now)),
            (words{"start 1#1", "start 2#1", "start 3#1", "start 4#1"}));
  EXPECT_EQ(d.ready(2), words{"reply 7 ok"});
  EXPECT_TRUE(d.replies.at(7).more);
  EXPECT_EQ(d.failed(1), (words{"reply 7 failed", "stop 1"})) << "the others go on";
  EXPECT_TRUE(d.replies.at(7).more);
  EXPECT_EQ(d.declined(4), (words{"reply 7 ignored", "stop 4"}));
  EXPECT_TRUE(d.replies.at(7).more);
  EXPECT_EQ(d.ready(3), words{"reply 7 ok"});
  EXPECT_FALSE(d.replies.at(7).more) << "it was the last";
  EXPECT_EQ(d.replies.at(7).child, 3U);
}

TEST(simple_one_for_one, answers_for_each_child_of_a_batch_that_its_stop_overtakes) {
  driven d{{}, dynamic};
  d.up();
  d.take(d.machine.start_children({1, 2, 3}, shared(child()), 7, d.now));
  d.ready(1);
  EXPECT_EQ(d.stop(), (words{"stop 1", "reply 7 failed", "stop 2", "reply 7 failed", "stop 3"}));
  EXPECT_FALSE(d.replies.at(7).more);
  d.stopped(1);
  d.stopped(2);
  EXPECT_EQ(d.stopped(3), (words{"forget 3", "ended shutdown"}));
  EXPECT_EQ(d.take(d.machine.start_children({4, 5}, shared(child()), 8, d.now)),
            (words{"reply 8 noproc", "reply 8 noproc"}));
  EXPECT_FALSE(d.replies.at(8).more);
}

TEST(simple_one_for_one, answers_a_start_that_is_overtaken_by_the_stop) {
  driven d{{}, dynamic};
  d.up();
  EXPECT_EQ(d.start_child(child()), words{"start 1#1"});
  EXPECT_EQ(d.stop(), (words{"reply 1 failed", "stop 1"}));
  EXPECT_EQ(d.stopped(1), (words{"forget 1", "ended shutdown"}));
}

}  // namespace
}  // namespace steward::policy::testing_support
