#include "steward/codec.hpp"

#include <cmath>
#include <system_error>

namespace steward::detail {

namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 64)) + "'"; }

bool plain_decimal(std::string_view digits) {
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return false;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

std::string not_plain(std::string_view text) { return quoted(text) + " is not a plain decimal number"; }

template <class T>
std::string out_of_range(std::string_view text, T min, T max) {
  return quoted(text) + " is out of range (" + std::to_string(min) + " to " + std::to_string(max) + ")";
}

template <class T>
text_result<T> parse_integer(std::string_view text, T min, T max) {
  T value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value < min || value > max)
    return {std::nullopt, out_of_range(text, min, max)};
  return {value, {}};
}

template <class T>
std::string shortest(T value) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, result.ptr};
}

}  // namespace

text_result<std::int64_t> parse_signed(std::string_view text, std::int64_t min, std::int64_t max) {
  const bool negative = text.starts_with('-');
  if (!plain_decimal(text.substr(negative ? 1 : 0)) || text == "-0") return {std::nullopt, not_plain(text)};
  return parse_integer(text, min, max);
}

text_result<std::uint64_t> parse_unsigned(std::string_view text, std::uint64_t max) {
  if (text.starts_with('-') && plain_decimal(text.substr(1)))
    return {std::nullopt, out_of_range<std::uint64_t>(text, 0, max)};
  if (!plain_decimal(text)) return {std::nullopt, not_plain(text)};
  return parse_integer<std::uint64_t>(text, 0, max);
}

text_result<double> parse_real(std::string_view text, double max) {
  // from_chars also reads "inf" and "nan", which are no quantities.
  const bool digits_only = text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!digits_only || fault == std::errc::invalid_argument || end != text.data() + text.size())
    return {std::nullopt, quoted(text) + " is not a number"};
  if (fault != std::errc{} || std::fabs(value) > max) return {std::nullopt, quoted(text) + " is out of range"};
  return {value, {}};
}

text_result<bool> parse_bool(std::string_view text) {
  if (text == "true") return {true, {}};
  if (text == "false") return {false, {}};
  return {std::nullopt, quoted(text) + " is neither true nor false"};
}

std::string render_real(double value) { return shortest(value); }
std::string render_real(float value) { return shortest(value); }

}  // namespace steward::detail
