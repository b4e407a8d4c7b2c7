#include "actor_system/incarnation_ties.hpp"

#include "two_actors.hpp"

#include <gtest/gtest.h>

namespace {

using namespace steward::port;
using steward::testing_support::two_actors;

class incarnation_ties_test : public two_actors {
protected:
  caf::actor_addr a() const { return one_->address(); }
  caf::actor_addr b() const { return other_->address(); }
  incarnation_ties ties_;
};

TEST_F(incarnation_ties_test, a_second_link_to_the_same_actor_is_none) {
  EXPECT_FALSE(ties_.has_links_or_functors());
  ties_.add_link(a());
  ties_.add_link(a());
  ties_.add_link(b());
  EXPECT_TRUE(ties_.has_links_or_functors());
  ties_.remove_link(b());
  const auto links = ties_.take_links();
  ASSERT_EQ(links.size(), 1U);
  EXPECT_EQ(links[0].other, a());
  EXPECT_EQ(links[0].count, 1U);
  EXPECT_FALSE(ties_.has_links_or_functors());
}

TEST_F(incarnation_ties_test, monitors_of_the_same_actor_are_counted) {
  for (int i = 0; i < 3; ++i) ties_.add_monitor(a());
  ties_.add_monitor(b());
  ties_.remove_monitors(a(), 2);
  ties_.remove_monitors(b(), 5);
  EXPECT_FALSE(ties_.has_links_or_functors()) << "nobody is told that a monitor is gone";
  const auto monitors = ties_.take_monitors();
  ASSERT_EQ(monitors.size(), 1U);
  EXPECT_EQ(monitors[0].other, a());
  EXPECT_EQ(monitors[0].count, 1U);
}

TEST_F(incarnation_ties_test, an_exit_ends_the_link_unless_it_is_of_one_that_was_undone) {
  ties_.add_link(a());
  ties_.expect_late_exit(a());
  EXPECT_TRUE(ties_.takes_late_exit(a())) << "of the former link";
  EXPECT_FALSE(ties_.takes_late_exit(a())) << "of this one";
  EXPECT_TRUE(ties_.take_links().empty());
  EXPECT_FALSE(ties_.takes_late_exit(b()));
}

TEST_F(incarnation_ties_test, a_down_ends_one_monitor_unless_it_is_of_one_that_was_undone) {
  ties_.add_monitor(a());
  ties_.add_monitor(a());
  ties_.expect_late_downs(a(), 2);
  ties_.expect_late_downs(b(), 0);
  EXPECT_FALSE(ties_.takes_late_down(b()));
  EXPECT_TRUE(ties_.takes_late_down(a()));
  EXPECT_TRUE(ties_.takes_late_down(a()));
  EXPECT_FALSE(ties_.takes_late_down(a()));
  const auto monitors = ties_.take_monitors();
  ASSERT_EQ(monitors.size(), 1U);
  EXPECT_EQ(monitors[0].count, 1U);
}

TEST_F(incarnation_ties_test, gives_functors_away_once) {
  ties_.add_functor(nullptr);
  EXPECT_TRUE(ties_.has_links_or_functors());
  EXPECT_EQ(ties_.take_functors().size(), 1U);
  EXPECT_FALSE(ties_.has_links_or_functors());
  EXPECT_TRUE(ties_.take_functors().empty());
}

}  // namespace
