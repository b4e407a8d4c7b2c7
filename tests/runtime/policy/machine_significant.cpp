#include "machine_support.hpp"

// Significant children: when a supervisor ends by itself because they did.

namespace steward::policy::testing_support {
namespace {

constexpr auto modes = {auto_shutdown::never, auto_shutdown::any_significant, auto_shutdown::all_significant};
constexpr auto types = {restart_type::permanent, restart_type::transient, restart_type::temporary};
constexpr auto exits = {exit_class::normal, exit_class::shutdown, exit_class::abnormal, exit_class::gave_up};

machine_options ending(auto_shutdown mode, strategy how = strategy::one_for_one) {
  auto out = options(how);
  out.auto_shutdown = mode;
  return out;
}

bool bad(exit_class cls) { return cls == exit_class::abnormal || cls == exit_class::gave_up; }

std::string name_of(auto_shutdown mode, restart_type type, bool is_significant, exit_class cls) {
  return std::string{to_string(mode)} + ", " + to_string(type) + (is_significant ? ", significant, " : ", ") +
         word_of(cls);
}

/// Whether an exit of that kind is a child's own end.
bool is_own_end(restart_type type, exit_class cls) {
  return type == restart_type::temporary || (type == restart_type::transient && !bad(cls));
}

TEST(auto_shutdown_of, the_only_significant_child_follows_its_own_end) {
  for (const auto mode : modes)
    for (const auto type : types)
      for (const auto cls : exits)
        for (const bool is_significant : {false, true}) {
          SCOPED_TRACE(name_of(mode, type, is_significant, cls));
          auto x = child(type);
          x.significant = is_significant;
          driven d{{child(), x, child()}, ending(mode)};
          d.up();
          const bool own_end = is_own_end(type, cls);
          const bool expected = own_end && is_significant && mode != auto_shutdown::never;
          const auto did = d.exited(2, cls);
          EXPECT_EQ(did, expected ? words{"stop 3"} : own_end ? words{"stop 2"} : words{"start 2#2"});
          EXPECT_EQ(d.machine.in_service(), !expected);
          if (!expected) continue;
          EXPECT_EQ(d.stopped(3), words{"stop 2"});
          d.stopped(2);
          EXPECT_EQ(d.stopped(1), words{"ended shutdown"});
        }
}

TEST(auto_shutdown_of, one_of_two_significant_children_depends_on_the_mode) {
  for (const auto mode : modes)
    for (const auto type : types)
      for (const auto cls : exits) {
        SCOPED_TRACE(name_of(mode, type, true, cls));
        driven d{{significant(child(type)), significant(transient()), child()}, ending(mode)};
        d.up();
        d.exited(1, cls);
        EXPECT_EQ(d.machine.in_service(), !(is_own_end(type, cls) && mode == auto_shutdown::any_significant));
      }
}

TEST(auto_shutdown_of, the_last_significant_child_ends_a_supervisor_of_all) {
  for (const auto type : {restart_type::transient, restart_type::temporary})
    for (const bool cleaned : {false, true}) {
      driven d{{significant(child(type)), significant(child(type)), child()}, ending(auto_shutdown::all_significant)};
      d.up();
      d.exited(1, exit_class::normal);
      EXPECT_TRUE(d.machine.in_service());
      if (cleaned) d.stopped(1);
      d.exited(2, exit_class::normal);
      EXPECT_FALSE(d.machine.in_service()) << "whether what is left of the first was cleaned away is no matter";
      EXPECT_TRUE(d.noted(event_kind::stop));
    }
}

TEST(auto_shutdown_of, children_that_the_supervisor_terminates_does_not_happen) {
  for (const auto mode : modes)
    for (const auto type : types) {
      driven d{{significant(child(type)), child()}, ending(mode)};
      d.up();
      d.terminate(1);
      EXPECT_EQ(d.exited(1, exit_class::normal), words{}) << "it was asked to end";
      d.stopped(1);
      EXPECT_TRUE(d.machine.in_service());
    }
}

TEST(auto_shutdown_of, the_last_one_counts_those_that_were_terminated_as_gone) {
  for (const bool settled : {false, true}) {
    driven d{{significant(transient()), significant(transient())}, ending(auto_shutdown::all_significant)};
    d.up();
    d.terminate(1);
    if (settled) d.stopped(1);
    d.exited(2, exit_class::normal);
    EXPECT_FALSE(d.machine.in_service());
  }
}

TEST(auto_shutdown_of, children_that_wait_for_a_restart_or_are_parked_is_not_yet) {
  driven d{{significant(transient()), significant(with_limit(transient(), {0, 5s}, spent_policy::park)),
            significant(transient())},
           ending(auto_shutdown::all_significant)};
  d.up();
  d.crash(1);
  d.ready(1);
  d.crash(1);
  d.crash(2);
  EXPECT_EQ(d.state(1), child_state::waiting);
  EXPECT_EQ(d.state(2), child_state::parked);
  d.exited(3, exit_class::normal);
  EXPECT_TRUE(d.machine.in_service());
  d.stopped(3);
  d.fire(1);
  d.ready(1);
  d.exited(1, exit_class::normal);
  d.stopped(1);
  EXPECT_TRUE(d.machine.in_service());
  d.restart(2);
  d.ready(2);
  d.exited(2, exit_class::normal);
  EXPECT_FALSE(d.machine.in_service());
}

TEST(auto_shutdown_of, children_that_decline_to_start_does_not_happen) {
  driven d{{significant(transient()), child()}, ending(auto_shutdown::any_significant)};
  d.take(d.machine.start(d.now));
  EXPECT_EQ(d.declined(1), (words{"stop 1", "start 2#1"}));
  d.stopped(1);
  EXPECT_EQ(d.ready(2), words{"started"});
}

TEST(auto_shutdown_of, a_bystander_of_a_group_restart_does_not_happen) {
  for (const auto type : types) {
    driven d{{child(), significant(child(type))}, ending(auto_shutdown::any_significant, strategy::one_for_all)};
    d.up();
    d.crash(1);
    EXPECT_EQ(d.exited(2, exit_class::normal), words{});
    d.stopped(2);
    EXPECT_TRUE(d.machine.in_service());
    EXPECT_EQ(d.state(1), child_state::starting);
  }
}

TEST(auto_shutdown_of, all_waits_for_significant_children_that_are_still_to_be_started) {
  driven d{{significant(transient()), child(), significant(transient())}, ending(auto_shutdown::all_significant)};
  d.take(d.machine.start(d.now));
  d.ready(1);
  EXPECT_EQ(d.exited(1, exit_class::normal), words{"stop 1"});
  d.stopped(1);
  EXPECT_EQ(d.ready(2), words{"start 3#1"});
  EXPECT_EQ(d.ready(3), words{"started"});
  EXPECT_EQ(d.exited(3, exit_class::normal), words{"stop 3"});
  EXPECT_FALSE(d.machine.in_service());
}

TEST(auto_shutdown_of, a_child_that_an_exception_rule_stops_happens) {
  driven d{{significant(transient()), child()}, ending(auto_shutdown::any_significant)};
  d.up();
  EXPECT_EQ(d.crash_by_rule(1, verdict::stop), words{"stop 2"});
}

TEST(auto_shutdown_of, a_supervisor_that_gives_up_is_a_failure) {
  auto how = ending(auto_shutdown::any_significant);
  how.intensity = {0, 5s};
  driven d{{significant(transient())}, how};
  d.up();
  EXPECT_EQ(d.crash(1), words{"stop 1"});
  EXPECT_EQ(d.stopped(1), words{"ended gave_up"});
}

TEST(auto_shutdown_of, a_mode_that_changes_holds_from_then_on) {
  for (const auto before : modes)
    for (const auto after : modes) {
      SCOPED_TRACE(std::string{to_string(before)} + " to " + to_string(after));
      driven d{{significant(transient()), significant(transient()), child()}, ending(before)};
      d.up();
      d.machine.reconfigure(ending(after));
      d.exited(1, exit_class::normal);
      EXPECT_EQ(d.machine.in_service(), after != auto_shutdown::any_significant);
      if (!d.machine.in_service()) continue;
      d.stopped(1);
      d.exited(2, exit_class::normal);
      EXPECT_EQ(d.machine.in_service(), after == auto_shutdown::never);
    }
}

TEST(auto_shutdown_of, a_child_whose_flag_changes_follows_the_new_one) {
  driven d{{transient(), significant(transient()), child()}, ending(auto_shutdown::any_significant)};
  d.up();
  d.machine.repolicy(1, shared(significant(transient())));
  d.machine.repolicy(2, shared(transient()));
  d.exited(2, exit_class::normal);
  EXPECT_TRUE(d.machine.in_service());
  d.exited(1, exit_class::normal);
  EXPECT_FALSE(d.machine.in_service());
}

}  // namespace
}  // namespace steward::policy::testing_support
