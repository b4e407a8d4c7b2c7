#include "steward/child.hpp"
#include "steward/dead_letter.hpp"
#include "tests/runtime/supervision/real_tree.hpp"

#include <gmock/gmock.h>

#include <thread>

// Listeners for the dead letters of a runtime, on real threads.

namespace steward {
namespace {

using namespace std::chrono_literals;
using testing_support::gate;
using testing_support::real_tree;

/// What a callable has heard, as texts.
class record {
public:
  void add(const dead_letter& x) {
    const std::lock_guard guard{mutex_};
    all_.push_back(x.to + " " + to_string(x.why));
    skipped_ += x.skipped;
    changed_.notify_all();
  }
  bool await(std::size_t count) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, 20s, [&] { return all_.size() >= count; });
  }
  std::vector<std::string> all() {
    const std::lock_guard guard{mutex_};
    return all_;
  }
  std::uint64_t skipped() {
    const std::lock_guard guard{mutex_};
    return skipped_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
  std::uint64_t skipped_ = 0;
};

struct deaf {
  caf::behavior make_behavior() {
    return {[](caf::get_atom) { return std::int64_t{1}; }};
  }
};

/// Tells how many letters it has had.
struct undertaker {
  caf::behavior make_behavior() {
    return {[this](const dead_letter&) { ++count; }, [this](caf::get_atom) { return count; }};
  }
  std::int64_t count = 0;
};

class dead_letters : public real_tree {
protected:
  static supervisor_spec with_deaf() {
    return {.children = {child::actor<deaf>("deaf"), child::actor<undertaker>("undertaker")}};
  }
  static void tell_deaf(supervisor& tree, int count) {
    for (int i = 0; i < count; ++i) port::send_anonymously(tree.actor("/root/deaf"), std::string{"hello"});
  }
};

TEST_F(dead_letters, reach_a_callable) {
  runtime rt{log_, tasks_, actors_};
  record heard;
  const auto subscribed = rt.on_dead_letter([&](const dead_letter& x) { heard.add(x); });
  supervisor tree{rt, with_deaf()};
  ASSERT_TRUE(tree.start());
  tell_deaf(tree, 2);
  ASSERT_TRUE(heard.await(2));
  EXPECT_EQ(heard.all().at(0), "/root/deaf unhandled");
}

TEST_F(dead_letters, reach_the_callable_of_the_options) {
  record heard;
  runtime rt{log_, tasks_, actors_, {.on_dead_letter = [&](const dead_letter& x) { heard.add(x); }}};
  supervisor tree{rt, with_deaf()};
  ASSERT_TRUE(tree.start());
  tell_deaf(tree, 1);
  EXPECT_TRUE(heard.await(1));
}

TEST_F(dead_letters, reach_an_actor_of_the_tree) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_deaf()};
  ASSERT_TRUE(tree.start());
  const auto subscribed = rt.on_dead_letter(tree.actor("/root/undertaker"));
  tell_deaf(tree, 3);
  std::int64_t count = 0;
  while (count < 3) count = tree.ask<std::int64_t>("/root/undertaker", 20s, caf::get_atom::value).value();
  EXPECT_EQ(count, 3);
  EXPECT_EQ(subscribed.skipped(), 0U);
}

TEST_F(dead_letters, do_not_hold_up_anybody_where_the_callable_is_slow) {
  runtime rt{log_, tasks_, actors_};
  record heard;
  gate slow;
  const auto subscribed = rt.on_dead_letter(
      [&](const dead_letter& x) {
        slow.pass();
        heard.add(x);
      },
      {.queue = 2});
  supervisor tree{rt, with_deaf()};
  ASSERT_TRUE(tree.start());
  tell_deaf(tree, 10);
  EXPECT_TRUE(tree.ask<std::int64_t>("/root/deaf", 20s, caf::get_atom::value)) << "all ten were handled by then";
  EXPECT_EQ(subscribed.skipped(), 8U);
  slow.open();
  ASSERT_TRUE(heard.await(2));
  tell_deaf(tree, 1);
  while (heard.all().size() < 3) {
    tell_deaf(tree, 1);  // until there is room again
    std::this_thread::yield();
  }
  EXPECT_GE(heard.skipped(), 8U);
}

TEST_F(dead_letters, are_not_heard_after_the_subscription) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_deaf()};
  ASSERT_TRUE(tree.start());
  std::atomic<int> calls{0};
  auto subscribed = rt.on_dead_letter([&](const dead_letter&) { ++calls; });
  tell_deaf(tree, 1'000);
  subscribed.cancel();
  const auto then = calls.load();
  tell_deaf(tree, 10);
  EXPECT_TRUE(tree.ask<std::int64_t>("/root/deaf", 20s, caf::get_atom::value));
  EXPECT_EQ(calls.load(), then);
}

TEST_F(dead_letters, may_be_cancelled_by_the_callable_itself) {
  runtime rt{log_, tasks_, actors_};
  record heard;
  dead_letter_subscription subscribed;
  std::mutex ready;
  ready.lock();
  subscribed = rt.on_dead_letter([&](const dead_letter& x) {
    const std::lock_guard wait{ready};
    subscribed.cancel();
    heard.add(x);
  });
  ready.unlock();
  supervisor tree{rt, with_deaf()};
  ASSERT_TRUE(tree.start());
  tell_deaf(tree, 5);
  ASSERT_TRUE(heard.await(1));
  EXPECT_TRUE(tree.ask<std::int64_t>("/root/deaf", 20s, caf::get_atom::value));
  EXPECT_EQ(heard.all().size(), 1U);
}

TEST_F(dead_letters, show_no_message_in_events_where_the_program_says_so) {
  runtime rt{log_, tasks_, actors_, {.dead_letter_text = 0}};
  auto spec = with_deaf();
  spec.children[0].mailbox = {1, overflow_policy::drop_newest};
  supervisor tree{rt, spec};
  ASSERT_TRUE(tree.start());
  while (events_of(event_kind::dead_letter).empty()) tell_deaf(tree, 5);
  EXPECT_EQ(events_of(event_kind::dead_letter).at(0).text, "its mailbox was full (1): drop_newest");
}

TEST_F(dead_letters, need_a_queue_of_at_least_one) {
  runtime rt{log_, tasks_, actors_};
  EXPECT_THROW((void)rt.on_dead_letter([](const dead_letter&) {}, {.queue = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace steward
