#include "control/http_text.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace steward::control_api {
namespace {

TEST(http_text, decodes_what_it_has_encoded) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decoded(percent_encoded(all)), all);
  EXPECT_EQ(percent_encoded("/root/a b"), "/root/a%20b");
}

TEST(http_text, refuses_what_is_not_encoded_as_it_should_be) {
  for (const char* text : {"%", "%1", "a%zz", "%%%", "%g0"}) EXPECT_EQ(percent_decoded(text), std::nullopt) << text;
}

TEST(http_text, reads_whole_numbers_and_nothing_else) {
  EXPECT_EQ(whole_number("0"), 0U);
  EXPECT_EQ(whole_number("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "-1", "+1", "1 ", " 1", "1.0", "0x1", "18446744073709551616"})
    EXPECT_EQ(whole_number(text), std::nullopt) << text;
}

TEST(http_text, matches_patterns) {
  EXPECT_TRUE(matches_glob("/root/*", "/root/a/b"));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("*/w?", "/root/squares/w2"));
  EXPECT_TRUE(matches_glob("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matches_glob("/root", "/root/a"));
  EXPECT_FALSE(matches_glob("a*b*c", "a-b-b"));
  EXPECT_FALSE(matches_glob("?", ""));
}

TEST(http_text, takes_no_long_for_a_pattern_that_fits_badly) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(10'000, 'a')));
}

TEST(http_text, finds_a_cookie_among_others) {
  EXPECT_EQ(cookie_of("a=1; steward_80=xyz;b=2", "steward_80"), "xyz");
  EXPECT_EQ(cookie_of("steward_8080=1", "steward_80"), std::nullopt);
  EXPECT_EQ(cookie_of("=;;; =", "a"), std::nullopt);
}

TEST(http_text, finds_a_type_in_a_list) {
  EXPECT_TRUE(accepts("text/event-stream", "text/event-stream"));
  EXPECT_TRUE(accepts("text/html, text/event-stream;q=0.9", "text/event-stream"));
  EXPECT_FALSE(accepts("*/*", "text/event-stream"));
}

TEST(http_text, is_not_disturbed_by_any_bytes) {
  std::mt19937 random{1};
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 40, '\0');
    for (auto& c : text) c = "%a0*?=;, \xff\0"[random() % 12];
    percent_decoded(text);
    whole_number(text);
    cookie_of(text, "a");
    accepts(text, "a");
    matches_glob(text, text);
  }
}

}  // namespace
}  // namespace steward::control_api
