#include "config/advice.hpp"

#include "config/suggest.hpp"
#include "steward/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace steward::config {
namespace {

// Holds every 64-bit integer exactly.
using amount = long double;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// "1,000" and "1,000,000": groups of three digits. One that is no group is a decimal comma.
bool has_groups(std::string_view digits) {
  const auto first = digits.find(',');
  if (first == std::string_view::npos || first == 0 || first > 3 || digits.front() == '0') return false;
  for (std::size_t i = first; i < digits.size(); i += 4) {
    const auto group = digits.substr(i + 1, 3);
    if (digits[i] != ',' || group.size() != 3 || !std::ranges::all_of(group, is_digit)) return false;
  }
  return true;
}

std::optional<amount> from_digits(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return static_cast<amount>(value);
}

std::optional<amount> from_prefix(std::string_view digits) {
  if (digits.starts_with("0x") || digits.starts_with("0X")) return from_digits(digits.substr(2), 16);
  if (digits.starts_with("0b") || digits.starts_with("0B")) return from_digits(digits.substr(2), 2);
  if (digits.starts_with("0o") || digits.starts_with("0O")) return from_digits(digits.substr(2), 8);
  return std::nullopt;
}

// A number in any notation that people use.
std::optional<amount> read_loosely(std::string_view text) {
  std::string digits{trim(text)};
  std::erase_if(digits, [](char c) { return c == '_' || c == '\'' || is_space(c); });
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  if (has_groups(digits)) std::erase(digits, ',');
  std::ranges::replace(digits, ',', '.');
  amount value = 0;
  if (const auto coded = from_prefix(digits)) {
    value = *coded;
  } else {
    if (digits.empty() || !(is_digit(digits.front()) || digits.front() == '.')) return std::nullopt;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  }
  return negative ? -value : value;
}

std::optional<std::int64_t> whole(amount x) {
  constexpr amount beyond = 9'223'372'036'854'775'808.0L;
  if (!(x > -beyond && x < beyond) || std::trunc(x) != x) return std::nullopt;
  return static_cast<std::int64_t>(x);
}

struct unit {
  std::string_view name;  // folded
  amount factor;
};

constexpr amount second_ms = 1'000, minute_ms = 60'000, hour_ms = 3'600'000, day_ms = 86'400'000;
constexpr amount kib = 1'024, mib = 1'048'576, gib = 1'073'741'824, tib = gib * kib;

// Our own come first.
constexpr std::array<unit, 29> time_units{{{"ms", 1},
                                           {"s", second_ms},
                                           {"m", minute_ms},
                                           {"h", hour_ms},
                                           {"msec", 1},
                                           {"msecs", 1},
                                           {"millis", 1},
                                           {"millisecond", 1},
                                           {"milliseconds", 1},
                                           {"sec", second_ms},
                                           {"secs", second_ms},
                                           {"second", second_ms},
                                           {"seconds", second_ms},
                                           {"min", minute_ms},
                                           {"mins", minute_ms},
                                           {"minute", minute_ms},
                                           {"minutes", minute_ms},
                                           {"hr", hour_ms},
                                           {"hrs", hour_ms},
                                           {"hour", hour_ms},
                                           {"hours", hour_ms},
                                           {"d", day_ms},
                                           {"day", day_ms},
                                           {"days", day_ms},
                                           {"w", 7 * day_ms},
                                           {"week", 7 * day_ms},
                                           {"weeks", 7 * day_ms},
                                           {"us", 0.001L},
                                           {"usec", 0.001L}}};

// Our own come first. Nobody who limits memory to 512MB wants exactly 512,000,000 bytes.
constexpr std::array<unit, 31> size_units{
    {{"b", 1},    {"kib", kib},   {"mib", mib},    {"gib", gib},    {"byte", 1},        {"bytes", 1},       {"k", kib},
     {"kb", kib}, {"ki", kib},    {"kbyte", kib},  {"kbytes", kib}, {"kilobytes", kib}, {"m", mib},         {"mb", mib},
     {"mi", mib}, {"mbyte", mib}, {"mbytes", mib}, {"meg", mib},    {"megs", mib},      {"megabytes", mib}, {"g", gib},
     {"gb", gib}, {"gi", gib},    {"gig", gib},    {"gbyte", gib},  {"gbytes", gib},    {"gigabytes", gib}, {"t", tib},
     {"tb", tib}, {"ti", tib},    {"tib", tib}}};

// The factor of a unit, or of the nearest of our own for one that is misspelt.
std::optional<amount> factor_of(std::string_view written, std::span<const unit> units) {
  constexpr std::size_t own = 4;
  const auto name = fold_word(written);
  const auto found = std::ranges::find(units, name, &unit::name);
  if (found != units.end()) return found->factor;
  std::vector<std::string> names;
  for (const auto& one : units.first(own)) names.emplace_back(one.name);
  const auto meant = did_you_mean(name, names);
  if (!meant) return std::nullopt;
  return std::ranges::find(units, *meant, &unit::name)->factor;
}

// Where the number ends that a text begins with. An 'e' belongs to it only before digits.
std::size_t number_length(std::string_view text) {
  constexpr std::string_view inner = "0123456789.,_' ";
  if (text.starts_with("0x") || text.starts_with("0X")) return std::min(text.find_first_of(" sSmMhH", 2), text.size());
  std::size_t i = 0;
  while (i < text.size()) {
    const bool exponent =
        i > 0 && (text[i] == 'e' || text[i] == 'E') && i + 1 < text.size() &&
        (is_digit(text[i + 1]) || ((text[i + 1] == '-' || text[i + 1] == '+') && i + 2 < text.size()));
    if (exponent)
      i += 2;
    else if (inner.find(text[i]) != std::string_view::npos)
      ++i;
    else
      break;
  }
  return i;
}

// "1h30m": the sum of its parts. Nothing when a part is no number with a unit.
std::optional<amount> sum_of_parts(std::string_view text, std::span<const unit> units) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  amount sum = 0;
  while (!text.empty()) {
    const auto digits = number_length(text);
    const auto value = read_loosely(text.substr(0, digits));
    text.remove_prefix(digits);
    const auto letters = std::min(text.find_first_of("0123456789. "), text.size());
    const auto factor = factor_of(text.substr(0, letters), units);
    if (!value || !factor) return std::nullopt;
    sum += *value * *factor;
    text = trim(text.substr(letters));
  }
  return sum;
}

// "1:30:00": hours, minutes and seconds.
std::optional<amount> from_clock(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return std::nullopt;
  amount sum = 0;
  int parts = 0;
  while (true) {
    const auto end = std::min(text.find(':'), text.size());
    const auto value = from_digits(text.substr(0, end), 10);
    if (!value || ++parts > 3) return std::nullopt;
    sum = sum * 60 + *value;
    if (end == text.size()) return sum * second_ms;
    text.remove_prefix(end + 1);
  }
}

// The largest unit in which the amount is whole, or else nearly so.
std::optional<std::string> in_units(amount x, std::span<const std::pair<std::string_view, amount>> units,
                                    const acceptance& fits) {
  constexpr amount tolerated = 0.01L;
  if (!(x >= 0 && x < 9.2e18L)) return std::nullopt;
  for (const amount slack : {amount{0}, tolerated}) {
    for (const auto& [name, factor] : units) {
      const amount count = std::round(x / factor);
      if (std::abs(count * factor - x) > slack * x || (count == 0 && x != 0)) continue;
      const auto exact = whole(count * factor);
      if (exact && fits(*exact)) return fmt::format("{}{}", static_cast<std::int64_t>(count), name);
    }
  }
  return std::nullopt;
}

std::optional<std::string> render_ms(amount x, const acceptance& fits) {
  // Two hours are 2h, ninety minutes 90m; nothing is 0s, not 0h.
  static constexpr std::array<std::pair<std::string_view, amount>, 4> units{
      {{"h", hour_ms}, {"m", minute_ms}, {"s", second_ms}, {"ms", 1}}};
  if (x == 0) return fits(0) ? std::optional<std::string>{"0s"} : std::nullopt;
  return in_units(x, units, fits);
}

std::optional<std::string> render_bytes(amount x, const acceptance& fits) {
  static constexpr std::array<std::pair<std::string_view, amount>, 4> units{
      {{"GiB", gib}, {"MiB", mib}, {"KiB", kib}, {"B", 1}}};
  if (x == 0) return fits(0) ? std::optional<std::string>{"0B"} : std::nullopt;
  return in_units(x, units, fits);
}

// "5" -> 5s; "5000" where that is too long -> 5000ms.
std::optional<std::string> with_unit(std::string_view digits,
                                     std::initializer_list<std::pair<std::string_view, amount>> units,
                                     const acceptance& fits) {
  const auto count = read_loosely(digits);
  if (!count || !whole(*count)) return std::nullopt;
  for (const auto& [name, factor] : units) {
    const auto value = whole(*count * factor);
    if (value && fits(*value)) return fmt::format("{}{}", *whole(*count), name);
  }
  return std::nullopt;
}

}  // namespace

bool any_number(std::int64_t) { return true; }

std::optional<std::string> advise_integer(std::string_view text, const acceptance& fits) {
  text = trim(text);
  amount factor = 1;
  if (!text.empty() && (text.back() == 'k' || text.back() == 'K') && is_digit(text.front())) factor = 1'000;
  if (!text.empty() && text.back() == 'M' && is_digit(text.front())) factor = 1'000'000;
  if (factor > 1) text.remove_suffix(1);
  const auto value = read_loosely(text);
  const auto number = value ? whole(*value * factor) : std::nullopt;
  if (!number || !fits(*number)) return std::nullopt;
  return fmt::format("{}", *number);
}

std::optional<std::string> advise_real(std::string_view text) {
  text = trim(text);
  amount divisor = 1;
  if (text.ends_with('%')) divisor = 100;
  if (text.ends_with('%') || text.ends_with('f') || text.ends_with('F') || text.ends_with('x')) text.remove_suffix(1);
  const auto value = read_loosely(text);
  if (!value || !std::isfinite(static_cast<double>(*value / divisor))) return std::nullopt;
  return fmt::format("{}", static_cast<double>(*value / divisor));
}

std::optional<std::string> advise_duration(std::string_view text, const acceptance& fits) {
  text = trim(text);
  if (!text.empty() && std::ranges::all_of(text, is_digit)) {
    if (text.find_first_not_of('0') == std::string_view::npos) return render_ms(0, fits);
    // Small numbers are seconds in most programs that take them without a unit, large ones milliseconds.
    if (text.size() < 3) return with_unit(text, {{"s", second_ms}, {"ms", 1}, {"m", minute_ms}}, fits);
    return with_unit(text, {{"ms", 1}, {"s", second_ms}}, fits);
  }
  if (const auto clock = from_clock(text)) return render_ms(*clock, fits);
  const auto sum = sum_of_parts(text, time_units);
  return sum ? render_ms(*sum, fits) : std::nullopt;
}

std::optional<std::string> advise_size(std::string_view text, const acceptance& fits) {
  constexpr amount surely_bytes = 65'536;  // as mebibytes it would be 64 GiB
  text = trim(text);
  if (!text.empty() && std::ranges::all_of(text, is_digit)) {
    const auto value = read_loosely(text);
    if (!value) return std::nullopt;
    if (*value == 0 || *value >= surely_bytes) return render_bytes(*value, fits);
    return with_unit(text, {{"MiB", mib}, {"GiB", gib}, {"KiB", kib}, {"B", 1}}, fits);
  }
  const auto sum = sum_of_parts(text, size_units);
  return sum ? render_bytes(*sum, fits) : std::nullopt;
}

bool means_none(std::string_view text) {
  static constexpr std::array<std::string_view, 14> words{"none",      "no",        "never", "off",      "disabled",
                                                          "disable",   "unlimited", "nil",   "infinite", "infinity",
                                                          "unbounded", "forever",   "inf",   "nolimit"};
  return text == "-1" || std::ranges::find(words, fold_word(text)) != words.end();
}

}  // namespace steward::config
