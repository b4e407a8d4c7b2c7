#include "cli/views/moment.hpp"

#include "config/values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <string>
#include <variant>

namespace steward::cli {
namespace {

using time_point = run_view::time_point;

/// "22:34:40", "22:34" or "22:34:40.819".
bool read_clock(std::string_view text, std::tm& into, std::chrono::microseconds& rest) {
  int parts[2] = {0, 0};
  for (auto& part : parts) {
    const auto colon = text.find(':');
    const auto digits = text.substr(0, colon);
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), part);
    if (problem != std::errc{} || end != digits.data() + digits.size() || digits.size() != 2) return false;
    text = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    if (&part == parts && colon == std::string_view::npos) return false;
  }
  double seconds = 0;
  if (!text.empty()) {
    const auto [end, problem] =
        std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    if (problem != std::errc{} || end != text.data() + text.size()) return false;
  }
  if (parts[0] > 23 || parts[1] > 59 || !(seconds >= 0) || seconds >= 61) return false;
  into.tm_hour = parts[0];
  into.tm_min = parts[1];
  into.tm_sec = static_cast<int>(seconds);
  rest = std::chrono::microseconds{std::llround((seconds - std::floor(seconds)) * 1e6)};
  return true;
}

bool read_date(std::string_view text, std::tm& into) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const auto number = [&](std::size_t at, std::size_t size, int& out) {
    const auto [end, problem] = std::from_chars(text.data() + at, text.data() + at + size, out);
    return problem == std::errc{} && end == text.data() + at + size;
  };
  int year = 0;
  int month = 0;
  if (!number(0, 4, year) || !number(5, 2, month) || !number(8, 2, into.tm_mday)) return false;
  into.tm_year = year - 1900;
  into.tm_mon = month - 1;
  return month >= 1 && month <= 12 && into.tm_mday >= 1 && into.tm_mday <= 31;
}

std::tm day_of(time_point now) {
  const std::time_t since_epoch = time_point::clock::to_time_t(now);
  std::tm out{};
  localtime_r(&since_epoch, &out);
  return out;
}

time_point made_of(std::tm parts, std::chrono::microseconds rest, bool utc) {
  parts.tm_isdst = -1;
  return time_point::clock::from_time_t(utc ? ::timegm(&parts) : std::mktime(&parts)) + rest;
}

}  // namespace

bool moment::is_over_at(const event& e) const { return (seq && e.seq > *seq) || (at && e.ts > *at); }

bool moment::is_last(const event& e) const { return (seq && e.seq >= *seq) || (!crash.empty() && e.id == crash); }

std::optional<time_point> time_of(std::string_view text, time_point now) {
  const auto written = config::parse_duration(text);
  if (const auto* ago = std::get_if<std::chrono::milliseconds>(&written)) return now - *ago;
  std::tm parts = day_of(now);
  std::chrono::microseconds rest{0};
  const auto gap = text.find_first_of("T ");
  const bool utc = text.ends_with('Z');
  if (utc) text.remove_suffix(1);
  if (gap != std::string_view::npos) {
    if (!read_date(text.substr(0, gap), parts) || !read_clock(text.substr(gap + 1), parts, rest)) return std::nullopt;
    return made_of(parts, rest, utc);
  }
  if (utc || !read_clock(text, parts, rest)) return std::nullopt;
  const auto today = made_of(parts, rest, false);
  if (today <= now + std::chrono::seconds{1}) return today;
  --parts.tm_mday;
  return made_of(parts, rest, false);
}

std::optional<moment> moment_of_text(std::string_view text, time_point now) {
  moment out;
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc{} && end == text.data() + text.size()) {
    out.seq = number;
    return out;
  }
  if (text.starts_with("c-")) {
    out.crash = text;
    return out;
  }
  out.at = time_of(text, now);
  return out.at ? std::optional{out} : std::nullopt;
}

}  // namespace steward::cli
