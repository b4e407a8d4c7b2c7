// What is known of the task that a worker was sent first, in virtual time.
#include "pool/head_watch.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace steward::test {
namespace {

using namespace steward::pooling;
using lateness = head_watch::lateness;
using std::chrono::milliseconds;

struct watch_test : ::testing::Test {
  pool_spec spec = [] {
    pool_spec s;
    s.runs_in = rung::process;
    s.limits.deadline = milliseconds{500};
    s.limits.soft_deadline = milliseconds{200};
    s.limits.heartbeat = milliseconds{100};
    s.limits.grace = milliseconds{50};
    return s;
  }();
  time_point start{std::chrono::hours(1)};
  time_point at(int ms) const { return start + milliseconds{ms}; }
};

TEST_F(watch_test, calls_no_run_late_that_has_not_begun) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  EXPECT_TRUE(w.is_check_due(at(200)));
  EXPECT_EQ(w.check(at(600)), lateness::none);
  EXPECT_FALSE(w.is_check_due(at(1'099)));
  EXPECT_TRUE(w.is_check_due(at(1'100)));
}

TEST_F(watch_test, tells_each_lateness_once_and_counts_from_when_the_run_began) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  w.shows(0, at(100), at(120));
  EXPECT_FALSE(w.is_check_due(at(299)));
  ASSERT_TRUE(w.is_check_due(at(300)));
  EXPECT_EQ(w.check(at(300)), lateness::soft);
  EXPECT_FALSE(w.is_check_due(at(599)));
  ASSERT_TRUE(w.is_check_due(at(600)));
  EXPECT_EQ(w.check(at(600)), lateness::hard);
}

TEST_F(watch_test, counts_by_the_deadline_of_its_task_where_that_has_one) {
  const run_limits limits(spec);
  head_watch shorter(limits, start, milliseconds{50});
  shorter.shows(0, at(10), at(20));
  ASSERT_TRUE(shorter.is_check_due(at(60)));
  EXPECT_EQ(shorter.check(at(60)), lateness::hard);
  shorter.next_item(1, at(70));
  shorter.shows(1, at(70), at(71));
  EXPECT_TRUE(shorter.is_check_due(at(120))) << "the next item of the chunk has the same";
  head_watch none(limits, start, milliseconds{0});
  none.shows(0, at(10), at(20));
  EXPECT_EQ(none.check(at(210)), lateness::soft) << "the pool's soft deadline holds all the same";
  EXPECT_FALSE(none.is_check_due(at(100'000)));
}

TEST_F(watch_test, believes_no_start_before_it_was_sent_and_none_in_the_future) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  w.shows(0, at(-1'000), at(10));
  EXPECT_EQ(w.since(), start);
  w.shows(1, at(9'000), at(20));
  EXPECT_EQ(w.since(), at(20));
}

TEST_F(watch_test, reads_answers_once_more_where_it_comes_late_itself) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  w.shows(0, start, start);
  EXPECT_EQ(w.check(at(200)), lateness::soft);
  EXPECT_EQ(w.check(at(500) + head_watch::late_look + milliseconds{1}), lateness::none);
  const auto again = at(500) + 2 * head_watch::late_look + milliseconds{1};
  ASSERT_TRUE(w.is_check_due(again));
  EXPECT_EQ(w.check(again), lateness::hard);
}

TEST_F(watch_test, gives_a_thread_no_second_look) {
  spec.runs_in = rung::thread;
  const run_limits limits(spec);
  head_watch w(limits, start);
  w.shows(0, start, start);
  EXPECT_EQ(w.check(at(200)), lateness::soft);
  EXPECT_EQ(w.check(at(900)), lateness::hard);
  EXPECT_FALSE(w.frozen(at(900)).has_value()) << "a frozen thread cannot be told from a slow one";
}

TEST_F(watch_test, finds_a_worker_frozen_that_was_seen_stopped_twice_in_a_row) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  w.shows(0, start, start);
  EXPECT_FALSE(w.wants_look(at(49)));
  w.looked_at(true, 19);
  EXPECT_FALSE(w.frozen(at(50)).has_value());
  w.looked_at(true, 0);
  w.looked_at(true, 19);
  EXPECT_FALSE(w.frozen(at(100)).has_value()) << "it went on in between";
  w.looked_at(true, 19);
  const auto why = w.frozen(at(150));
  ASSERT_TRUE(why.has_value());
  EXPECT_EQ(why->cls, cause_class::heartbeat);
}

TEST_F(watch_test, finds_a_worker_frozen_that_does_not_take_up_what_it_was_sent) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  EXPECT_FALSE(w.frozen(at(99)).has_value());
  EXPECT_TRUE(w.frozen(at(149)).has_value());
  head_watch begun(limits, start);
  begun.shows(0, start, start);
  EXPECT_FALSE(begun.frozen(at(10'000)).has_value());
}

TEST_F(watch_test, holds_a_worker_that_is_to_end_once_and_sees_that_it_went_on) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  w.shows(3, start, start);
  EXPECT_TRUE(w.hold_to_end());
  EXPECT_TRUE(w.is_held());
  EXPECT_FALSE(w.hold_to_end());
  withdrawal same;
  same.item = 3;
  w.withdrew(same);
  EXPECT_FALSE(w.went_on(at(500)));
  withdrawal later;
  later.item = 4;
  w.withdrew(later);
  EXPECT_TRUE(w.went_on(at(500)));
  EXPECT_FALSE(w.is_check_due(at(999))) << "its answer is on the way";
  EXPECT_FALSE(w.went_on(at(501))) << "told once";
}

TEST_F(watch_test, keeps_only_the_end_from_one_item_to_the_next) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  w.shows(0, start, start);
  w.hold();
  w.end_by(at(50));
  w.next_item(1, at(30));
  EXPECT_FALSE(w.is_held());
  EXPECT_EQ(w.item(), 1U);
  EXPECT_EQ(w.since(), at(30));
  EXPECT_TRUE(w.is_to_end());
  EXPECT_FALSE(w.is_over(at(49)));
  EXPECT_TRUE(w.is_over(at(50)));
}

TEST_F(watch_test, gives_all_times_again_after_the_program_was_away) {
  const run_limits limits(spec);
  head_watch w(limits, start);
  w.end_by(at(50));
  w.looked_at(true, 19);
  w.catch_up(at(5'000));
  EXPECT_FALSE(w.is_over(at(5'049)));
  EXPECT_TRUE(w.is_over(at(5'050)));
  EXPECT_EQ(w.since(), at(5'000)) << "it had not begun";
  EXPECT_FALSE(w.wants_look(at(5'049)));
  EXPECT_FALSE(w.is_check_due(at(5'000) + head_watch::away_look - milliseconds{1}));
  EXPECT_EQ(w.due(), at(5'050));
}

TEST_F(watch_test, asks_less_and_less_often_what_is_finished_while_nothing_is) {
  spec.limits.deadline = spec.limits.soft_deadline = spec.limits.heartbeat = milliseconds{0};
  const run_limits limits(spec);
  head_watch w(limits, start);
  EXPECT_EQ(w.due(), time_point::max());
  EXPECT_EQ(w.harvest_at(), at(10));
  w.harvested(at(10));
  EXPECT_EQ(w.harvest_at(), at(20));
  w.harvested(at(800));
  EXPECT_EQ(w.harvest_at(), at(900));
  w.harvest_again(at(900));
  EXPECT_EQ(w.harvest_at(), at(910));
}

}  // namespace
}  // namespace steward::test
