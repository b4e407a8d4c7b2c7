// The page by which an actor in a process tells what became of its messages.
#include "process/work_page.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace steward::process {
namespace {

struct shared {
  shared() : bytes(sizeof(work_page)), page(work_page::in(bytes)) {}
  alignas(work_page) std::vector<std::byte> bytes;
  work_page* page;
};

TEST(work_page, tells_each_fate_once_and_in_order) {
  shared s;
  const auto marks = std::make_unique<work_marks>(*s.page);
  work_news news{*s.page};
  EXPECT_FALSE(news.next());
  for (std::uint32_t i = 0; i < 3; ++i) {
    marks->begin(i);
    EXPECT_EQ(s.page->turn.load() % 2, 1U);
    EXPECT_EQ(s.page->state_of(i), work_state::begun);
    marks->end(i == 1 ? work_state::failed : work_state::handled);
    EXPECT_EQ(s.page->turn.load() % 2, 0U);
  }
  EXPECT_EQ(marks->untold(), 3U);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto one = news.next();
    ASSERT_TRUE(one);
    EXPECT_EQ(one->slot, i);
    EXPECT_EQ(one->how, i == 1 ? work_state::failed : work_state::handled);
  }
  EXPECT_FALSE(news.next());
}

TEST(work_page, tells_of_a_skipped_message_once_until_it_is_settled) {
  shared s;
  const auto marks = std::make_unique<work_marks>(*s.page);
  work_news news{*s.page};
  for (int i = 0; i < 5; ++i) {
    marks->begin(9);
    marks->end(work_state::skipped);
  }
  EXPECT_EQ(news.next()->how, work_state::skipped);
  EXPECT_FALSE(news.next());
  marks->begin(9);
  marks->end(work_state::handled);
  EXPECT_EQ(news.next()->how, work_state::handled);
  marks->begin(9);  // the slot has another message
  marks->end(work_state::skipped);
  EXPECT_EQ(news.next()->how, work_state::skipped);
}

TEST(work_page, counts_handlers_of_messages_without_a_slot) {
  shared s;
  const auto marks = std::make_unique<work_marks>(*s.page);
  marks->begin(work_marks::no_slot);
  EXPECT_EQ(s.page->turn.load(), 1U);
  marks->end(work_state::handled);
  EXPECT_EQ(s.page->turn.load(), 2U);
  EXPECT_EQ(s.page->told.load(), 0U);
}

TEST(work_page, goes_around_its_ring) {
  shared s;
  const auto marks = std::make_unique<work_marks>(*s.page);
  work_news news{*s.page};
  for (std::uint32_t i = 0; i < 3 * work_page::ring_size; ++i) {
    marks->begin(i % work_page::slots);
    marks->end(work_state::handled);
    const auto one = news.next();
    ASSERT_TRUE(one);
    ASSERT_EQ(one->slot, i % work_page::slots);
  }
  EXPECT_FALSE(news.broken());
}

TEST(work_page, is_read_while_it_is_written) {
  shared s;
  constexpr std::uint32_t many = 200'000;
  std::atomic<std::uint32_t> read{0};
  std::thread writer{[&] {
    const auto marks = std::make_unique<work_marks>(*s.page);
    for (std::uint32_t i = 0; i < many; ++i) {
      while (i - read.load() >= work_page::slots / 2) std::this_thread::yield();
      marks->begin(i % work_page::slots);
      marks->end(i % 3 == 0 ? work_state::failed : work_state::handled);
    }
  }};
  work_news news{*s.page};
  for (std::uint32_t i = 0; i < many;) {
    const auto one = news.next();
    if (!one) continue;
    EXPECT_EQ(one->slot, i % work_page::slots);
    EXPECT_EQ(one->how, i % 3 == 0 ? work_state::failed : work_state::handled);
    EXPECT_NE(s.page->state_of(one->slot), work_state::begun);
    read.store(++i);
  }
  writer.join();
  EXPECT_FALSE(news.broken());
  EXPECT_EQ(s.page->turn.load(), 2U * many);
}

TEST(work_page, believes_nothing_that_cannot_be) {
  for (const std::uint32_t bad : {work_page::slots | 2U << 24U, 5U, 5U | 1U << 24U, 5U | 7U << 24U, ~0U}) {
    shared s;
    work_news news{*s.page};
    s.page->ring[0].store(bad);
    s.page->told.store(1);
    EXPECT_FALSE(news.next());
    EXPECT_TRUE(news.broken());
  }
  shared s;
  work_news news{*s.page};
  s.page->told.store(work_page::ring_size + 1);
  EXPECT_FALSE(news.next());
  EXPECT_TRUE(news.broken());
  s.page->state[0].store(200);
  EXPECT_EQ(s.page->state_of(0), work_state::begun);  // the worst is assumed
}

}  // namespace
}  // namespace steward::process
