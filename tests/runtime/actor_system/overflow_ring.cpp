#include "actor_system/overflow_ring.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace steward;
using namespace steward::port;
using numbers = std::vector<std::int64_t>;

numbers range(std::int64_t from, std::int64_t to) {
  numbers out(static_cast<std::size_t>(to - from));
  std::iota(out.begin(), out.end(), from);
  return out;
}

std::int64_t number_in(caf::mailbox_element& x) { return x.content().get_as<std::int64_t>(0); }

/// A mailbox that drops its oldest, as a durable actor has it: a queue, in which null stands for the marker, and the
/// ring. Senders on any thread; the rest is for one.
class dropping_mailbox {
public:
  explicit dropping_mailbox(unsigned limit) { tally.set_bound({limit, overflow_policy::drop_oldest}); }

  void send(std::int64_t n) {
    auto x = caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, n);
    const auto before = tally.accept();
    if (tally.has_room(before)) {
      if (!push(std::move(x))) refuse();
      return;
    }
    switch (ring.put(x, before, tally, [&] { return push(nullptr); })) {
      case overflow_ring::outcome::room:
        if (!push(std::move(x))) refuse();
        break;
      case overflow_ring::outcome::taken:
        if (x) drop(*x);
        break;
      case overflow_ring::outcome::closed:
        refuse();
    }
  }

  /// Handles one message, if there is one: its number.
  std::optional<std::int64_t> handle() {
    while (const auto x = pop()) {
      if (*x == nullptr)
        release();
      else if (ring.dooms() && ring.take_doomed())
        drop(**x);
      else {
        tally.count_handled();
        return number_in(**x);
      }
    }
    return std::nullopt;
  }
  numbers handle_all() {
    numbers out;
    while (const auto n = handle()) out.push_back(*n);
    return out;
  }

  /// What an actor does that holds its mailbox: it takes markers out.
  void look_while_held() {
    std::lock_guard guard{mutex_};
    if (std::erase(queue_, nullptr) > 0) ring.park();
  }
  void open() {
    if (ring.is_parked()) release();
  }
  /// The actor is over. Returns what was left over, in order.
  numbers end() {
    {
      std::lock_guard guard{mutex_};
      open_ = false;
    }
    numbers out;
    while (const auto x = pop()) {
      if (*x == nullptr)
        ring.spare();
      else if (ring.dooms() && ring.take_doomed())
        drop(**x);
      else
        out.push_back(number_in(**x));
    }
    for (auto& x : ring.close()) out.push_back(number_in(*x));
    for (std::size_t i = 0; i < out.size(); ++i) tally.count_unhandled(false);
    tally.seal();
    return out;
  }

  numbers dropped() {
    std::lock_guard guard{mutex_};
    return dropped_;
  }
  int refused() const { return refused_; }
  std::size_t queued() {
    std::lock_guard guard{mutex_};
    return queue_.size();
  }

  message_tally tally;
  overflow_ring ring;

private:
  bool push(caf::mailbox_element_ptr x) {
    std::lock_guard guard{mutex_};
    if (open_) queue_.push_back(std::move(x));
    return open_;
  }
  std::optional<caf::mailbox_element_ptr> pop() {
    std::lock_guard guard{mutex_};
    if (queue_.empty()) return std::nullopt;
    auto out = std::move(queue_.front());
    queue_.pop_front();
    return out;
  }
  void release() {
    ring.release(
        tally,
        [&] {
          std::lock_guard guard{mutex_};
          return queue_.size();
        },
        [&](caf::mailbox_element_ptr x) {
          std::lock_guard guard{mutex_};
          queue_.push_back(std::move(x));
        });
  }
  void drop(caf::mailbox_element& x) {
    tally.count_dropped(false);
    std::lock_guard guard{mutex_};
    dropped_.push_back(number_in(x));
  }
  void refuse() {
    tally.take_back();
    ++refused_;
  }

  std::mutex mutex_;
  std::deque<caf::mailbox_element_ptr> queue_;
  bool open_ = true;
  numbers dropped_;
  std::atomic<int> refused_{0};
};

TEST(overflow_ring_test, keeps_the_newest_and_their_order) {
  for (const unsigned limit : {1U, 2U, 5U, 19U, 20U, 21U}) {
    dropping_mailbox box{limit};
    for (std::int64_t n = 0; n < 20; ++n) box.send(n);
    const auto lost = 20 - std::min<std::int64_t>(limit, 20);
    EXPECT_EQ(box.handle_all(), range(lost, 20)) << "limit " << limit;
    auto dropped = box.dropped();
    std::sort(dropped.begin(), dropped.end());
    EXPECT_EQ(dropped, range(0, lost));
    EXPECT_EQ(box.tally.counts().waiting, 0U);
  }
}

TEST(overflow_ring_test, holds_a_limit_of_messages_beside_the_mailbox_and_no_more) {
  dropping_mailbox box{3};
  for (std::int64_t n = 0; n < 1'000; ++n) box.send(n);
  EXPECT_EQ(box.queued(), 4U) << "with the marker";
  EXPECT_EQ(box.dropped().size(), 994U) << "3 more are dropped when the actor comes to them";
  EXPECT_EQ(box.tally.unfinished(), 6U);
  EXPECT_EQ(box.handle_all(), range(997, 1'000));
  EXPECT_EQ(box.dropped().size(), 997U);
}

TEST(overflow_ring_test, messages_go_into_the_mailbox_again_when_the_marker_was_reached) {
  dropping_mailbox box{2};
  for (std::int64_t n = 0; n < 4; ++n) box.send(n);
  EXPECT_EQ(box.handle(), 2);
  EXPECT_EQ(box.queued(), 1U) << "what the ring had";
  box.send(4);
  EXPECT_EQ(box.queued(), 2U);
  EXPECT_EQ(box.handle_all(), (numbers{3, 4}));
}

TEST(overflow_ring_test, goes_on_while_the_mailbox_is_held) {
  dropping_mailbox box{3};
  for (std::int64_t n = 0; n < 5; ++n) box.send(n);
  box.look_while_held();
  EXPECT_TRUE(box.ring.is_parked());
  for (std::int64_t n = 5; n < 9; ++n) box.send(n);
  EXPECT_EQ(box.queued(), 3U) << "no further marker";
  box.open();
  EXPECT_FALSE(box.ring.is_parked());
  EXPECT_EQ(box.handle_all(), range(6, 9));
}

TEST(overflow_ring_test, leaves_a_message_alone_that_finds_room_or_is_not_to_cost_another) {
  message_tally tally;
  overflow_ring ring;
  const auto never = [] {
    ADD_FAILURE() << "pushed a marker";
    return true;
  };
  auto x = caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::int64_t{7});
  tally.set_bound({1, overflow_policy::drop_oldest});
  EXPECT_EQ(ring.put(x, tally.accept(), tally, never), overflow_ring::outcome::room);
  ASSERT_TRUE(x);
  tally.set_bound({1, overflow_policy::reject});
  EXPECT_EQ(ring.put(x, tally.accept(), tally, never), overflow_ring::outcome::room)
      << "that is not the ring's business";
  ASSERT_TRUE(x);
  EXPECT_EQ(number_in(*x), 7);
}

TEST(overflow_ring_test, takes_nothing_when_no_marker_can_be_set_any_more) {
  message_tally tally;
  overflow_ring ring;
  tally.set_bound({1, overflow_policy::drop_oldest});
  tally.accept();
  auto x = caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::int64_t{7});
  EXPECT_EQ(ring.put(x, tally.accept(), tally, [] { return false; }), overflow_ring::outcome::closed);
  ASSERT_TRUE(x);
  EXPECT_EQ(number_in(*x), 7);
}

TEST(overflow_ring_test, what_is_left_at_the_end_is_what_would_have_been_handled) {
  dropping_mailbox box{3};
  for (std::int64_t n = 0; n < 5; ++n) box.send(n);
  EXPECT_EQ(box.end(), range(2, 5));
  box.send(5);
  EXPECT_EQ(box.refused(), 1);
  const auto counts = box.tally.counts();
  EXPECT_EQ(counts.accepted, 5U);
  EXPECT_EQ(counts.dead, 5U);
}

/// A ring behind a full mailbox whose messages nobody handles.
class full_mailbox : public ::testing::Test {
protected:
  static constexpr unsigned limit = 3;

  full_mailbox() {
    tally_.set_bound({limit, overflow_policy::drop_oldest});
    for (unsigned i = 0; i < limit; ++i) EXPECT_TRUE(tally_.looks_for_room(tally_.accept()));
  }
  void put() {
    auto x = caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::int64_t{0});
    EXPECT_EQ(ring_.put(x, tally_.accept(), tally_, [] { return true; }), overflow_ring::outcome::taken);
  }
  int take_all_doomed() {
    int out = 0;
    while (ring_.take_doomed()) ++out;
    return out;
  }
  int release(std::size_t older) {
    int out = 0;
    ring_.release(
        tally_, [&] { return older; }, [&](const caf::mailbox_element_ptr&) { ++out; });
    return out;
  }

  message_tally tally_;
  overflow_ring ring_;
};

TEST_F(full_mailbox, each_message_dooms_an_older_one) {
  for (int i = 0; i < 2; ++i) put();
  EXPECT_TRUE(ring_.dooms());
  EXPECT_EQ(take_all_doomed(), 2);
  EXPECT_FALSE(ring_.dooms());
}

TEST_F(full_mailbox, a_message_that_finds_room_after_all_dooms_none) {
  put();
  tally_.count_handled();  // of one that the actor did not drop, such as one that is handled again
  put();
  EXPECT_EQ(take_all_doomed(), 1);
}

TEST_F(full_mailbox, has_no_room_by_the_mark_while_the_ring_is_there) {
  ASSERT_TRUE(tally_.has_room(limit - 1));
  put();
  EXPECT_FALSE(tally_.has_room(0));
  EXPECT_EQ(release(limit), 1);
  EXPECT_TRUE(tally_.has_room(limit)) << "what is doomed takes no room";
  EXPECT_FALSE(tally_.has_room(limit + 1));
}

TEST_F(full_mailbox, never_dooms_what_comes_out_of_the_ring) {
  for (int i = 0; i < 3; ++i) put();
  EXPECT_EQ(release(1), 3);
  EXPECT_EQ(take_all_doomed(), 1);
}

TEST_F(full_mailbox, spares_what_is_left_when_it_is_told_to) {
  put();
  ring_.spare();
  EXPECT_FALSE(ring_.dooms());
  EXPECT_FALSE(ring_.take_doomed());
}

/// Against a plain bounded queue, in which each message that is too many costs the oldest at once.
TEST(overflow_ring_test, does_as_a_plain_queue_does_in_random_lives) {
  std::mt19937_64 random{1};
  for (int life = 0; life < 2'000; ++life) {
    const auto limit = static_cast<unsigned>(1 + random() % 6);
    dropping_mailbox box{limit};
    std::deque<std::int64_t> plain;
    std::int64_t number = 0;
    bool held = false;
    for (int step = 0; step < 80; ++step) {
      const auto what = random() % 12;
      if (what < 6) {
        box.send(number);
        plain.push_back(number++);
        if (plain.size() > limit) plain.pop_front();
      } else if (what < 10) {
        if (held) continue;
        const auto expected = plain.empty() ? std::nullopt : std::optional{plain.front()};
        if (expected) plain.pop_front();
        ASSERT_EQ(box.handle(), expected) << "life " << life << ", step " << step;
      } else if (what == 10) {
        held = true;
        box.look_while_held();
      } else if (held) {
        held = false;
        box.look_while_held();
        box.open();
      }
    }
    ASSERT_EQ(box.end(), numbers(plain.begin(), plain.end())) << "life " << life;
    const auto counts = box.tally.counts();
    ASSERT_EQ(counts.accepted, static_cast<std::uint64_t>(number));
    ASSERT_EQ(counts.handled + counts.dead, counts.accepted);
  }
}

TEST(overflow_ring_test, loses_and_doubles_nothing_whatever_many_senders_do) {
  constexpr int senders = 3;
  constexpr std::int64_t each = 2'000;
  dropping_mailbox box{5};
  std::atomic<int> sending{senders};
  std::vector<std::thread> threads;
  for (int s = 0; s < senders; ++s)
    threads.emplace_back([&, s] {
      for (std::int64_t i = 0; i < each; ++i) box.send(s * each + i);
      --sending;
    });
  numbers handled;
  while (sending > 0) {
    if (const auto n = box.handle())
      handled.push_back(*n);
    else
      std::this_thread::yield();
  }
  for (auto& x : threads) x.join();
  for (const auto n : box.handle_all()) handled.push_back(n);

  std::vector<std::int64_t> latest(senders, -1);
  for (const auto n : handled) {
    auto& before = latest[static_cast<std::size_t>(n / each)];
    EXPECT_LT(before, n) << "out of order";
    before = n;
  }
  const auto counts = box.tally.counts();
  EXPECT_EQ(counts.accepted, static_cast<std::uint64_t>(senders * each));
  EXPECT_EQ(counts.handled, handled.size());
  EXPECT_EQ(counts.waiting, 0U);
  auto all = box.dropped();
  EXPECT_EQ(counts.dead, all.size());
  all.insert(all.end(), handled.begin(), handled.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, range(0, senders * each));
}

}  // namespace
