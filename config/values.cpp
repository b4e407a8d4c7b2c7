#include "config/values.hpp"

#include "config/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace steward::config {
namespace {

// Long texts are cut in messages: the line is shown below them anyway.
std::string quote(std::string_view text) {
  constexpr std::size_t max_shown = 60;
  return text.size() <= max_shown ? fmt::format("'{}'", text) : fmt::format("'{}...'", text.substr(0, max_shown));
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

std::size_t count_digits(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

// "+05" -> "5", "1_000" -> "1000": what was probably meant by a number in another notation.
std::optional<std::string> plain_notation(std::string_view text) {
  std::string digits{text};
  std::erase(digits, '_');
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) {
    digits.erase(0, 1);
  }
  if (!all_digits(digits)) {
    return std::nullopt;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  const auto plain = (negative && digits != "0" ? "-" : "") + digits;
  return plain == text ? std::nullopt : std::optional{plain};
}

struct unit {
  std::string_view name;
  std::int64_t factor;
};

// What differs between durations and sizes.
struct measure {
  std::string_view kind;
  std::span<const unit> units;
  std::string_view example_unit;
  std::string_view expected;
};

std::optional<std::string> nearest_unit(std::string_view written, std::span<const unit> units) {
  std::vector<std::string> names;
  for (const auto& one : units) {
    names.emplace_back(one.name);
  }
  return did_you_mean(written, names);
}

parsed<std::int64_t> parse_measure(std::string_view text, const measure& what) {
  const std::size_t digits = count_digits(text);
  const auto number = text.substr(0, digits);
  const auto suffix = text.substr(digits);
  if (digits == 0) {
    return value_fault{fmt::format("{} is not a {}", quote(text), what.kind), {std::string{what.expected}, {}}};
  }
  if (suffix.empty()) {
    return value_fault{fmt::format("a {} needs a unit: say {}{}", what.kind, number, what.example_unit), {}};
  }
  const auto found =
      std::find_if(what.units.begin(), what.units.end(), [&](const unit& x) { return x.name == suffix; });
  if (found == what.units.end()) {
    auto meant = nearest_unit(suffix, what.units);
    return value_fault{
        fmt::format("{} is not a {}", quote(text), what.kind),
        {std::string{what.expected}, meant ? std::optional{std::string{number} + *meant} : std::nullopt}};
  }
  auto count = parse_integer(number);
  if (auto* fault = std::get_if<value_fault>(&count)) {
    return *fault;
  }
  const std::int64_t value = std::get<std::int64_t>(count);
  if (value > std::numeric_limits<std::int64_t>::max() / found->factor) {
    return value_fault{fmt::format("{} is too large", quote(text)), {}};
  }
  return value * found->factor;
}

}  // namespace

parsed<std::int64_t> parse_integer(std::string_view text) {
  const auto digits = text.starts_with('-') ? text.substr(1) : text;
  const bool has_leading_zero = digits.size() > 1 && digits.front() == '0';
  if (!all_digits(digits) || has_leading_zero || text == "-0") {
    return value_fault{fmt::format("{} is not an integer", quote(text)),
                       {"decimal digits such as 8 or 1000", plain_notation(text)}};
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return value_fault{fmt::format("{} does not fit 64 bits", quote(text)), {}};
  }
  return value;
}

parsed<double> parse_real(std::string_view text) {
  const auto digits = text.starts_with('-') ? text.substr(1) : text;
  const bool starts_well = !digits.empty() && is_digit(digits.front());
  const bool has_leading_zero = digits.size() > 1 && digits.front() == '0' && is_digit(digits[1]);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool complete = error == std::errc{} && end == text.data() + text.size();
  if (!starts_well || has_leading_zero || !complete || text.back() == '.' || !std::isfinite(value)) {
    return value_fault{fmt::format("{} is not a number", quote(text)), {"a decimal number such as 2 or 0.5", {}}};
  }
  return value;
}

parsed<bool> parse_boolean(std::string_view text) {
  if (text == "true" || text == "false") {
    return text == "true";
  }
  std::string lower{text};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr std::array<std::string_view, 4> yes{"yes", "on", "1", "y"};
  constexpr std::array<std::string_view, 4> no{"no", "off", "0", "n"};
  std::optional<std::string> meant;
  if (std::find(yes.begin(), yes.end(), lower) != yes.end()) {
    meant = "true";
  } else if (std::find(no.begin(), no.end(), lower) != no.end()) {
    meant = "false";
  } else {
    meant = did_you_mean(lower, std::vector<std::string>{"true", "false"});
  }
  return value_fault{fmt::format("{} is not a boolean", quote(text)), {"true or false", std::move(meant)}};
}

parsed<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::array<unit, 4> units{{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
  auto count = parse_measure(text, {"duration", units, "s", "a whole number with a unit, such as 200ms, 5s, 2m or 1h"});
  if (auto* fault = std::get_if<value_fault>(&count)) {
    return std::move(*fault);
  }
  return std::chrono::milliseconds{std::get<std::int64_t>(count)};
}

parsed<std::int64_t> parse_size(std::string_view text) {
  static constexpr std::array<unit, 4> units{{{"B", 1}, {"KiB", 1'024}, {"MiB", 1'048'576}, {"GiB", 1'073'741'824}}};
  return parse_measure(text, {"size", units, "MiB", "a whole number with a unit, such as 64MiB or 1GiB"});
}

bool is_valid_name(std::string_view text) noexcept {
  constexpr std::size_t max_bytes = 64;
  const auto is_word = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && text.size() <= max_bytes && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

}  // namespace steward::config
