#pragma once

#include "base/utc_time.hpp"
#include "observe/json_fields.hpp"

#include <fmt/format.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace steward {

/// Writes what `json_fields` lists as the text of a JSON object. Times become texts in UTC, durations numbers of
/// milliseconds, maps with texts as keys objects, other maps lists of pairs; numbers that are not finite become null,
/// and bytes that are not UTF-8 U+FFFD.
class json_writer {
public:
  static constexpr bool writes = true;
  using time_point = std::chrono::system_clock::time_point;

  /// Appends to `out`, which must outlive it.
  explicit json_writer(std::string& out) : out_(out) { out_ += '{'; }
  /// To be called once, after the last key.
  void end() { out_ += '}'; }

  template <class T>
  static void put(std::string& out, const T& x) {
    if constexpr (std::same_as<T, time_point>) {
      put_text(out, utc_text(x));
    } else if constexpr (std::is_enum_v<T>) {
      put_text(out, to_string(x));
    } else if constexpr (std::same_as<T, bool>) {
      out += x ? "true" : "false";
    } else if constexpr (std::integral<T>) {
      const fmt::format_int digits{x};
      out.append(digits.data(), digits.size());
    } else if constexpr (std::floating_point<T>) {
      put_number(out, x);
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
      put_text(out, x);
    } else if constexpr (std::ranges::range<T>) {
      put_list(out, x);
    } else {
      json_writer object{out};
      json_fields::fields(object, x);
      object.end();
    }
  }

  template <class T>
  void always(const char* key, const T& x) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += key;
    out_ += "\":";
    put(out_, x);
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

private:
  template <class Rep, class Period>
  static void put(std::string& out, const std::chrono::duration<Rep, Period>& x) {
    put_number(out, std::chrono::duration<double, std::milli>{x}.count());
  }
  template <class A, class B>
  static void put(std::string& out, const std::pair<A, B>& x) {
    out += '[';
    put(out, x.first);
    out += ',';
    put(out, x.second);
    out += ']';
  }
  template <class T>
  static void put(std::string& out, const std::map<std::string, T>& x) {
    json_writer object{out};
    for (const auto& [key, value] : x) {
      if (out.back() != '{') out += ',';
      put_text(out, key);
      out += ':';
      put(out, value);
    }
    object.end();
  }
  template <class Range>
  static void put_list(std::string& out, const Range& from) {
    out += '[';
    for (const auto& x : from) {
      if (out.back() != '[') out += ',';
      put(out, x);
    }
    out += ']';
  }
  static void put_text(std::string& out, std::string_view text);
  static void put_number(std::string& out, double x);

  std::string& out_;
};

}  // namespace steward
