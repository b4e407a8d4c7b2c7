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

struct unit {
  std::string_view name;
  std::int64_t factor;
};

// What differs between durations and sizes.
struct measure {
  std::string_view kind;
  std::span<const unit> units;
  std::string_view expected;
};

value_fault not_a(const measure& what, std::string_view text, std::optional<std::string> meant) {
  if (all_digits(text)) {
    if (meant) return {fmt::format("a {} needs a unit: say {}", what.kind, *meant), {}};
    return {fmt::format("a {} needs a unit", what.kind), {std::string{what.expected}, {}}};
  }
  const auto* below = text.starts_with('-') ? "nothing below zero, but " : "";
  return {fmt::format("{} is not a {}", quote(text), what.kind),
          {below + std::string{what.expected}, std::move(meant)}};
}

// `meant` is called for faults only.
template <class Advice>
parsed<std::int64_t> parse_measure(std::string_view text, const measure& what, const Advice& meant) {
  const std::size_t digits = count_digits(text);
  const auto number = text.substr(0, digits);
  const auto found = std::ranges::find(what.units, text.substr(digits), &unit::name);
  if (digits == 0 || found == what.units.end()) {
    return not_a(what, text, meant());
  }
  auto count = parse_integer(number);
  if (auto* fault = std::get_if<value_fault>(&count)) {
    fault->more.suggestion = meant();
    return std::move(*fault);
  }
  const std::int64_t value = std::get<std::int64_t>(count);
  if (value > std::numeric_limits<std::int64_t>::max() / found->factor) {
    return value_fault{fmt::format("{} is too large", quote(text)), {}};
  }
  return value * found->factor;
}

}  // namespace

parsed<std::int64_t> parse_integer(std::string_view text, const acceptance& fits) {
  const auto digits = text.starts_with('-') ? text.substr(1) : text;
  const bool has_leading_zero = digits.size() > 1 && digits.front() == '0';
  if (!all_digits(digits) || has_leading_zero || text == "-0") {
    return value_fault{fmt::format("{} is not an integer", quote(text)),
                       {"decimal digits such as 8 or 1000", advise_integer(text, fits)}};
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
  const bool starts_well = !digits.empty() && (is_digit(digits.front()) || digits.front() == '.');
  const bool has_leading_zero = digits.size() > 1 && digits.front() == '0' && is_digit(digits[1]);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool complete = error == std::errc{} && end == text.data() + text.size();
  if (!starts_well || has_leading_zero || !complete || text.back() == '.' || !std::isfinite(value)) {
    return value_fault{fmt::format("{} is not a number", quote(text)),
                       {"a decimal number such as 2 or 0.5", advise_real(text)}};
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

parsed<std::chrono::milliseconds> parse_duration(std::string_view text, const acceptance& fits) {
  static constexpr std::array<unit, 4> units{{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
  static constexpr measure what{"duration", units, "a whole number with a unit, such as 200ms, 5s, 2m or 1h"};
  auto count = parse_measure(text, what, [&] { return advise_duration(text, fits); });
  if (auto* fault = std::get_if<value_fault>(&count)) {
    return std::move(*fault);
  }
  return std::chrono::milliseconds{std::get<std::int64_t>(count)};
}

parsed<std::int64_t> parse_size(std::string_view text, const acceptance& fits) {
  static constexpr std::array<unit, 4> units{{{"B", 1}, {"KiB", 1'024}, {"MiB", 1'048'576}, {"GiB", 1'073'741'824}}};
  static constexpr measure what{"size", units, "a whole number with a unit, such as 64MiB or 1GiB"};
  return parse_measure(text, what, [&] { return advise_size(text, fits); });
}

bool is_valid_name(std::string_view text) noexcept {
  constexpr std::size_t max_bytes = 64;
  const auto is_word = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && text.size() <= max_bytes && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

std::optional<std::string> advise_name(std::string_view text) {
  std::string name{text};
  std::ranges::replace_if(
      name,
      [](char c) {
        return !is_valid_name(std::string{'_', c});
      },
      '_');
  if (!is_valid_name(name)) {
    name.insert(0, "_");
  }
  return is_valid_name(name) && name.find_first_not_of('_') != std::string::npos ? std::optional{name} : std::nullopt;
}

}  // namespace steward::config
