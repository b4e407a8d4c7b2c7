#include "config/advice.hpp"

#include "config/foreign_words.hpp"
#include "config/suggest.hpp"
#include "test_catalog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace steward::config {
namespace {

using table = std::map<std::string, std::string>;

// What a table of texts is advised, in place of what is expected of them.
template <class Advise>
table advised(const table& expected, const Advise& advise) {
  table result;
  for (const auto& [text, ignored] : expected) {
    result[text] = advise(text).value_or("none");
  }
  return result;
}

TEST(advice, on_a_duration_is_the_same_time_in_our_notation) {
  const table expected{
      {"5 s", "5s"},       {"5S", "5s"},          {"5sec", "5s"},       {"5 secs", "5s"},
      {"5 Seconds", "5s"}, {"200 MS", "200ms"},   {"200msec", "200ms"}, {"1min", "1m"},
      {"2 hours", "2h"},   {"1d", "24h"},         {"1h30m", "90m"},     {"1 m 30 s", "90s"},
      {"0.5s", "500ms"},   {".5s", "500ms"},      {"1.5h", "90m"},      {"0,5s", "500ms"},
      {"1,5 s", "1500ms"}, {"1,000ms", "1s"},     {"1_000ms", "1s"},    {"1e3ms", "1s"},
      {"+5s", "5s"},       {"05s", "5s"},         {"0x10s", "16s"},     {"00:05", "5s"},
      {"1:30:00", "90m"},  {"500us", "none"},     {"2000us", "2ms"},    {"5sm", "5ms"},
      {"5", "5s"},         {"500", "500ms"},      {"0", "0s"},          {"-5s", "none"},
      {"-5", "none"},      {"soon", "none"},      {"", "none"},         {"s", "none"},
      {"5s5", "none"},     {"5 apples", "none"},  {"1e400s", "none"},   {"99999999999999999999h", "none"},
      {"nan s", "none"},   {"5s 200ms", "5200ms"}};
  EXPECT_EQ(advised(expected, [](const auto& x) { return advise_duration(x); }), expected);
}

TEST(advice, on_a_size_is_the_same_size_in_our_notation) {
  const table expected{{"536870912", "512MiB"},
                       {"0.5GiB", "512MiB"},
                       {"1.5 GiB", "1536MiB"},
                       {"512MB", "512MiB"},
                       {"512 MB", "512MiB"},
                       {"512mb", "512MiB"},
                       {"512M", "512MiB"},
                       {"512m", "512MiB"},
                       {"512Mi", "512MiB"},
                       {"1Gi", "1GiB"},
                       {"1g", "1GiB"},
                       {"1GB", "1GiB"},
                       {"1TB", "1024GiB"},
                       {"1,024 KB", "1MiB"},
                       {"64", "64MiB"},
                       {"500000000", "500000000B"},
                       {"0", "0B"},
                       {"0.3GiB", "307MiB"},
                       {"5e8 bytes", "500000000B"},
                       {"512MIB", "512MiB"},
                       {"64 megabytes", "64MiB"},
                       {"64MiV", "64MiB"},
                       {"-64MiB", "none"},
                       {"much", "none"},
                       {"64 apples", "none"},
                       {"1e30GiB", "none"}};
  EXPECT_EQ(advised(expected, [](const auto& x) { return advise_size(x); }), expected);
}

TEST(advice, on_a_number_is_the_same_number_in_our_notation) {
  const table integers{{"1,000", "1000"},
                       {"1_000", "1000"},
                       {"1 000", "1000"},
                       {"1'000", "1000"},
                       {"1e3", "1000"},
                       {"1k", "1000"},
                       {"2M", "2000000"},
                       {"0x10", "16"},
                       {"0b101", "5"},
                       {"0o17", "15"},
                       {"010", "10"},
                       {"+5", "5"},
                       {"5.0", "5"},
                       {"-0", "0"},
                       {"2.5", "none"},
                       {"1,5", "none"},
                       {"four", "none"},
                       {"", "none"},
                       {"-", "none"},
                       {"5 apples", "none"},
                       {"1,000,000", "1000000"},
                       {"1,00", "1"},
                       {"9223372036854775808", "none"}};
  EXPECT_EQ(advised(integers, [](const auto& x) { return advise_integer(x); }), integers);
  const table reals{{"0,5", "0.5"}, {"+0.5", "0.5"}, {"50%", "0.5"},   {"5.", "5"},      {"01.5", "1.5"},
                    {"2x", "2"},    {"0.5f", "0.5"}, {"half", "none"}, {".nan", "none"}, {"inf", "none"}};
  EXPECT_EQ(advised(reals, [](const auto& x) { return advise_real(x); }), reals);
}

TEST(advice, is_only_what_fits) {
  const auto up_to_ten_seconds = [](std::int64_t x) { return x >= 1 && x <= 10'000; };
  EXPECT_EQ(advise_duration("5000", up_to_ten_seconds), "5000ms");
  EXPECT_EQ(advise_duration("50", up_to_ten_seconds), "50ms");
  EXPECT_EQ(advise_duration("2 days", up_to_ten_seconds), std::nullopt);
  EXPECT_EQ(advise_duration("0", up_to_ten_seconds), std::nullopt);
  EXPECT_EQ(advise_size("4", [](std::int64_t x) { return x >= 16 << 20; }), "4GiB");
  EXPECT_EQ(advise_integer("1e3", [](std::int64_t x) { return x < 100; }), std::nullopt);
}

TEST(advice, knows_the_words_for_no_limit) {
  for (const auto* word : {"none", "None", "unlimited", "never", "no-limit", "Infinity", "-1"}) {
    EXPECT_TRUE(means_none(word)) << word;
  }
  for (const auto* word : {"", "1", "some", "-2", "0"}) {
    EXPECT_FALSE(means_none(word)) << word;
  }
}

TEST(advice, does_not_mind_how_words_are_joined) {
  const std::vector<std::string> strategies{"one_for_one", "one_for_all", "rest_for_one"};
  for (const auto* word : {"OneForAll", "one-for-all", "ONE_FOR_ALL", "one for all", "oneForAll", "oneforall"}) {
    EXPECT_EQ(did_you_mean(word, strategies), "one_for_all") << word;
  }
  EXPECT_EQ(did_you_mean("A_B", std::vector<std::string>{"ab", "a_b"}), "a_b");
}

TEST(advice, translates_only_into_words_that_there_are) {
  for (const auto& one : foreign_keys()) {
    EXPECT_NE(find_field(one.of, one.ours), nullptr) << one.of << " " << one.ours;
  }
  for (const auto& one : foreign_values()) {
    const auto dot = one.of.find('.');
    const auto* of = find_field(one.of.substr(0, dot), one.of.substr(dot + 1));
    ASSERT_NE(of, nullptr) << one.of;
    const auto& words = of->allowed.empty() ? of->words : of->allowed;
    EXPECT_TRUE(one.ours.empty() || std::ranges::find(words, one.ours) != words.end()) << one.of << " " << one.ours;
  }
}

TEST(advice, does_not_translate_what_is_our_own_word) {
  for (const auto& one : schema()) {
    EXPECT_EQ(meant_key(one.section, one.key).value_or(std::string{one.key}), one.key) << one.section;
    for (const auto& word : one.allowed) {
      EXPECT_EQ(meant_word(one, word).value_or(word), word) << one.section << "." << one.key;
    }
  }
}

TEST(advice, translates_the_words_of_other_tools) {
  const auto& restart = *find_field("child", "restart");
  const table expected{{"always", "permanent"},     {"Always", "permanent"},    {"unless-stopped", "permanent"},
                       {"on-failure", "transient"}, {"OnFailure", "transient"}, {"on_failure", "transient"},
                       {"unexpected", "transient"}, {"never", "temporary"},     {"no", "temporary"},
                       {"true", "permanent"},       {"false", "temporary"},     {"sometimes", "none"}};
  EXPECT_EQ(advised(expected, [&](const auto& x) { return meant_word(restart, x); }), expected);
  EXPECT_EQ(meant_key("pool", "max-tasks-per-child"), "recycle_after");
  EXPECT_EQ(meant_key("pool", "memLimit"), "memory_limit");
  EXPECT_EQ(meant_key("pool", "frobnicate"), std::nullopt);
}

}  // namespace
}  // namespace steward::config
