#include "control/connection_ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace steward::control_api {
namespace {

using std::chrono::seconds;
using phase = connection_ledger::phase;

class connection_ledger_test : public testing::Test {
protected:
  connection_ledger::handle open(int fd) { return ledger_.open(fd, now_).opened; }
  void enter(connection_ledger::handle x, phase next) { ledger_.enter(x, next, now_); }
  std::vector<int> overdue() {
    std::vector<int> out;
    for (const auto& one : ledger_.overdue(now_)) out.push_back(one->fd);
    return out;
  }

  connection_ledger::time_point now_{};
  connection_ledger ledger_{{3, seconds{20}, seconds{60}, seconds{30}, seconds{3}}};
};

TEST_F(connection_ledger_test, gives_a_request_its_time_whatever_trickles) {
  open(1);
  now_ += seconds{5};
  open(2);
  now_ += seconds{14};
  EXPECT_THAT(overdue(), testing::IsEmpty());
  now_ += seconds{1};
  EXPECT_THAT(overdue(), testing::ElementsAre(1));
  now_ += seconds{5};
  EXPECT_THAT(overdue(), testing::ElementsAre(1, 2));
}

TEST_F(connection_ledger_test, begins_anew_behind_an_answer) {
  const auto one = open(1);
  now_ += seconds{15};
  enter(one, phase::works);
  now_ += seconds{3'600};
  EXPECT_THAT(overdue(), testing::IsEmpty()) << "operations have limits of their own";
  enter(one, phase::tells);
  now_ += seconds{59};
  enter(one, phase::asks);
  now_ += seconds{19};
  EXPECT_THAT(overdue(), testing::IsEmpty());
  now_ += seconds{1};
  EXPECT_THAT(overdue(), testing::ElementsAre(1));
}

TEST_F(connection_ledger_test, gives_an_answer_its_time) {
  enter(open(1), phase::tells);
  now_ += seconds{60};
  EXPECT_THAT(overdue(), testing::ElementsAre(1));
}

TEST_F(connection_ledger_test, wants_a_stream_to_be_read_while_there_is_something_to_read) {
  const auto one = open(1);
  enter(one, phase::streams);
  now_ += seconds{29};
  enter(one, phase::streams);
  now_ += seconds{29};
  enter(one, phase::rests);
  now_ += seconds{86'400};
  EXPECT_THAT(overdue(), testing::IsEmpty());
  enter(one, phase::streams);
  now_ += seconds{30};
  EXPECT_THAT(overdue(), testing::ElementsAre(1));
}

TEST_F(connection_ledger_test, knows_when_somebody_is_overdue_next) {
  EXPECT_FALSE(ledger_.next_due());
  const auto one = open(1);
  EXPECT_EQ(ledger_.next_due(), now_ + seconds{20});
  now_ += seconds{1};
  const auto two = open(2);
  EXPECT_EQ(ledger_.next_due(), now_ + seconds{19});
  enter(one, phase::works);
  EXPECT_EQ(ledger_.next_due(), now_ + seconds{20});
  ledger_.drop(two);
  EXPECT_FALSE(ledger_.next_due()) << "it is dropped once";
  now_ += seconds{100};
  EXPECT_THAT(overdue(), testing::IsEmpty());
}

TEST_F(connection_ledger_test, lets_the_one_go_that_has_asked_for_nothing_for_longest) {
  const auto first = open(1);
  open(2);
  open(3);
  enter(first, phase::works);
  enter(first, phase::asks);  // so the second one waits longest
  const auto fourth = ledger_.open(4, now_);
  ASSERT_TRUE(fourth.displaced);
  EXPECT_EQ((*fourth.displaced)->fd, 2);
  EXPECT_FALSE(fourth.opened->refused);
  ledger_.drop(*fourth.displaced);
  const auto fifth = ledger_.open(5, now_);
  ASSERT_TRUE(fifth.displaced);
  EXPECT_EQ((*fifth.displaced)->fd, 3) << "nobody goes twice";
}

TEST_F(connection_ledger_test, refuses_the_one_that_comes_where_all_are_busy) {
  for (int fd = 1; fd <= 3; ++fd) enter(open(fd), phase::works);
  const auto fourth = ledger_.open(4, now_);
  EXPECT_FALSE(fourth.displaced);
  EXPECT_TRUE(fourth.opened->refused);
  const auto fifth = ledger_.open(5, now_);
  ASSERT_TRUE(fifth.displaced) << "one that was refused, and has not asked yet, makes room";
  EXPECT_EQ((*fifth.displaced)->fd, 4);
  EXPECT_TRUE(fifth.opened->refused) << "for one that is refused as well";
}

TEST_F(connection_ledger_test, lets_the_one_go_that_does_not_take_its_answer) {
  enter(open(1), phase::works);
  enter(open(2), phase::tells);
  enter(open(3), phase::streams);
  now_ += seconds{2};
  EXPECT_FALSE(ledger_.open(4, now_).displaced);
  now_ += seconds{1};
  ledger_.close(ledger_.overdue(now_ + seconds{19}).front());  // the one that was refused
  const auto next = ledger_.open(5, now_);
  ASSERT_TRUE(next.displaced);
  EXPECT_EQ((*next.displaced)->fd, 2);
  EXPECT_FALSE(next.opened->refused);
}

TEST_F(connection_ledger_test, has_room_again_when_one_has_gone) {
  const auto first = open(1);
  open(2);
  open(3);
  ledger_.close(first);
  const auto next = ledger_.open(4, now_);
  EXPECT_FALSE(next.displaced);
  EXPECT_FALSE(next.opened->refused);
  EXPECT_EQ(ledger_.size(), 3U);
}

}  // namespace
}  // namespace steward::control_api
