#include "actor_system/wake_batch.hpp"
#include "steward/port.hpp"
#include "supervision/path_hash.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <semaphore>
#include <set>
#include <string>
#include <thread>
#include <vector>

// Actors that are woken together, and what many of them are found by.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;

/// Actors that note their numbers when they are told to; number 0 waits at a gate first.
class woken_together : public ::testing::Test {
protected:
  void begin(port::scheduling how, std::size_t threads) {
    port::configure(config_, how, threads);
    port::announce_block<caf::id_block::steward>(config_);
    system_ = std::make_unique<caf::actor_system>(config_);
  }
  ~woken_together() override {
    gate_.release(100);
    for (auto& x : all_) caf::anon_send_exit(x, caf::exit_reason::kill);
    if (auto* in_turn = scheduler()) in_turn->run();
    all_.clear();
  }
  caf::scheduler::test_coordinator* scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator*>(&system_->scheduler());
  }
  caf::actor make(int number) {
    auto out = system_->spawn<caf::lazy_init>([this, number](caf::event_based_actor*) -> caf::behavior {
      return {[this, number](caf::tick_atom) { note(number); }};
    });
    all_.push_back(out);
    return out;
  }
  void note(int number) {
    if (number == 0) gate_.acquire();
    const std::lock_guard guard{mutex_};
    noted_.push_back(number);
    seen_.release();
  }
  bool wait_for(std::size_t n) {
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (n-- > 0)
      if (!seen_.try_acquire_until(until)) return false;
    return true;
  }
  std::vector<int> noted() {
    const std::lock_guard guard{mutex_};
    return noted_;
  }

  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::vector<caf::actor> all_;
  std::counting_semaphore<> gate_{0};
  std::counting_semaphore<> seen_{0};
  std::mutex mutex_;
  std::vector<int> noted_;
};

TEST_F(woken_together, begin_in_order_and_not_before_they_are_handed_over) {
  begin(port::scheduling::testing, 1);
  port::wake_batch wakes{*system_};
  for (int i = 1; i <= 5; ++i) wakes.send_urgently(make(i), caf::tick_atom::value);
  EXPECT_FALSE(scheduler()->has_job());
  wakes.hand_over();
  scheduler()->run();
  EXPECT_EQ(noted(), (std::vector{1, 2, 3, 4, 5}));
  wakes.hand_over();
  EXPECT_FALSE(scheduler()->has_job()) << "there was nothing more to hand over";
}

TEST_F(woken_together, are_handed_over_by_themselves_when_they_are_many) {
  begin(port::scheduling::testing, 1);
  port::wake_batch wakes{*system_};
  const int most = port::wake_batch::most;
  for (int i = 1; i <= most + 1; ++i) wakes.send_urgently(make(i), caf::tick_atom::value);
  scheduler()->run();
  EXPECT_EQ(noted().size(), port::wake_batch::most);
  wakes.hand_over();
  scheduler()->run();
  EXPECT_EQ(noted().size(), port::wake_batch::most + 1);
}

TEST_F(woken_together, are_handed_over_when_the_batch_goes) {
  begin(port::scheduling::testing, 1);
  {
    port::wake_batch wakes{*system_};
    wakes.send_urgently(make(1), caf::tick_atom::value);
  }
  scheduler()->run();
  EXPECT_EQ(noted(), std::vector{1});
}

TEST_F(woken_together, do_not_wait_for_one_of_them_that_does_not_return) {
  begin(port::scheduling::sharing, 2);
  port::wake_batch wakes{*system_};
  for (int i = 0; i < 40; ++i) wakes.send_urgently(make(i), caf::tick_atom::value);
  wakes.hand_over();
  ASSERT_TRUE(wait_for(39)) << "all but the first, while that holds a thread";
  gate_.release();
  ASSERT_TRUE(wait_for(1));
  EXPECT_EQ(noted().back(), 0);
}

TEST_F(woken_together, handle_each_message_once_whoever_else_sends) {
  begin(port::scheduling::sharing, 2);
  constexpr int actors = 30;
  constexpr int rounds = 50;
  for (int i = 1; i <= actors; ++i) make(i);
  std::thread other{[this] {
    for (int i = 0; i < rounds; ++i)
      for (const auto& x : all_) port::send_anonymously(x, caf::tick_atom::value);
  }};
  port::wake_batch wakes{*system_};
  for (int i = 0; i < rounds; ++i) {
    for (const auto& x : all_) wakes.send_urgently(x, caf::tick_atom::value);
    wakes.hand_over();
  }
  other.join();
  ASSERT_TRUE(wait_for(2 * actors * rounds));
  EXPECT_EQ(noted().size(), static_cast<std::size_t>(2 * actors * rounds));
}

TEST_F(woken_together, do_not_keep_each_other_when_they_end) {
  begin(port::scheduling::sharing, 2);
  {
    port::wake_batch wakes{*system_};
    for (int i = 1; i <= 40; ++i) wakes.send_urgently(make(i), caf::tick_atom::value);
  }
  ASSERT_TRUE(wait_for(40));
  std::vector<caf::weak_actor_ptr> weak;
  for (const auto& x : all_) weak.push_back(caf::actor_cast<caf::weak_actor_ptr>(x));
  for (const auto& x : all_) caf::anon_send_exit(x, caf::exit_reason::kill);
  all_.clear();
  system_->await_all_actors_done();
  const auto until = std::chrono::steady_clock::now() + 60s;
  for (const auto& x : weak)
    while (x.lock() != nullptr && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  for (const auto& x : weak) EXPECT_EQ(x.lock(), nullptr) << "a list still holds it";
}

TEST(path_hashes, of_children_with_following_numbers_follow_each_other) {
  using supervision::path_hash;
  const auto first = path_hash::of("/root/c-99");
  EXPECT_EQ(path_hash::of("/root/c-100"), first + 1);
  EXPECT_EQ(path_hash::of("/root/c-101"), first + 2);
  EXPECT_EQ(path_hash::of(std::hash<std::string_view>{}("/root/c-"), 99), first);
  EXPECT_EQ(path_hash::of("/root/c"), path_hash::of(std::hash<std::string_view>{}("/root/c"), 0));
}

TEST(path_hashes, differ_for_paths_that_differ_before_the_number) {
  using supervision::path_hash;
  std::set<std::size_t> seen;
  for (const auto* path : {"/root/a-1", "/root/b-1", "/root/a1", "/root/a", "/root/1/a", "/root/2/a", "/root/a-1-1"})
    EXPECT_TRUE(seen.insert(path_hash::of(path)).second) << path;
}

TEST(path_hashes, take_names_that_are_nothing_but_digits) {
  using supervision::path_hash;
  EXPECT_EQ(path_hash::of("123"), path_hash::of(std::hash<std::string_view>{}(""), 123));
  const std::string long_one(40, '9');
  EXPECT_NE(path_hash::of(long_one), path_hash::of(long_one.substr(1)));
}

}  // namespace
}  // namespace steward::testing_support
