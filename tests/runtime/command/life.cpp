#include "command/life.hpp"

#include "base/command_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

namespace steward::command {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class one_life : public testing::Test {
protected:
  one_life() {
    rules_.start_within = 10s;
    rules_.waits_for = "nothing listens at port 80";
    rules_.ladder = {SIGTERM, 5s, SIGKILL};
  }

  life make() { return life{rules_, at(0ms)}; }
  static time_point at(milliseconds x) { return time_point{} + 1h + x; }
  static ending exit_of(int code) {
    ending out;
    out.orderly = code == 0;
    out.why.cls = cause_class::exit;
    out.why.code = code;
    return out;
  }
  static ending signal_of(int number) {
    ending out;
    out.why.cls = cause_class::signal;
    out.why.signal = number;
    return out;
  }

  /// "SIGTERM", "ready", "ended: exit code 3".
  static std::vector<std::string> told(life& x) {
    std::vector<std::string> out;
    for (const auto& one : x.take()) {
      if (const auto* signal = std::get_if<send_signal>(&one)) {
        out.push_back(signal_name(signal->number));
        continue;
      }
      const auto& what = std::get<news>(one);
      constexpr const char* names[] = {"ready", "start failed", "ended", "stopped"};
      std::string text = names[static_cast<int>(what.what)];
      if (what.orderly) text += " in order";
      if (what.by_force) text += " by force";
      if (what.what != news::kind::ready) text += ": " + describe(what.why);
      out.push_back(text);
    }
    return out;
  }

  life_rules rules_;
};

TEST_F(one_life, is_ready_when_told) {
  auto x = make();
  x.runs(at(1ms));
  EXPECT_THAT(told(x), IsEmpty());
  x.is_ready();
  EXPECT_THAT(told(x), ElementsAre("ready"));
  x.is_ready();
  EXPECT_THAT(told(x), IsEmpty());
  EXPECT_EQ(x.next_due(), std::nullopt) << "the limit of the start counts no more";
}

TEST_F(one_life, is_ready_as_soon_as_it_runs) {
  rules_.ready_after = 0ms;
  auto x = make();
  EXPECT_THAT(told(x), IsEmpty());
  x.runs(at(1ms));
  EXPECT_THAT(told(x), ElementsAre("ready"));
}

TEST_F(one_life, is_ready_by_time_from_when_it_runs) {
  rules_.ready_after = 2s;
  auto x = make();
  x.runs(at(1s));
  EXPECT_EQ(x.next_due(), at(3s));
  x.advance(at(2'999ms));
  EXPECT_THAT(told(x), IsEmpty());
  x.advance(at(3s));
  EXPECT_THAT(told(x), ElementsAre("ready"));
}

TEST_F(one_life, tells_of_an_end_by_itself) {
  for (const int code : {0, 3}) {
    auto x = make();
    x.is_ready();
    (void)x.take();
    x.exited(exit_of(code));
    EXPECT_THAT(told(x), ElementsAre(code == 0 ? "ended in order: exit code 0" : "ended: exit code 3"));
    EXPECT_EQ(x.now_in(), life::state::over);
  }
}

TEST_F(one_life, fails_to_start_when_it_ends_before_it_is_ready) {
  auto x = make();
  x.exited(exit_of(3));
  EXPECT_THAT(told(x), ElementsAre("start failed: exit code 3"));
  auto y = make();
  y.exited(exit_of(0));
  EXPECT_THAT(told(y), ElementsAre(testing::HasSubstr("must not go into the background")));
}

TEST_F(one_life, is_ended_by_the_ladder_when_its_start_takes_too_long) {
  auto x = make();
  x.note_wait("port 80: Connection refused");
  EXPECT_EQ(x.next_due(), at(10s));
  x.advance(at(10s));
  EXPECT_THAT(told(x), ElementsAre("SIGTERM"));
  x.is_ready();
  EXPECT_THAT(told(x), IsEmpty()) << "too late";
  x.advance(at(15s));
  EXPECT_THAT(told(x), ElementsAre("SIGKILL"));
  x.exited(signal_of(SIGKILL));
  EXPECT_THAT(told(x), ElementsAre(testing::HasSubstr("not ready within 10s: port 80: Connection refused")));
}

TEST_F(one_life, climbs_the_ladder_until_it_ends) {
  auto x = make();
  x.is_ready();
  (void)x.take();
  x.stop({SIGQUIT, 2s, SIGTERM, 3s, SIGKILL}, at(0ms));
  EXPECT_THAT(told(x), ElementsAre("SIGQUIT"));
  EXPECT_EQ(x.next_due(), at(2s));
  x.advance(at(2s));
  EXPECT_THAT(told(x), ElementsAre("SIGTERM"));
  x.exited(signal_of(SIGTERM));
  EXPECT_THAT(told(x), ElementsAre("stopped: SIGTERM"));
  EXPECT_EQ(x.next_due(), std::nullopt);
}

TEST_F(one_life, says_when_it_had_to_be_killed) {
  auto x = make();
  x.is_ready();
  (void)x.take();
  x.stop({SIGTERM, 2s, SIGKILL}, at(0ms));
  x.advance(at(2s));
  EXPECT_THAT(told(x), ElementsAre("SIGTERM", "SIGKILL"));
  x.exited(signal_of(SIGKILL));
  EXPECT_THAT(told(x), ElementsAre("stopped by force: SIGKILL"));
}

TEST_F(one_life, sends_signals_without_a_wait_between_together) {
  auto x = make();
  x.stop({SIGCONT, SIGTERM, 1s, SIGKILL}, at(0ms));
  EXPECT_THAT(told(x), ElementsAre("SIGCONT", "SIGTERM"));
}

TEST_F(one_life, is_stopped_once_however_often_it_is_asked) {
  auto x = make();
  const std::vector<stop_step> ladder{SIGTERM, 5s, SIGKILL};
  x.stop(ladder, at(0ms));
  x.stop(ladder, at(1s));
  EXPECT_THAT(told(x), ElementsAre("SIGTERM"));
  EXPECT_EQ(x.next_due(), at(5s));
}

TEST_F(one_life, may_be_stopped_at_once_while_it_is_being_stopped) {
  auto x = make();
  x.stop({SIGTERM, 5s, SIGKILL}, at(0ms));
  x.stop({SIGKILL}, at(1s));
  EXPECT_THAT(told(x), ElementsAre("SIGTERM", "SIGKILL"));
}

TEST_F(one_life, waits_without_a_limit_where_the_ladder_says_so) {
  auto x = make();
  x.stop({SIGTERM, infinity, SIGKILL}, at(0ms));
  EXPECT_EQ(x.next_due(), std::nullopt);
}

TEST_F(one_life, killed_by_hand_is_a_crash_for_that_reason) {
  auto x = make();
  x.is_ready();
  (void)x.take();
  cause why;
  why.cls = cause_class::killed;
  why.message = "killed by ann";
  x.kill(why);
  EXPECT_THAT(told(x), ElementsAre("SIGKILL"));
  x.exited(signal_of(SIGKILL));
  EXPECT_THAT(told(x),
              ElementsAre(testing::AllOf(testing::StartsWith("ended: "), testing::HasSubstr("killed by ann"))));
}

TEST_F(one_life, tells_both_when_it_is_stopped_after_it_was_killed) {
  auto x = make();
  x.is_ready();
  (void)x.take();
  x.kill({});
  x.stop({SIGTERM, 5s, SIGKILL}, at(0ms));
  x.exited(signal_of(SIGKILL));
  const auto all = told(x);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_THAT(all[1], testing::StartsWith("ended"));
  EXPECT_THAT(all[2], testing::StartsWith("stopped"));
}

TEST_F(one_life, is_silent_when_it_is_abandoned) {
  auto x = make();
  x.is_ready();
  x.abandon();
  EXPECT_THAT(told(x), ElementsAre("SIGKILL"));
  x.exited(signal_of(SIGKILL));
  EXPECT_THAT(told(x), IsEmpty());
}

TEST_F(one_life, that_was_never_a_process_fails_to_start_or_is_stopped) {
  auto x = make();
  cause why;
  why.message = "no such file";
  x.cannot_run(why);
  EXPECT_THAT(told(x), ElementsAre("start failed: did not start: no such file"));
  auto y = make();
  y.stop({SIGTERM, 5s, SIGKILL}, at(0ms));
  y.cannot_run(why);
  EXPECT_THAT(told(y), ElementsAre("SIGTERM", "stopped: did not start: no such file"));
}

}  // namespace
}  // namespace steward::command
