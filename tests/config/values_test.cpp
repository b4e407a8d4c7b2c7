#include "config/values.hpp"

#include <gtest/gtest.h>

namespace steward::config {
namespace {

using std::chrono::milliseconds;

template <class T>
std::string fault_of(const parsed<T>& value) {
  const auto* fault = std::get_if<value_fault>(&value);
  return fault == nullptr ? "no fault" : fault->message;
}

template <class T>
std::string suggestion_of(const parsed<T>& value) {
  const auto* fault = std::get_if<value_fault>(&value);
  return fault == nullptr ? "no fault" : fault->more.suggestion.value_or("none");
}

TEST(values, reads_integers_up_to_64_bits) {
  EXPECT_EQ(std::get<std::int64_t>(parse_integer("0")), 0);
  EXPECT_EQ(std::get<std::int64_t>(parse_integer("-42")), -42);
  EXPECT_EQ(std::get<std::int64_t>(parse_integer("9223372036854775807")), INT64_MAX);
  EXPECT_EQ(std::get<std::int64_t>(parse_integer("-9223372036854775808")), INT64_MIN);
  EXPECT_EQ(fault_of(parse_integer("9223372036854775808")), "'9223372036854775808' does not fit 64 bits");
}

TEST(values, refuses_integers_in_other_notations) {
  for (const auto* text : {"", "-", "010", "-010", "0x10", "1e3", "+5", "1_000", "1.0", " 1", "1 ", "-0", "two", "٣"}) {
    EXPECT_EQ(fault_of(parse_integer(text)), "'" + std::string{text} + "' is not an integer");
  }
}

TEST(values, suggests_the_plain_notation_of_an_integer) {
  EXPECT_EQ(suggestion_of(parse_integer("010")), "10");
  EXPECT_EQ(suggestion_of(parse_integer("+5")), "5");
  EXPECT_EQ(suggestion_of(parse_integer("1_000")), "1000");
  EXPECT_EQ(suggestion_of(parse_integer("000")), "0");
  EXPECT_EQ(suggestion_of(parse_integer("-007")), "-7");
  EXPECT_EQ(suggestion_of(parse_integer("0x10")), "16");
}

TEST(values, reads_numbers_with_a_fraction) {
  EXPECT_EQ(std::get<double>(parse_real("2")), 2.0);
  EXPECT_EQ(std::get<double>(parse_real("-0.25")), -0.25);
  EXPECT_EQ(std::get<double>(parse_real(".5")), 0.5);
  EXPECT_EQ(std::get<double>(parse_real("-.25")), -0.25);
  EXPECT_EQ(std::get<double>(parse_real("5e-1")), 0.5);
  EXPECT_EQ(std::get<double>(parse_real("1e3")), 1000.0);
}

TEST(values, refuses_numbers_that_are_not_finite_or_not_decimal) {
  for (const auto* text :
       {"", "nan", ".nan", "inf", "-inf", ".inf", "1e999", ".", "-.", "5.", "+1", "0x1p3", "01.5", "1,5"}) {
    EXPECT_EQ(fault_of(parse_real(text)), "'" + std::string{text} + "' is not a number");
  }
}

TEST(values, reads_true_and_false_and_nothing_else) {
  EXPECT_TRUE(std::get<bool>(parse_boolean("true")));
  EXPECT_FALSE(std::get<bool>(parse_boolean("false")));
  EXPECT_EQ(suggestion_of(parse_boolean("yes")), "true");
  EXPECT_EQ(suggestion_of(parse_boolean("Off")), "false");
  EXPECT_EQ(suggestion_of(parse_boolean("True")), "true");
  EXPECT_EQ(suggestion_of(parse_boolean("ture")), "true");
  EXPECT_EQ(suggestion_of(parse_boolean("maybe")), "none");
}

TEST(values, reads_durations_to_the_millisecond) {
  EXPECT_EQ(std::get<milliseconds>(parse_duration("200ms")), milliseconds{200});
  EXPECT_EQ(std::get<milliseconds>(parse_duration("5s")), milliseconds{5'000});
  EXPECT_EQ(std::get<milliseconds>(parse_duration("2m")), milliseconds{120'000});
  EXPECT_EQ(std::get<milliseconds>(parse_duration("1h")), milliseconds{3'600'000});
  EXPECT_EQ(std::get<milliseconds>(parse_duration("0s")), milliseconds{0});
}

TEST(values, asks_for_the_unit_of_a_bare_number) {
  EXPECT_EQ(fault_of(parse_duration("5")), "a duration needs a unit: say 5s");
  EXPECT_EQ(fault_of(parse_size("64")), "a size needs a unit: say 64MiB");
}

TEST(values, refuses_durations_in_other_notations) {
  for (const auto* text : {"", "s", "-5s", "1.5s", "5 s", "5sec", "5S", "5d", "+5s"}) {
    EXPECT_EQ(fault_of(parse_duration(text)), "'" + std::string{text} + "' is not a duration");
  }
  EXPECT_EQ(fault_of(parse_duration("05s")), "'05' is not an integer");
  EXPECT_EQ(suggestion_of(parse_duration("5sm")), "5ms");
}

TEST(values, refuses_durations_and_sizes_that_overflow) {
  EXPECT_EQ(fault_of(parse_duration("9223372036854775807h")), "'9223372036854775807h' is too large");
  EXPECT_EQ(fault_of(parse_duration("99999999999999999999s")), "'99999999999999999999' does not fit 64 bits");
  EXPECT_EQ(fault_of(parse_size("9223372036854775807GiB")), "'9223372036854775807GiB' is too large");
}

TEST(values, reads_sizes_in_bytes) {
  EXPECT_EQ(std::get<std::int64_t>(parse_size("0B")), 0);
  EXPECT_EQ(std::get<std::int64_t>(parse_size("3KiB")), 3'072);
  EXPECT_EQ(std::get<std::int64_t>(parse_size("64MiB")), 67'108'864);
  EXPECT_EQ(std::get<std::int64_t>(parse_size("1GiB")), 1'073'741'824);
  EXPECT_EQ(suggestion_of(parse_size("64MB")), "64MiB");
}

TEST(values, knows_what_may_name_a_child) {
  for (const auto* name : {"a", "_x", "0", "w2.b-c_D", "9lives"}) {
    EXPECT_TRUE(is_valid_name(name)) << name;
  }
  for (const auto* name : {"", ".a", "-a", "a b", "a/b", "é", "a\n"}) {
    EXPECT_FALSE(is_valid_name(name)) << name;
  }
  EXPECT_TRUE(is_valid_name(std::string(64, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace steward::config
