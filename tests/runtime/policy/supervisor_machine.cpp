#include "policy/supervisor_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::policy;

const time_point origin{1h};

child_policy child(std::string id, restart_type restart = restart_type::permanent) {
  child_policy out;
  out.id = std::move(id);
  out.restart = restart;
  out.delays = backoff_spec{100ms, 1s, 2.0, 0.0, 30s};
  return out;
}

exit_info crashed(std::string what = "boom") {
  exit_info out{exit_class::abnormal, {}};
  out.why.cls = cause_class::exception;
  out.why.message = std::move(what);
  return out;
}

/// A machine whose actions are written down as short words: "start 0#1", "stop 2", "started", "ended gave_up".
struct driven {
  explicit driven(std::vector<child_policy> children, intensity limit = {3, 5s})
      : machine(strategy::one_for_one, limit, std::move(children), 1) {}

  std::vector<std::string> take(actions out) {
    std::vector<std::string> words;
    for (auto& a : out) {
      if (auto* x = std::get_if<action::start_child>(&a))
        words.push_back("start " + std::to_string(x->child) + "#" + std::to_string(x->incarnation));
      else if (auto* x1 = std::get_if<action::stop_child>(&a))
        words.push_back("stop " + std::to_string(x1->child));
      else if (auto* x2 = std::get_if<action::abandon_child>(&a))
        words.push_back("abandon " + std::to_string(x2->child));
      else if (auto* x3 = std::get_if<action::arm_timer>(&a))
        timer = *x3;
      else if (auto* x4 = std::get_if<action::note>(&a))
        notes.push_back(x4->what);
      else if (std::get_if<action::started>(&a))
        words.push_back("started");
      else if (auto* x5 = std::get_if<action::start_failed>(&a))
        words.push_back("start_failed " + std::to_string(x5->child));
      else if (auto* x6 = std::get_if<action::ended>(&a))
        words.push_back(x6->how.cls == exit_class::gave_up ? "ended gave_up" : "ended");
    }
    return words;
  }

  /// Starts everything.
  void up() {
    auto words = take(machine.start(now));
    for (child_index i = 0; words.empty() || words.back() != "started"; ++i) {
      ASSERT_LT(i, 100U);
      words = take(machine.child_ready(i, 1, now));
    }
  }

  std::vector<std::string> crash(child_index i) {
    return take(machine.child_exited(i, machine.incarnation_of(i), crashed(), now));
  }
  std::vector<std::string> fire() { return take(machine.timer(timer.child, timer.token, timer.at)); }
  bool noted(event_kind kind) const {
    return std::any_of(notes.begin(), notes.end(), [&](const event& e) { return e.kind == kind; });
  }

  supervisor_machine machine;
  time_point now = origin;
  action::arm_timer timer{0, 0, origin};
  std::vector<event> notes;
};

using words = std::vector<std::string>;

TEST(supervisor_machine, starts_each_child_after_the_one_before_is_ready) {
  driven d{{child("a"), child("b"), child("c")}};
  EXPECT_EQ(d.take(d.machine.start(origin)), words{"start 0#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(0, 1, origin)), words{"start 1#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(1, 1, origin)), words{"start 2#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(2, 1, origin)), words{"started"});
  EXPECT_TRUE(d.machine.running());
}

TEST(supervisor_machine, without_children_is_started_at_once_and_ends_when_asked) {
  driven d{{}};
  EXPECT_EQ(d.take(d.machine.start(origin)), words{"started"});
  EXPECT_EQ(d.take(d.machine.stop(origin)), words{"ended"});
}

TEST(supervisor_machine, stops_in_reverse_order_one_after_the_other) {
  driven d{{child("a"), child("b"), child("c")}};
  d.up();
  EXPECT_EQ(d.take(d.machine.stop(origin)), words{"stop 2"});
  EXPECT_EQ(d.take(d.machine.stop(origin)), words{}) << "a second request changes nothing";
  EXPECT_EQ(d.take(d.machine.child_stopped(2, origin)), words{"stop 1"});
  EXPECT_EQ(d.take(d.machine.child_stopped(1, origin)), words{"stop 0"});
  EXPECT_EQ(d.take(d.machine.child_stopped(0, origin)), words{"ended"});
  EXPECT_TRUE(d.machine.over());
}

TEST(supervisor_machine, a_failed_first_start_rolls_back_what_was_started) {
  driven d{{child("a"), child("b"), child("c")}};
  d.take(d.machine.start(origin));
  d.take(d.machine.child_ready(0, 1, origin));
  d.take(d.machine.child_ready(1, 1, origin));
  EXPECT_EQ(d.take(d.machine.child_start_failed(2, 1, crashed().why, origin)), words{"stop 2"});
  EXPECT_EQ(d.take(d.machine.child_stopped(2, origin)), words{"stop 1"});
  EXPECT_EQ(d.take(d.machine.child_stopped(1, origin)), words{"stop 0"});
  EXPECT_EQ(d.take(d.machine.child_stopped(0, origin)), words{"start_failed 2"});
}

TEST(supervisor_machine, restarts_only_the_child_that_died) {
  driven d{{child("a"), child("b")}};
  d.up();
  EXPECT_EQ(d.crash(0), words{"start 0#2"}) << "the first restart is immediate";
  EXPECT_EQ(d.machine.state_of(1), child_state::up);
  d.now += 3ms;
  d.take(d.machine.child_ready(0, 2, d.now));
  EXPECT_EQ(d.notes.back().kind, event_kind::recover);
  EXPECT_DOUBLE_EQ(d.notes.back().recovery_ms.value_or(0.0), 3.0);
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
  driven d{{child("a", GetParam().type)}};
  d.up();
  const auto got = d.take(d.machine.child_exited(0, 1, exit_info{GetParam().how, {}}, origin));
  EXPECT_EQ(got, GetParam().restarted ? words{"start 0#2"} : words{"stop 0"});
  if (GetParam().restarted) return;
  d.take(d.machine.child_stopped(0, origin));
  EXPECT_EQ(d.machine.state_of(0), child_state::finished);
  EXPECT_TRUE(d.machine.running()) << "the supervisor lives on";
}

TEST(supervisor_machine, waits_out_a_growing_back_off) {
  driven d{{child("a")}, intensity{10, 60s}};
  d.up();
  EXPECT_EQ(d.crash(0), words{"start 0#2"});
  d.take(d.machine.child_ready(0, 2, origin));
  EXPECT_EQ(d.crash(0), words{});
  EXPECT_EQ(d.timer.at - origin, 100ms);
  EXPECT_TRUE(d.noted(event_kind::backoff));
  EXPECT_EQ(d.fire(), words{"start 0#3"});
  d.take(d.machine.child_ready(0, 3, origin));
  d.crash(0);
  EXPECT_EQ(d.timer.at - origin, 200ms);
}

TEST(supervisor_machine, a_failed_restart_counts_and_does_not_loop_on_the_spot) {
  driven d{{child("a"), child("b")}, intensity{3, 5s}};
  d.up();
  EXPECT_EQ(d.crash(0), words{"start 0#2"});
  EXPECT_EQ(d.take(d.machine.child_start_failed(0, 2, crashed().why, origin)), words{}) << "it waits";
  EXPECT_EQ(d.fire(), words{"start 0#3"});
  EXPECT_EQ(d.take(d.machine.child_start_failed(0, 3, crashed().why, origin)), words{});
  EXPECT_EQ(d.fire(), words{"start 0#4"});
  EXPECT_EQ(d.take(d.machine.child_start_failed(0, 4, crashed().why, origin)), words{"stop 1"})
      << "the budget is spent";
}

TEST(supervisor_machine, a_stop_request_gets_in_while_a_child_waits_for_its_restart) {
  driven d{{child("a"), child("b")}, intensity{10, 5s}};
  d.up();
  d.crash(1);
  d.take(d.machine.child_ready(1, 2, origin));
  d.crash(1);
  const auto stale = d.timer;
  EXPECT_EQ(d.take(d.machine.stop(origin)), words{"stop 1"});
  EXPECT_EQ(d.take(d.machine.timer(stale.child, stale.token, stale.at)), words{}) << "the restart is off";
  EXPECT_EQ(d.take(d.machine.child_stopped(1, origin)), words{"stop 0"});
}

TEST(supervisor_machine, gives_up_when_one_restart_too_many_is_needed) {
  driven d{{child("a"), child("b"), child("c")}, intensity{2, 5s}};
  d.up();
  EXPECT_EQ(d.crash(0), words{"start 0#2"});
  d.take(d.machine.child_ready(0, 2, origin));
  EXPECT_EQ(d.crash(1), words{"start 1#2"}) << "the budget counts over all children";
  d.take(d.machine.child_ready(1, 2, origin));
  EXPECT_EQ(d.crash(2), words{"stop 2"});
  EXPECT_TRUE(d.noted(event_kind::limit));
  EXPECT_EQ(d.take(d.machine.child_stopped(2, origin)), words{"stop 1"});
  EXPECT_EQ(d.take(d.machine.child_stopped(1, origin)), words{"stop 0"});
  EXPECT_EQ(d.take(d.machine.child_stopped(0, origin)), words{"ended gave_up"});
}

TEST(supervisor_machine, crashes_spread_over_more_than_the_window_are_survived) {
  driven d{{child("a")}, intensity{1, 1s}};
  d.up();
  for (std::uint64_t n = 2; n < 50; ++n) {
    d.now += 40s;
    EXPECT_EQ(d.crash(0), words{"start 0#" + std::to_string(n)});
    d.take(d.machine.child_ready(0, n, d.now));
  }
}

TEST(supervisor_machine, a_start_that_overruns_its_limit_is_abandoned_and_has_failed) {
  driven d{{child("a"), child("b")}};
  d.take(d.machine.start(origin));
  d.take(d.machine.child_ready(0, 1, origin));
  EXPECT_EQ(d.timer.at - origin, 5s);
  EXPECT_EQ(d.fire(), (words{"abandon 1", "stop 1"}));
}

TEST(supervisor_machine, a_stop_that_overruns_its_limit_is_abandoned_and_goes_on) {
  driven d{{child("a"), child("b")}};
  d.up();
  d.take(d.machine.stop(origin));
  EXPECT_EQ(d.fire(), (words{"abandon 1", "stop 0"}));
  EXPECT_TRUE(d.noted(event_kind::warn));
}

TEST(supervisor_machine, ignores_reports_about_incarnations_that_are_gone) {
  driven d{{child("a")}};
  d.up();
  d.crash(0);
  EXPECT_EQ(d.take(d.machine.child_exited(0, 1, crashed(), origin)), words{});
  EXPECT_EQ(d.take(d.machine.child_ready(0, 1, origin)), words{});
  EXPECT_EQ(d.machine.state_of(0), child_state::starting);
}

TEST(supervisor_machine, a_child_that_restarts_while_others_still_start_does_not_start_them_twice) {
  driven d{{child("a"), child("b"), child("c")}};
  d.take(d.machine.start(origin));
  d.take(d.machine.child_ready(0, 1, origin));
  EXPECT_EQ(d.crash(0), words{"start 0#2"});
  EXPECT_EQ(d.take(d.machine.child_ready(0, 2, origin)), words{});
  EXPECT_EQ(d.take(d.machine.child_ready(1, 1, origin)), words{"start 2#1"});
  EXPECT_EQ(d.take(d.machine.child_ready(2, 1, origin)), words{"started"});
}

TEST(supervisor_machine, crash_reports_say_which_restart_of_how_many_this_is) {
  driven d{{child("a")}, intensity{3, 5s}};
  d.up();
  d.crash(0);
  const auto it = std::find_if(d.notes.begin(), d.notes.end(), [](auto& e) { return e.kind == event_kind::crash; });
  ASSERT_NE(it, d.notes.end());
  ASSERT_TRUE(it->decision);
  EXPECT_EQ(it->decision->action, "restart");
  EXPECT_EQ(it->decision->strategy, "one_for_one");
  EXPECT_EQ(it->decision->restarts, 1U);
  EXPECT_EQ(it->decision->limit, 3U);
  EXPECT_EQ(it->decision->period_ms, 5000);
}

}  // namespace
