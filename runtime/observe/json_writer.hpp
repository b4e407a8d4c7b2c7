#pragma once

#include "base/utc_time.hpp"
#include "observe/json_fields.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <concepts>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>

namespace steward {

/// Makes a JSON object of what `json_fields` lists. Times become texts in UTC, durations numbers of milliseconds, maps
/// with texts as keys objects, other maps lists of pairs.
class json_writer {
public:
  static constexpr bool writes = true;
  using json = nlohmann::ordered_json;
  using time_point = std::chrono::system_clock::time_point;

  template <class T>
  static json object_of(const T& x) {
    json_writer out;
    json_fields::fields(out, x);
    return std::move(out.out_);
  }

  template <class T>
  void always(const char* key, const T& x) {
    out_.get_ref<json::object_t&>().emplace_back(key, made_of(x));
  }
  template <class T>
  void needed(const char* key, const T& x) {
    always(key, x);
  }
  template <class T>
  void some(const char* key, const T& x) {
    if (!(x == T{})) always(key, x);
  }
  template <class T>
  void some(const char* key, const std::optional<T>& x) {
    if (x) always(key, *x);
  }
  template <class T>
  void some(const char* key, const detail::boxed<T>& x) {
    if (x) always(key, *x);
  }
  void signal(const char* key, int x) {
    if (x != 0) always(key, signal_name(x));
  }
  void address(const char* key, const std::optional<std::uint64_t>& x) {
    if (x) always(key, fmt::format("{:#x}", *x));
  }

  json take() && { return std::move(out_); }

private:
  template <class T>
  static json made_of(const T& x) {
    if constexpr (std::same_as<T, time_point>)
      return utc_text(x);
    else if constexpr (std::is_enum_v<T>)
      return to_string(x);
    else if constexpr (std::is_arithmetic_v<T> || std::same_as<T, std::string>)
      return x;
    else if constexpr (std::ranges::range<T>)
      return list_of(x);
    else
      return object_of(x);
  }
  template <class Rep, class Period>
  static json made_of(const std::chrono::duration<Rep, Period>& x) {
    return std::chrono::duration<double, std::milli>{x}.count();
  }
  template <class A, class B>
  static json made_of(const std::pair<A, B>& x) {
    return json::array({made_of(x.first), made_of(x.second)});
  }
  template <class T>
  static json made_of(const std::map<std::string, T>& x) {
    json out = json::object();
    for (const auto& [key, value] : x) out.get_ref<json::object_t&>().emplace_back(key, made_of(value));
    return out;
  }
  template <class Range>
  static json list_of(const Range& from) {
    json out = json::array();
    for (const auto& x : from) out.push_back(made_of(x));
    return out;
  }

  json out_ = json::object();
};

}  // namespace steward
