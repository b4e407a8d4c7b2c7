#include "steward/codec.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <tuple>

namespace {

using namespace steward;

enum class colour : std::uint8_t { red, green };

template <class T>
T there_and_back(const T& value) {
  bytes data;
  codec<T>::encode(data, value);
  return decode_all<T>(data);
}

TEST(codec, brings_every_builtin_type_back) {
  EXPECT_EQ(there_and_back(std::numeric_limits<std::int64_t>::min()), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(there_and_back(std::uint8_t{255}), 255);
  EXPECT_EQ(there_and_back(1.5f), 1.5f);
  EXPECT_EQ(there_and_back(true), true);
  EXPECT_EQ(there_and_back(colour::green), colour::green);
  EXPECT_EQ(there_and_back(std::string("a\0b", 3)), std::string("a\0b", 3));
  EXPECT_EQ(there_and_back(std::vector<std::int32_t>{1, -2, 3}), (std::vector<std::int32_t>{1, -2, 3}));
  EXPECT_EQ(there_and_back(std::vector<bool>{true, false}), (std::vector<bool>{true, false}));
  EXPECT_EQ(there_and_back(std::vector<std::string>{"", "x"}), (std::vector<std::string>{"", "x"}));
  EXPECT_EQ(there_and_back(std::optional<int>{}), std::nullopt);
  EXPECT_EQ(there_and_back(std::optional<int>{4}), 4);
  const std::pair<int, std::string> pair{1, "one"};
  EXPECT_EQ(there_and_back(pair), pair);
  const std::tuple<int, double, std::string> three{1, 2.5, "x"};
  EXPECT_EQ(there_and_back(three), three);
  EXPECT_EQ(there_and_back(std::tuple<>{}), std::tuple<>{});
  EXPECT_EQ(there_and_back(unit{}), unit{});
}

TEST(codec, refuses_every_truncation) {
  using value = std::tuple<std::string, std::vector<std::int32_t>, std::optional<std::int64_t>, bool>;
  bytes whole;
  codec<value>::encode(whole, value{"text", {1, 2}, 3, true});
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW(std::ignore = decode_all<value>(bytes_view(whole).first(size)), decode_error) << size;
}

TEST(codec, refuses_what_is_left_over) {
  bytes data;
  encode_all(data, 1, 2);
  EXPECT_THROW(std::ignore = decode_all<int>(data), decode_error);
}

TEST(codec, refuses_a_size_that_the_data_cannot_hold) {
  bytes data;
  encode_all(data, std::numeric_limits<std::uint64_t>::max());
  EXPECT_THROW(std::ignore = decode_all<std::string>(data), decode_error);
  EXPECT_THROW(std::ignore = decode_all<std::vector<std::int64_t>>(data), decode_error);
  EXPECT_THROW(std::ignore = decode_all<std::vector<std::string>>(data), decode_error);
  data.clear();
  // 2^61 elements of 8 bytes: their size in bytes overflows to zero.
  encode_all(data, std::uint64_t{1} << 61);
  EXPECT_THROW(std::ignore = decode_all<std::vector<std::int64_t>>(data), decode_error);
}

TEST(codec, refuses_a_bool_that_is_none) {
  EXPECT_THROW(std::ignore = decode_all<bool>(bytes{std::byte{2}}), decode_error);
}

template <class T>
std::string problem_of(std::string_view text) {
  const auto parsed = parse_text<T>(text);
  EXPECT_FALSE(parsed.value.has_value()) << text;
  return parsed.problem;
}

TEST(text_form, reads_plain_decimal_integers_only) {
  EXPECT_EQ(parse_text<std::int64_t>("-9223372036854775808").value, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_text<std::uint64_t>("18446744073709551615").value, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_text<std::int8_t>("-128").value, std::int8_t{-128});
  EXPECT_EQ(parse_text<int>("0").value, 0);
  EXPECT_EQ(problem_of<int>("010"), "'010' is not a plain decimal number");
  for (const char* text : {"", "-", "+1", "0x1F", " 1", "1 ", "1.0", "1e3", "-0", "00", "--1", "1_000"})
    EXPECT_NE(problem_of<int>(text).find("is not a plain decimal number"), std::string::npos) << text;
}

TEST(text_form, says_the_range_of_an_integer) {
  EXPECT_EQ(problem_of<std::uint8_t>("256"), "'256' is out of range (0 to 255)");
  EXPECT_EQ(problem_of<std::uint8_t>("-1"), "'-1' is out of range (0 to 255)");
  EXPECT_EQ(problem_of<std::int8_t>("-129"), "'-129' is out of range (-128 to 127)");
  EXPECT_NE(problem_of<std::int64_t>("9223372036854775808").find("out of range"), std::string::npos);
}

TEST(text_form, reads_finite_reals_and_bools) {
  EXPECT_EQ(parse_text<double>("1e3").value, 1000.0);
  EXPECT_EQ(parse_text<double>("-0.5").value, -0.5);
  EXPECT_EQ(parse_text<bool>("true").value, true);
  for (const char* text : {"inf", "nan", "0x1p3", "1.5x", "", "1e999"}) problem_of<double>(text);
  EXPECT_NE(problem_of<float>("1e300").find("out of range"), std::string::npos);
  EXPECT_EQ(problem_of<bool>("yes"), "'yes' is neither true nor false");
}

TEST(text_form, renders_for_people) {
  EXPECT_EQ(render_text(std::vector<std::int64_t>{1, 4, 9}), "[1, 4, 9]");
  EXPECT_EQ(render_text(std::vector<int>{}), "[]");
  EXPECT_EQ(render_text(std::string("plain")), "plain");
  EXPECT_EQ(render_text(0.1), "0.1");
  EXPECT_EQ(render_text(std::uint8_t{65}), "65");
  EXPECT_EQ(render_text(std::tuple<int, bool>{1, true}), "(1, true)");
  EXPECT_EQ(render_text(std::optional<int>{}), "none");
  EXPECT_EQ(render_text(colour::red), "<value>");
}

}  // namespace
