// Where exceptions were thrown, in a program that links `steward::throw_frames`.
#include "steward/pool.hpp"
#include "throwers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace steward;
using namespace steward::test;
using testing::HasSubstr;

/// The frames, with the first two as they must be where `total_of` was called.
void expect_two_deep(const cause& why) {
  ASSERT_GE(why.frames.size(), 3U) << describe(why);
  EXPECT_THAT(why.frames[0], HasSubstr("price_of"));
  EXPECT_THAT(why.frames[1], HasSubstr("total_of"));
}

class thrown : public testing::Test {
protected:
  thrown() {
    log_.add_sink([this](const event& e) {
      const std::lock_guard lock(mutex_);
      events_.push_back(e);
    });
    pool_environment around;
    around.events = &log_;
    around.path = "/root/prices";
    pool_spec spec;
    spec.size.workers = 2;
    pool_ = std::make_unique<thread_pool>(around, "prices", spec);
  }

  std::mutex mutex_;
  std::vector<event> events_;
  event_log log_{"test"};
  std::unique_ptr<thread_pool> pool_;
};

TEST_F(thrown, in_a_task_on_a_thread_comes_with_the_calls_it_was_thrown_in) {
  const auto end = pool_->submit([] { return total_of("pear"); }).get();
  ASSERT_FALSE(end.ok());
  expect_two_deep(end.error().why);
  EXPECT_THAT(describe(end.error()), HasSubstr("no price of pear, thrown in "));
  EXPECT_THROW(static_cast<void>(end.value_or_rethrow()), std::out_of_range);
  pool_->stop();
  const std::lock_guard lock(mutex_);
  bool told = false;
  for (const auto& e : events_) {
    if (e.kind != event_kind::task_fail) continue;
    told = true;
    expect_two_deep(*e.why);
  }
  EXPECT_TRUE(told);
}

TEST_F(thrown, in_inputs_of_a_map_comes_with_its_calls_on_whichever_thread) {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.emplace_back(i % 3 == 0 ? "pear" : "apple");
  const auto ends = pool_->map_outcomes([](const std::string& name) { return total_of(name); }, names);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    ASSERT_EQ(ends[i].ok(), i % 3 != 0) << i;
    if (!ends[i].ok()) expect_two_deep(ends[i].error().why);
  }
}

TEST_F(thrown, values_that_are_no_exceptions_come_with_their_calls) {
  const auto end = pool_->submit([] { return total_of("seven"); }).get();
  expect_two_deep(end.error().why);
}

TEST_F(thrown, again_by_a_handler_keeps_its_calls) {
  const auto end = pool_
                       ->submit([] {
                         try {
                           return total_of("pear");
                         } catch (const std::exception&) {
                           throw;
                         }
                       })
                       .get();
  expect_two_deep(end.error().why);
}

TEST_F(thrown, while_another_one_is_on_its_way_is_told_from_it) {
  const auto end = pool_->submit([] { return total_with_notes("pear"); }).get();
  expect_two_deep(end.error().why);
}

TEST_F(thrown, after_others_that_were_caught_is_told_from_them) {
  const auto end = pool_
                       ->submit([] {
                         for (int i = 0; i < 20; ++i) {
                           try {
                             write_note();
                           } catch (const std::runtime_error&) {
                           }
                         }
                         return total_of("pear");
                       })
                       .get();
  expect_two_deep(end.error().why);
}

TEST_F(thrown, by_the_library_has_calls_too) {
  const auto end = pool_->submit([] { return std::string{}.at(static_cast<std::size_t>(total_of("apple"))); }).get();
  ASSERT_GE(end.error().why.frames.size(), 2U);
}

TEST_F(thrown, and_never_by_a_throw_has_no_calls) {
  // By its address it is told from all that this thread has thrown.
  static const auto made = std::make_exception_ptr(std::runtime_error("made, not thrown"));
  const auto end = pool_->submit([] { std::rethrow_exception(made); }).get();
  EXPECT_EQ(end.error().why.message, "made, not thrown");
  EXPECT_TRUE(end.error().why.frames.empty());
}

TEST(thrown_by_hand, has_calls_on_the_thread_that_caught_it_and_none_elsewhere) {
  std::exception_ptr problem;
  cause there;
  std::thread([&] {
    try {
      static_cast<void>(total_of("pear"));
    } catch (const std::exception&) {
      problem = std::current_exception();
      there = cause_of(problem);
    }
  }).join();
  expect_two_deep(there);
  EXPECT_TRUE(cause_of(problem).frames.empty());
}

TEST(thrown_by_hand, on_many_threads_at_a_time_is_each_threads_own) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&right] {
      for (int i = 0; i < 200; ++i) {
        try {
          static_cast<void>(total_of("pear"));
        } catch (const std::exception&) {
          const auto why = cause_of(std::current_exception());
          if (why.frames.size() > 1 && why.frames[0].find("price_of") != std::string::npos) ++right;
        }
      }
    });
  }
  for (auto& one : threads) one.join();
  EXPECT_EQ(right, 800);
}

}  // namespace
