#include "machine_support.hpp"

// `on_spent: end`: a child whose own limit is reached ends for good, and nobody else hears of it.

namespace steward::policy::testing_support {
namespace {

child_policy ending(intensity limit, restart_type restart = restart_type::permanent) {
  return with_limit(eager(restart), limit, spent_policy::end);
}

TEST(spent_child, ends_for_good_while_its_siblings_and_its_supervisor_live) {
  driven d{{ending({1, 5s}), child()}};
  d.up();
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"stop 1"}) << "what is left of it, such as a mailbox";
  EXPECT_EQ(d.machine.end_of_child(1), exit_class::abnormal);
  EXPECT_EQ(d.stopped(1), words{});
  EXPECT_EQ(d.state(1), child_state::idle);
  EXPECT_EQ(d.state(2), child_state::up);
  EXPECT_TRUE(d.machine.running());
  EXPECT_TRUE(d.timers.empty());
}

TEST(spent_child, is_said_in_the_log_with_its_limit) {
  driven d{{ending({0, 5s}), child()}};
  d.up();
  d.crash(1);
  EXPECT_EQ(d.last_note(event_kind::crash)->what.decision->action, "end");
  const auto* limit = d.last_note(event_kind::limit);
  ASSERT_NE(limit, nullptr);
  EXPECT_EQ(limit->about, std::optional<child_number>{1}) << "it is about the child, not about its supervisor";
  EXPECT_EQ(limit->what.decision->limit, 0U);
  EXPECT_EQ(limit->what.why->message, "boom");
}

TEST(spent_child, is_started_by_hand_with_a_limit_that_begins_anew) {
  driven d{{ending({1, 60s})}};
  d.up();
  d.crash(1);
  d.ready(1);
  d.crash(1);
  d.stopped(1);
  EXPECT_EQ(d.restart(1), words{"start 1#3"});
  EXPECT_EQ(d.ready(1), words{"reply 1 ok"});
  EXPECT_EQ(d.crash(1), words{"start 1#4"});
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"stop 1"});
}

TEST(spent_child, can_be_deleted) {
  driven d{{ending({0, 5s}), child()}};
  d.up();
  d.crash(1);
  d.stopped(1);
  EXPECT_EQ(d.remove(1), (words{"forget 1", "reply 1 ok"}));
}

TEST(spent_child, that_fails_its_restart_ends) {
  driven d{{ending({1, 5s}), child()}};
  d.up();
  EXPECT_EQ(d.crash(1), words{"start 1#2"});
  EXPECT_EQ(d.failed(1), words{"stop 1"});
  d.stopped(1);
  EXPECT_EQ(d.state(1), child_state::idle);
}

TEST(spent_child, does_not_come_back_with_its_group) {
  driven d{{child(), ending({0, 5s}), child()}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(2), words{"stop 2"}) << "it takes nobody along";
  d.stopped(2);
  EXPECT_EQ(d.crash(1), words{"stop 3 keep"});
  EXPECT_EQ(d.last_note(event_kind::crash)->also, std::vector<child_number>{3});
  EXPECT_EQ(d.stopped(3), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 3#2"});
  EXPECT_EQ(d.ready(3), words{});
  EXPECT_EQ(d.state(2), child_state::idle);
}

TEST(spent_child, that_is_still_being_stopped_does_not_come_back_with_its_group) {
  driven d{{child(), ending({0, 5s})}, strategy::one_for_all};
  d.up();
  EXPECT_EQ(d.crash(2), words{"stop 2"});
  EXPECT_EQ(d.crash(1), words{}) << "the group waits until it is down";
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{});
  EXPECT_EQ(d.state(2), child_state::idle);
}

TEST(spent_child, lets_the_group_go_on_when_it_ends_while_the_group_starts) {
  driven d{{child(), ending({0, 5s}), child()}, strategy::one_for_all};
  d.up();
  d.crash(1);
  d.stopped(3);
  EXPECT_EQ(d.stopped(2), words{"start 1#2"});
  EXPECT_EQ(d.ready(1), words{"start 2#2"});
  EXPECT_EQ(d.failed(2), (words{"stop 2", "start 3#2"}));
  EXPECT_EQ(d.ready(3), words{});
}

TEST(spent_child, that_is_dynamic_is_forgotten) {
  driven d{{}, strategy::simple_one_for_one};
  d.up();
  d.start_child(ending({0, 5s}));
  d.ready(1);
  EXPECT_EQ(d.crash(1), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"forget 1"});
}

TEST(spent_child, that_is_significant_ends_its_supervisor_in_order) {
  auto how = options(strategy::one_for_one);
  how.auto_shutdown = auto_shutdown::any_significant;
  driven d{{significant(ending({0, 5s}, restart_type::transient)), child()}, how};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 2"});
  EXPECT_EQ(d.stopped(2), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
}

TEST(spent_child, without_a_limit_of_its_own_escalates) {
  auto x = child();
  x.on_spent = spent_policy::end;
  driven d{{x}, options(strategy::one_for_one, {0, 5s})};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
}

}  // namespace
}  // namespace steward::policy::testing_support
