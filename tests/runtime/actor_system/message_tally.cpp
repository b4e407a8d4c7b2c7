#include "actor_system/message_tally.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace {

using namespace steward;
using namespace steward::port;

message_tally& bounded(message_tally& x, unsigned limit) {
  x.set_bound({limit, overflow_policy::reject});
  return x;
}

/// As a sender does it: false when the mailbox is full.
bool offer(message_tally& x) {
  const auto before = x.accept();
  if (x.has_room(before) || x.looks_for_room(before)) return true;
  x.reject();
  return false;
}

TEST(message_tally_test, takes_as_many_as_its_limit_and_counts_what_it_rejects) {
  message_tally tally;
  bounded(tally, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(offer(tally));
  EXPECT_FALSE(offer(tally));
  EXPECT_EQ(tally.counts().accepted, 3U);
  EXPECT_EQ(tally.counts().waiting, 3U);
  EXPECT_EQ(tally.counts().rejected, 1U);
  EXPECT_EQ(tally.unfinished(), 3U);
}

TEST(message_tally_test, looks_at_what_is_finished_only_when_the_mark_is_reached) {
  message_tally tally;
  bounded(tally, 3);
  EXPECT_FALSE(tally.has_room(0)) << "the first sender sets the mark";
  EXPECT_TRUE(tally.looks_for_room(0));
  EXPECT_TRUE(tally.has_room(2));
  EXPECT_FALSE(tally.has_room(3));
  tally.count_handled();
  EXPECT_FALSE(tally.has_room(3)) << "by the mark";
  EXPECT_TRUE(tally.looks_for_room(3));
  EXPECT_TRUE(tally.has_room(3));
  EXPECT_FALSE(tally.looks_for_room(4));
  EXPECT_TRUE(tally.looks_for_room(4, 1)) << "one more may be unfinished";
}

TEST(message_tally_test, has_no_room_by_a_mark_that_was_forgotten) {
  message_tally tally;
  bounded(tally, 3);
  ASSERT_TRUE(tally.looks_for_room(0));
  tally.forget_mark();
  EXPECT_FALSE(tally.has_room(0));
  EXPECT_EQ(tally.renew_mark(2), 5U);
  EXPECT_TRUE(tally.has_room(4));
}

TEST(message_tally_test, a_new_bound_counts_from_the_next_message_on) {
  message_tally tally;
  bounded(tally, 3);
  ASSERT_TRUE(tally.looks_for_room(0));
  tally.set_bound({1, overflow_policy::drop_oldest});
  EXPECT_FALSE(tally.has_room(0));
  EXPECT_FALSE(tally.looks_for_room(1));
  EXPECT_EQ(tally.bound().limit, 1U);
  EXPECT_EQ(tally.bound().overflow, overflow_policy::drop_oldest);
}

TEST(message_tally_test, what_becomes_of_messages_is_in_one_count_each) {
  message_tally tally;
  bounded(tally, 100);
  for (int i = 0; i < 10; ++i) tally.accept();
  tally.count_handled();
  tally.count_unhandled(true);
  tally.count_unhandled(true);
  tally.count_unhandled(false);
  tally.count_dropped(true);
  tally.count_dropped(false);
  tally.count_dropped(false);
  tally.take_back();
  const auto counts = tally.counts();
  EXPECT_EQ(counts.accepted, 9U);
  EXPECT_EQ(counts.handled, 1U);
  EXPECT_EQ(counts.failed, 3U) << "requests, unhandled or dropped";
  EXPECT_EQ(counts.dead, 3U) << "tells, unhandled or dropped";
  EXPECT_EQ(counts.waiting, 2U);
  EXPECT_EQ(tally.finished(), 7U);
  EXPECT_EQ(tally.unfinished(), 2U);
  EXPECT_EQ(tally.unhandled_tells(), 1U) << "without those that were dropped";
}

TEST(message_tally_test, what_a_late_sender_counts_is_not_there_once_it_is_sealed) {
  message_tally tally;
  bounded(tally, 100);
  tally.accept();
  tally.count_handled();
  tally.accept();
  EXPECT_EQ(tally.counts().waiting, 1U);
  tally.seal();
  EXPECT_EQ(tally.counts().accepted, 1U);
  EXPECT_EQ(tally.counts().waiting, 0U);
}

TEST(message_tally_test, more_are_never_settled_than_were_accepted) {
  message_tally tally;
  tally.count_handled();  // the sender's own count comes later to this thread
  EXPECT_EQ(tally.counts().accepted, 1U);
  EXPECT_EQ(tally.counts().waiting, 0U);
}

TEST(message_tally_test, tells_of_the_first_drop_and_then_of_ten_times_as_many) {
  message_tally tally;
  std::vector<std::uint64_t> told;
  for (int i = 0; i < 1'000; ++i) {
    tally.count_dropped(false);
    if (const auto n = tally.drops_to_tell(false)) told.push_back(n);
  }
  EXPECT_EQ(told, (std::vector<std::uint64_t>{1, 9, 90, 900}));
  EXPECT_EQ(tally.drops_to_tell(true), 0U);
  tally.count_dropped(false);
  EXPECT_EQ(tally.drops_to_tell(false), 0U);
  EXPECT_EQ(tally.drops_to_tell(true), 1U) << "at the end all are told";
  tally.count_dropped(true);
  EXPECT_EQ(tally.drops_to_tell(true), 0U) << "requests are answered instead";
}

TEST(message_tally_test, never_lets_more_in_than_its_limit_whatever_many_senders_do) {
  constexpr std::uint64_t limit = 50;
  constexpr int senders = 4;
  constexpr int each = 2'000;
  message_tally tally;
  bounded(tally, limit);
  std::atomic<std::uint64_t> waiting{0};
  std::atomic<std::uint64_t> most{0};
  std::atomic<int> sending{senders};
  std::vector<std::thread> threads;
  for (int s = 0; s < senders; ++s)
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        if (!offer(tally)) continue;
        const auto now = waiting.fetch_add(1) + 1;
        auto seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) continue;
      }
      --sending;
    });
  // The actor's thread.
  while (sending > 0 || waiting > 0) {
    if (waiting == 0) {
      std::this_thread::yield();
      continue;
    }
    waiting.fetch_sub(1);
    tally.count_handled();
  }
  for (auto& x : threads) x.join();
  EXPECT_LE(most.load(), limit);
  const auto counts = tally.counts();
  EXPECT_EQ(counts.accepted + counts.rejected, static_cast<std::uint64_t>(senders * each));
  EXPECT_EQ(counts.accepted, counts.handled);
  EXPECT_EQ(counts.waiting, 0U);
}

}  // namespace
