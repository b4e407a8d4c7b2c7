#include "base/utc_time.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace steward {

using namespace std::chrono;

std::string utc_text(system_clock::time_point at) {
  const auto whole = floor<seconds>(at);
  const auto micros = duration_cast<microseconds>(at - whole).count();
  return fmt::format("{:%FT%T}.{:06}Z", fmt::gmtime(system_clock::to_time_t(whole)), micros);
}

std::optional<system_clock::time_point> utc_time(std::string_view text) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  const auto fits = [](char x, char of_shape) { return of_shape == 'd' ? x >= '0' && x <= '9' : x == of_shape; };
  if (!std::equal(text.begin(), text.end(), shape.begin(), shape.end(), fits)) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t count) {
    int out = 0;
    for (const char c : text.substr(at, count)) out = out * 10 + (c - '0');
    return out;
  };
  const year_month_day date{year{number(0, 4)}, month{static_cast<unsigned>(number(5, 2))},
                            day{static_cast<unsigned>(number(8, 2))}};
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  const int second = number(17, 2);
  // Differences of such times fit into 64 bits of nanoseconds.
  if (date.year() < year{1970} || date.year() > year{2200}) return std::nullopt;
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + microseconds{number(20, 6)};
}

}  // namespace steward
