#include "cli/views/paper.hpp"
#include "tests/views/history.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>
#include <string>

namespace {

using namespace steward;
using namespace steward::cli;

const paper wide{0, false, true};

std::size_t widest(const std::string& text) {
  std::size_t out = 0;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) out = std::max(out, columns_of(line));
  return out;
}

table sample_table() {
  table out{{{"PATH", false, true}, {"N", true}, {"WHY", false, true}}};
  out.add({{"/root/a"}, {"7"}, {"a reason"}});
  out.add({{"/root/with/a/long/path/of/it"}, {"123"}, {""}});
  return out;
}

}  // namespace

TEST(paper, counts_the_columns_of_wide_combining_and_box_characters) {
  EXPECT_EQ(columns_of("abc"), 3U);
  EXPECT_EQ(columns_of("├─ "), 3U);
  EXPECT_EQ(columns_of("日本"), 4U);
  EXPECT_EQ(columns_of("e\xCC\x81"), 1U);
  EXPECT_EQ(columns_of("\xFF\xE2"), 2U) << "bytes that are no UTF-8 take a column each";
}

TEST(paper, a_text_that_is_too_long_ends_with_an_ellipsis_within_the_width) {
  EXPECT_EQ(fitted("abcdef", 6, wide), "abcdef");
  EXPECT_EQ(fitted("abcdef", 4, wide), "abc…");
  EXPECT_EQ(fitted("abcdef", 4, {0, false, false}), "abc~");
  EXPECT_EQ(fitted("日本語", 4, wide), "日…");
  EXPECT_EQ(fitted("abc", 0, wide), "");
  EXPECT_EQ(fitted_end("abcdef", 6, wide), "abcdef");
  EXPECT_EQ(fitted_end("abcdef", 4, wide), "…def");
  EXPECT_EQ(fitted_end("日本語", 4, wide), "…語");
  EXPECT_EQ(fitted_end("abc", 0, wide), "");
}

TEST(paper, a_long_text_is_wrapped_between_words_and_nothing_of_it_is_lost) {
  using lines = std::vector<std::string>;
  EXPECT_EQ(wrapped("SIGSEGV at 0x10 in f", 10), (lines{"SIGSEGV at", "0x10 in f"}));
  EXPECT_EQ(wrapped("abcdefgh", 3), (lines{"abc", "def", "gh"}));
  EXPECT_EQ(wrapped("日本語", 4), (lines{"日本", "語"}));
  EXPECT_EQ(wrapped("日本", 1), (lines{"日", "本"})) << "a character has to have its room";
  EXPECT_EQ(wrapped("", 4), (lines{""}));
}

TEST(paper, columns_stand_in_line_and_numbers_to_the_right) {
  EXPECT_EQ(sample_table().text(wide),
            "PATH                            N  WHY\n"
            "/root/a                         7  a reason\n"
            "/root/with/a/long/path/of/it  123\n");
}

TEST(paper, a_narrow_paper_shrinks_what_may_shrink_first) {
  EXPECT_EQ(sample_table().text({30, false, true}),
            "PATH               N  WHY\n"
            "/root/a            7  a reason\n"
            "/root/with/a/l…  123\n");
}

TEST(paper, no_line_is_wider_than_the_paper_whatever_stands_in_it) {
  std::mt19937 random{1};
  for (int round = 0; round < 300; ++round) {
    table cells{{{"A", false, true}, {"B", true}, {"C", false, true}, {"D"}}};
    for (int row = 0; row < 4; ++row) {
      std::vector<cell> one;
      for (int i = 0; i < 4; ++i) one.push_back({std::string(random() % 40, i % 2 == 0 ? 'x' : '1'), ink::bad});
      cells.add(std::move(one));
    }
    for (const std::size_t columns : {1U, 5U, 20U, 40U, 80U})
      EXPECT_LE(widest(cells.text({columns, false, true})), columns);
  }
}

TEST(paper, inks_are_escapes_only_where_there_are_colours) {
  EXPECT_EQ(inked("x", ink::bad, {0, true, true}), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(inked("x", ink::bad, wide), "x");
  EXPECT_EQ(inked("x", ink::plain, {0, true, true}), "x");
}

TEST(paper, the_locale_is_that_of_the_first_variable_that_is_set) {
  const test::variable language{"LANG", "en_US.UTF-8"};
  const test::variable kind{"LC_CTYPE", ""};
  {
    const test::variable all{"LC_ALL", ""};
    EXPECT_TRUE(locale_is_utf8());
  }
  const test::variable all{"LC_ALL", "C"};
  EXPECT_FALSE(locale_is_utf8());
}

TEST(paper, columns_that_may_go_do_so_where_they_are_empty) {
  table cells{{{"A"}, {"B", false, false, true}, {"C", false, false, true}}};
  cells.add({{"1"}, {""}, {"3"}});
  EXPECT_EQ(cells.without_empty_columns().text(wide), "A  C\n1  3\n");
}
