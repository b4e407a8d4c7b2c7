#include "command/lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace steward::command {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using told_lines = std::vector<std::pair<std::string, std::uint64_t>>;

told_lines lines_of(const std::vector<std::string>& pieces, std::size_t most) {
  line_source x{most};
  told_lines out;
  const auto tell = [&](std::string_view line, std::uint64_t cut) { out.emplace_back(line, cut); };
  for (const auto& one : pieces) x.add(one, tell);
  x.end(tell);
  return out;
}

told_lines whole(const std::vector<std::string>& all) {
  told_lines out;
  for (const auto& one : all) out.emplace_back(one, 0);
  return out;
}

TEST(line_source, cuts_pieces_of_any_size_to_lines) {
  EXPECT_EQ(lines_of({"one\ntwo\nthr", "ee\n"}, 100), whole({"one", "two", "three"}));
  EXPECT_EQ(lines_of({"no end"}, 100), whole({"no end"}));
  EXPECT_EQ(lines_of({"a\n\n\nb\r\n", "c\r", "\n"}, 100), whole({"a", "b", "c"})) << "empty lines are left out";
}

TEST(line_source, keeps_bytes_of_any_kind) {
  const std::string odd{"\0\xff\x1b[31m\x80", 8};
  EXPECT_EQ(lines_of({odd + "\n"}, 100), whole({odd}));
}

TEST(line_source, cuts_long_lines_and_counts_what_is_left_out) {
  EXPECT_EQ(lines_of({"0123456789\nab\n"}, 4), (told_lines{{"0123", 6}, {"ab", 0}}));
  EXPECT_EQ(lines_of({"0123", "4567", "89\nab"}, 4), (told_lines{{"0123", 6}, {"ab", 0}}));
  EXPECT_EQ(lines_of({"0123\n"}, 4), whole({"0123"}));
}

TEST(line_source, tells_the_same_however_it_is_cut_to_pieces) {
  std::mt19937 random{7};
  std::string text;
  for (int i = 0; i < 5'000; ++i) text += "ab\n\r\x01"[random() % 5];
  const auto at_once = lines_of({text}, 16);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = 1 + random() % 40;
      pieces.push_back(text.substr(at, size));
      at += size;
    }
    EXPECT_EQ(lines_of(pieces, 16), at_once);
  }
}

class meter : public testing::Test {
protected:
  static time_point at(milliseconds x) { return time_point{} + 1h + x; }
};

TEST_F(meter, lets_so_many_pass_in_a_second_and_counts_the_rest) {
  line_meter x{2};
  EXPECT_TRUE(x.take(at(0ms)));
  EXPECT_TRUE(x.take(at(10ms)));
  EXPECT_EQ(x.next_due(), std::nullopt);
  EXPECT_FALSE(x.take(at(20ms)));
  EXPECT_FALSE(x.take(at(30ms)));
  EXPECT_EQ(x.next_due(), at(1s));
  EXPECT_EQ(x.left_out(at(999ms)), 0U);
  EXPECT_EQ(x.left_out(at(1s)), 2U);
  EXPECT_EQ(x.left_out(at(1s)), 0U) << "told once";
  EXPECT_TRUE(x.take(at(1s)));
}

TEST_F(meter, tells_the_rest_at_the_end) {
  line_meter x{1};
  EXPECT_TRUE(x.take(at(0ms)));
  EXPECT_FALSE(x.take(at(0ms)));
  EXPECT_EQ(x.left_out(at(1ms), true), 1U);
}

TEST_F(meter, loses_no_line_from_its_counts) {
  line_meter x{10};
  std::uint64_t told = 0;
  std::uint64_t left = 0;
  std::mt19937 random{3};
  milliseconds now{0};
  constexpr std::uint64_t all = 20'000;
  for (std::uint64_t i = 0; i < all; ++i) {
    now += milliseconds{random() % 10};
    left += x.left_out(at(now));
    told += x.take(at(now)) ? 1U : 0U;
  }
  left += x.left_out(at(now), true);
  EXPECT_EQ(told + left, all);
  EXPECT_LE(told, static_cast<std::uint64_t>(now / 1s + 1) * 10);
}

TEST_F(meter, without_lines_tells_none_and_misses_none) {
  line_meter x{0};
  EXPECT_FALSE(x.take(at(0ms)));
  EXPECT_EQ(x.left_out(at(2s), true), 0U);
}

TEST(line_tail, keeps_the_last_lines) {
  line_tail x;
  for (int i = 0; i < 15; ++i) x.add(std::to_string(i) + std::string(1'000, 'x'));
  const auto all = x.lines();
  ASSERT_EQ(all.size(), line_tail::max_lines);
  EXPECT_EQ(all.front().size(), line_tail::max_line_bytes);
  EXPECT_TRUE(all.back().starts_with("14x"));
}

}  // namespace
}  // namespace steward::command
