#include "actor_system/copy_keeper.hpp"

#include <gtest/gtest.h>

namespace {

using namespace steward::port;

caf::mailbox_element_ptr element(int n) {
  return caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::int32_t{n});
}
int number_in(const caf::message& x) { return x.get_as<std::int32_t>(0); }

/// As an actor handles a message: what `handler` does with it, in between.
template <class Handler>
void handle(copy_keeper& copies, caf::mailbox_element& x, Handler handler) {
  copies.begin(x.copy_content_to_message());
  handler();
  copies.end(x, false);
}

TEST(copy_keeper_test, shows_what_is_in_hand_and_nothing_else) {
  copy_keeper copies;
  EXPECT_TRUE(copies.shown().empty());
  auto x = element(7);
  handle(copies, *x, [&] {
    EXPECT_EQ(number_in(copies.shown()), 7);
    EXPECT_EQ(number_in(copies.in_hand()), 7);
  });
  EXPECT_TRUE(copies.shown().empty());
  EXPECT_TRUE(copies.take_kept() == nullptr);
}

TEST(copy_keeper_test, keeps_a_message_as_often_as_is_allowed) {
  copy_keeper copies;
  auto x = element(7);
  for (int i = 0; i < 2; ++i) {
    handle(copies, *x, [&] { EXPECT_TRUE(copies.keep(*x, 2)); });
    x = copies.take_kept();
    ASSERT_TRUE(x != nullptr);
    EXPECT_EQ(x->content().get_as<std::int32_t>(0), 7);
    copies.repeat(*x);
    EXPECT_TRUE(copies.repeats(*x));
  }
  handle(copies, *x, [&] { EXPECT_FALSE(copies.keep(*x, 2)); });
  EXPECT_FALSE(copies.repeats(*x));
  EXPECT_TRUE(copies.take_kept() == nullptr);
}

TEST(copy_keeper_test, counts_for_each_message_anew) {
  copy_keeper copies;
  auto first = element(1);
  handle(copies, *first, [&] { EXPECT_TRUE(copies.keep(*first, 1)); });
  first = copies.take_kept();
  copies.repeat(*first);
  handle(copies, *first, [] {});
  auto second = element(2);
  handle(copies, *second, [&] { EXPECT_TRUE(copies.keep(*second, 1)); });
}

TEST(copy_keeper_test, one_that_is_skipped_is_still_the_one_that_is_repeated) {
  copy_keeper copies;
  auto x = element(1);
  handle(copies, *x, [&] { copies.keep(*x, 1); });
  x = copies.take_kept();
  copies.repeat(*x);
  copies.begin(x->copy_content_to_message());
  copies.end(*x, true);
  EXPECT_TRUE(copies.repeats(*x));
  EXPECT_TRUE(copies.shown().empty());
  handle(copies, *x, [&] { EXPECT_FALSE(copies.keep(*x, 1)); });
}

TEST(copy_keeper_test, takes_the_sender_and_the_number_along) {
  copy_keeper copies;
  auto x = caf::make_mailbox_element(nullptr, caf::make_message_id(caf::message_priority::high), {}, std::int32_t{1});
  handle(copies, *x, [&] { copies.keep(*x, 1); });
  const auto kept = copies.take_kept();
  EXPECT_EQ(kept->mid, x->mid);
}

}  // namespace
