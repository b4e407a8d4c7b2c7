#include "actor_system/rare_parts.hpp"

#include "actor_system/copy_keeper.hpp"
#include "actor_system/incarnation_ties.hpp"
#include "actor_system/overflow_ring.hpp"
#include "actor_system/timer_table.hpp"

#include <gtest/gtest.h>

namespace {

using namespace steward::port;

TEST(rare_parts_test, has_none_and_takes_a_word) {
  const rare_parts parts;
  EXPECT_FALSE(parts.any());
  EXPECT_EQ(parts.ring(), nullptr);
  EXPECT_EQ(parts.keeper(), nullptr);
  EXPECT_EQ(parts.deadlines(), nullptr);
  EXPECT_EQ(parts.timers(), nullptr);
  EXPECT_EQ(parts.ties(), nullptr);
  EXPECT_EQ(sizeof(parts), sizeof(void*));
}

TEST(rare_parts_test, makes_each_once_and_no_other) {
  rare_parts parts;
  auto& ring = parts.make_ring();
  EXPECT_TRUE(parts.any());
  EXPECT_EQ(parts.ring(), &ring);
  EXPECT_EQ(&parts.make_ring(), &ring);
  EXPECT_EQ(parts.keeper(), nullptr);
  EXPECT_EQ(parts.timers(), nullptr);
  EXPECT_EQ(parts.ties(), nullptr);
  auto& keeper = parts.make_keeper();
  EXPECT_EQ(parts.keeper(), &keeper);
  EXPECT_EQ(&parts.make_keeper(), &keeper);
  auto& timers = parts.make_timers();
  EXPECT_EQ(parts.timers(), &timers);
  EXPECT_EQ(&parts.make_timers(), &timers);
  auto& ties = parts.make_ties();
  EXPECT_EQ(parts.ties(), &ties);
  EXPECT_EQ(&parts.make_ties(), &ties);
  auto& deadlines = parts.make_deadlines();
  EXPECT_EQ(parts.deadlines(), &deadlines);
  EXPECT_EQ(parts.ring(), &ring);
}

}  // namespace
