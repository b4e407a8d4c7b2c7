// How items are taken, taken back and harvested, by real threads at the same time.
#include "steward/detail/item_protocol.hpp"

#include "pool/barriers.hpp"
#include "tests/support/sanitized.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace steward::test {
namespace {

using detail::chunk_marks;
using detail::staged_size;

struct shared_marks {
  std::atomic<std::uint64_t> item{0}, cut{0}, kept_from{0}, kept{0}, current{0};
};

chunk_marks marks_of(shared_marks& s, std::uint64_t chunk, bool fenced) {
  return {chunk, &s.item, &s.cut, nullptr, &s.kept, fenced};
}

TEST(item_protocol, packs_a_count_and_its_bytes_into_one_word) {
  for (const staged_size one : {staged_size{0, 0}, {1, 0}, {16'384, 256 * 1024}, {(1U << 24) - 1, (1ULL << 40) - 1}}) {
    const auto back = staged_size::unpack(one.packed());
    EXPECT_EQ(back.count, one.count);
    EXPECT_EQ(back.bytes, one.bytes);
  }
}

TEST(item_protocol, takes_no_item_of_a_chunk_that_was_cut_and_those_of_others) {
  shared_marks s;
  const auto marks = marks_of(s, 7, false);
  EXPECT_TRUE(marks.take(0));
  detail::cut_items(s.cut, 8, [] { return true; });
  EXPECT_TRUE(marks.take(1));
  detail::cut_items(s.cut, 7, [] { return true; });
  EXPECT_FALSE(marks.take(2));
  EXPECT_EQ(detail::item_taken(s.item), 2U);
}

TEST(item_protocol, says_that_nobody_knows_what_was_taken_where_there_is_no_barrier) {
  shared_marks s;
  EXPECT_FALSE(detail::cut_items(s.cut, 7, [] { return false; }));
  EXPECT_FALSE(marks_of(s, 7, false).take(0)) << "the cut stands all the same";
}

/// One round: a thread takes items until it sees the cut. Returns by how much it went beyond the item that was read.
std::uint64_t items_beyond_the_cut(bool fenced, std::uint64_t chunk, unsigned wait) {
  shared_marks s;
  std::atomic<bool> goes{false};
  std::uint64_t ran = 0;  // items
  std::thread runner([&] {
    const auto marks = marks_of(s, chunk, fenced);
    goes = true;
    for (std::uint64_t i = 0; marks.take(i); ++i) ran = i + 1;
  });
  while (!goes) std::this_thread::yield();
  for (std::atomic<unsigned> i{0}; i < wait;) ++i;
  const bool known = detail::cut_items(s.cut, chunk, [fenced] { return fenced || pooling::fence_threads(); });
  const auto last = detail::item_taken(s.item);
  runner.join();
  return known && ran > last + 1 ? ran - last - 1 : 0;
}

TEST(item_protocol, runs_no_item_beyond_the_one_that_is_read_after_a_cut) {
  for (unsigned round = 0; round < 300; ++round) {
    EXPECT_EQ(items_beyond_the_cut(true, round + 1, 37 * (round % 50)), 0U);
    if (pooling::can_fence_threads()) {
      EXPECT_EQ(items_beyond_the_cut(false, round + 1, 37 * (round % 50)), 0U);
    }
  }
}

TEST(item_protocol, harvests_what_is_staged_and_only_while_it_is_in_hand) {
  shared_marks s;
  const std::array<std::byte, 4> stage{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  detail::forget_staged(s.kept_from, s.kept, 5);
  marks_of(s, 1, false).keep({3, 3});
  const auto found = detail::harvest_staged(s.kept_from, s.kept, stage, [] { return true; });
  EXPECT_EQ(found.from, 5U);
  EXPECT_EQ(found.count, 3U);
  EXPECT_EQ(found.results, (std::vector<std::byte>{std::byte{1}, std::byte{2}, std::byte{3}}));
  EXPECT_EQ(detail::harvest_staged(s.kept_from, s.kept, stage, [] { return false; }).count, 0U);
  int asked = 0;
  EXPECT_EQ(detail::harvest_staged(s.kept_from, s.kept, stage, [&] { return ++asked == 1; }).count, 0U);
}

TEST(item_protocol, believes_no_size_beyond_the_stage) {
  shared_marks s;
  const std::array<std::byte, 4> stage{};
  marks_of(s, 1, false).keep({1, 5});
  const auto found = detail::harvest_staged(s.kept_from, s.kept, stage, [] { return true; });
  EXPECT_EQ(found.count, 0U);
  EXPECT_TRUE(found.results.empty());
}

TEST(item_protocol, harvests_nothing_that_is_written_over_meanwhile) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "the copy may race, and is thrown away then: it is the point of the test";
  shared_marks s;
  std::array<std::byte, 256> stage{};
  std::atomic<bool> over{false};
  std::thread runner([&] {
    const auto marks = marks_of(s, 1, false);
    // Each result is the number of its item, in a byte; sixteen are staged before they are answered.
    for (std::uint64_t item = 0; !over;) {
      for (std::uint64_t i = 0; i < 16; ++i, ++item) {
        std::memset(stage.data() + 16 * i, static_cast<int>(item & 0xFF), 16);
        marks.keep({i + 1, 16 * (i + 1)});
      }
      detail::forget_staged(s.kept_from, s.kept, item);
    }
  });
  std::uint64_t found_any = 0;
  for (unsigned look = 0; look < 2'000'000 && found_any < 20'000; ++look) {
    const auto found = detail::harvest_staged(s.kept_from, s.kept, stage, [] { return true; });
    if (found.count == 0) continue;
    ++found_any;
    for (std::uint64_t i = 0; i < found.count; ++i) {
      const auto wanted = static_cast<std::byte>((found.from + i) & 0xFF);
      for (std::size_t at = 0; at < 16; ++at) ASSERT_EQ(found.results[16 * i + at], wanted);
    }
  }
  over = true;
  runner.join();
  EXPECT_GT(found_any, 0U);
}

}  // namespace
}  // namespace steward::test
