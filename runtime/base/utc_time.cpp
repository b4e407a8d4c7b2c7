#include "base/utc_time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace steward {

using namespace std::chrono;

std::string utc_text(system_clock::time_point at) {
  std::string out = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  const auto put = [&out](std::size_t begin, std::size_t count, std::int64_t number) {
    for (auto i = begin + count; i > begin; number /= 10) out[--i] = static_cast<char>('0' + number % 10);
  };
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{floor<microseconds>(at - day)};
  put(0, 4, static_cast<int>(date.year()));  // the clock knows those from 1677 to 2262
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  put(11, 2, time.hours().count());
  put(14, 2, time.minutes().count());
  put(17, 2, time.seconds().count());
  put(20, 6, time.subseconds().count());
  return out;
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

std::chrono::system_clock::time_point utc_now() { return std::chrono::system_clock::now(); }

std::chrono::system_clock::time_point utc_of(std::chrono::steady_clock::time_point at) {
  const auto ago = std::chrono::steady_clock::now() - at;
  return utc_now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(ago);
}

}  // namespace steward
