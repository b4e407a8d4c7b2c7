#include "base/text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace steward;

TEST(text, keeps_what_is_safe_to_show) {
  EXPECT_EQ(escape_text("plain ~ text, C:\\path"), "plain ~ text, C:\\path");
  EXPECT_EQ(escape_text("Größe 数 🦀"), "Größe 数 🦀");
  EXPECT_EQ(escape_text(""), "");
}

TEST(text, escapes_what_a_terminal_would_act_on) {
  EXPECT_EQ(escape_text("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(escape_text("\x1b[2J\x07\x7f"), "\\x1b[2J\\x07\\x7f");
  EXPECT_EQ(escape_text(std::string_view{"\0", 1}), "\\x00");
  EXPECT_EQ(escape_text("\xc2\x9b"
                        "31m"),
            "\\u009b31m");
  EXPECT_EQ(escape_text("\xe2\x80\xae"
                        "exe.txt"),
            "\\u202eexe.txt");
}

TEST(text, escapes_bytes_that_are_not_utf8) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"\xff", "\\xff"},
      {"\x80", "\\x80"},
      {"\xc3", "\\xc3"},
      {"\xc0\x9b", "\\xc0\\x9b"},
      {"\xe0\x82\x9b", "\\xe0\\x82\\x9b"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"\xe2\x82x", "\\xe2\\x82x"},
  };
  for (const auto& [input, escaped] : cases) {
    EXPECT_EQ(escape_text(input), escaped);
  }
}

TEST(text, replaces_each_invalid_byte_when_it_repairs) {
  EXPECT_EQ(repair_utf8("a\xff\x80z"), "a\xef\xbf\xbd\xef\xbf\xbdz");
  EXPECT_EQ(repair_utf8("größe\n"), "größe\n");
}

TEST(text, cuts_only_between_characters) {
  const std::string text =
      "ab\xe2\x82\xac"
      "cd";
  const std::vector<std::size_t> expected{0, 1, 2, 2, 2, 5, 6, 7, 7};
  for (std::size_t limit = 0; limit < expected.size(); ++limit) {
    EXPECT_EQ(utf8_cut(text, limit), expected[limit]) << "limit " << limit;
  }
}

TEST(text, cuts_a_run_of_stray_continuation_bytes_anywhere) { EXPECT_EQ(utf8_cut(std::string(10, '\x80'), 7), 7U); }

TEST(text, shortens_within_the_limit_and_says_so) {
  EXPECT_EQ(shorten("short", 5), "short");
  EXPECT_EQ(shorten("longer", 5), "lo...");
  EXPECT_EQ(shorten("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 8), "\xe2\x82\xac...");
  EXPECT_EQ(shorten("longer", 2), "lo");
  EXPECT_EQ(shorten("longer", 0), "");
}

}  // namespace
