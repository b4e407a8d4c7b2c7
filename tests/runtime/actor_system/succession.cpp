#include "actor_system/succession.hpp"

#include "two_actors.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace {

using namespace steward::port;
using steward::testing_support::two_actors;

class succession_test : public two_actors {
protected:
  static caf::abstract_actor* behind(const caf::actor& x) { return caf::actor_cast<caf::abstract_actor*>(x); }
  succession succession_;
};

TEST_F(succession_test, all_is_the_actors_own_at_first) {
  EXPECT_TRUE(succession_.is_own());
  EXPECT_FALSE(succession_.is_refused());
  EXPECT_FALSE(succession_.has_heir());
  succession_.settle();
  EXPECT_TRUE(succession_.is_own()) << "there is no heir";
}

TEST_F(succession_test, a_refusal_stays_as_it_was_said_first) {
  succession_.set_refusal(caf::make_error(caf::sec::bad_function_call));
  succession_.set_refusal(caf::make_error(caf::sec::end_of_stream));
  EXPECT_FALSE(succession_.has_refused());
  succession_.refuse();
  EXPECT_FALSE(succession_.is_own());
  EXPECT_TRUE(succession_.is_refused());
  EXPECT_TRUE(succession_.has_refused());
  succession_.set_refusal(caf::make_error(caf::sec::bad_function_call));
  EXPECT_EQ(succession_.refusal(), caf::sec::end_of_stream);
  succession_.settle();
  EXPECT_TRUE(succession_.is_refused()) << "nobody inherits";
}

TEST_F(succession_test, the_heir_of_an_actor_that_hangs_gets_all_at_once) {
  EXPECT_TRUE(succession_.bequeath(one_));
  EXPECT_FALSE(succession_.bequeath(other_)) << "the first call counts";
  EXPECT_FALSE(succession_.is_own());
  EXPECT_FALSE(succession_.is_refused());
  EXPECT_EQ(&succession_.heir_for(false), behind(one_));
  succession_.name_heir(other_);
  succession_.settle();
  EXPECT_EQ(&succession_.heir_for(false), behind(one_));
}

TEST_F(succession_test, a_sender_waits_until_what_is_there_was_handed_over) {
  succession_.name_heir(one_);
  EXPECT_FALSE(succession_.is_own());
  EXPECT_FALSE(succession_.is_refused());
  EXPECT_TRUE(succession_.has_heir());
  EXPECT_EQ(&succession_.heir_for(true), behind(one_)) << "the actor itself does not wait";
  std::atomic<bool> handed_over{false};
  std::atomic<bool> asks{false};
  bool in_order = false;
  std::thread sender{[&] {
    asks = true;
    auto& heir = succession_.heir_for(false);
    in_order = handed_over && &heir == behind(one_);
  }};
  while (!asks) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) std::this_thread::yield();  // the sender has begun to wait, most times
  handed_over = true;
  succession_.settle();
  sender.join();
  EXPECT_TRUE(in_order);
}

TEST_F(succession_test, an_actor_that_drains_refuses_until_its_heir_is_there) {
  succession_.refuse();
  succession_.name_heir(one_);
  EXPECT_TRUE(succession_.is_refused());
  succession_.settle();
  EXPECT_FALSE(succession_.is_refused());
  EXPECT_TRUE(succession_.has_refused());
  EXPECT_EQ(&succession_.heir_for(false), behind(one_));
}

}  // namespace
