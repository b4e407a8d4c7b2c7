#pragma once

#include "base/utc_time.hpp"
#include "observe/json_fields.hpp"

#include <simdjson.h>

#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace steward {

/// What is wrong with what should be read.
class bad_json : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Reads back what a `json_writer` has made. Keys that are not known are passed over. Throws `bad_json`, with the key,
/// for a value of another type, one that does not fit, and a name that is not known.
class json_reader {
public:
  static constexpr bool writes = false;
  using json = simdjson::dom::element;
  using time_point = std::chrono::system_clock::time_point;

  /// `name` is how a fault calls the object.
  json_reader(json from, const char* name) {
    if (from.get(from_) != simdjson::SUCCESS) refuse(name, "object");
  }

  template <class T>
  static T read_as(json from, const char* name) {
    T out{};
    json_reader in{from, name};
    json_fields::fields(in, out);
    return out;
  }

  template <class T>
  void needed(const char* key, T& into) {
    const auto value = find(key);
    if (!value) missing(key);
    read(key, *value, into);
  }
  template <class T>
  void always(const char* key, T& into) {
    some(key, into);
  }
  template <class T>
  void some(const char* key, T& into) {
    if (const auto value = find(key)) read(key, *value, into);
  }
  template <class T>
  void some(const char* key, std::optional<T>& into) {
    if (const auto value = find(key)) read(key, *value, into.emplace());
  }
  template <class T>
  void some(const char* key, detail::boxed<T>& into) {
    if (const auto value = find(key)) read(key, *value, into.emplace());
  }
  void signal(const char* key, int& into);
  void address(const char* key, std::optional<std::uint64_t>& into);

  std::optional<json> find(const char* key) const {
    json out;
    return from_.at_key(key).get(out) == simdjson::SUCCESS ? std::optional{out} : std::nullopt;
  }
  /// Calls `f` with each element of a list that may be left out.
  template <class F>
  void each_of(const char* key, F&& f) const {
    if (const auto value = find(key))
      for (const auto one : list_of(key, *value)) f(one);
  }

private:
  static constexpr int max_enum = 64;

  [[noreturn]] static void refuse(const char* key, const char* what);
  [[noreturn]] static void missing(const char* key);
  [[noreturn]] static void unknown(const char* key, std::string_view name);

  static simdjson::dom::array list_of(const char* key, json from);
  static void read(const char* key, json from, std::string& into);
  static void read(const char* key, json from, double& into);
  static void read(const char* key, json from, bool& into);
  static void read(const char* key, json from, time_point& into);
  static std::uint64_t unsigned_of(const char* key, json from, std::uint64_t most);
  static std::int64_t signed_of(const char* key, json from, std::int64_t least, std::int64_t most);

  template <std::integral T>
  static void read(const char* key, json from, T& into) {
    using limits = std::numeric_limits<T>;
    if constexpr (std::unsigned_integral<T>)
      into = static_cast<T>(unsigned_of(key, from, limits::max()));
    else
      into = static_cast<T>(signed_of(key, from, limits::min(), limits::max()));
  }
  template <class T>
  requires std::is_enum_v<T>
  static void read(const char* key, json from, T& into) {
    std::string name;
    read(key, from, name);
    for (int i = 0; i < max_enum; ++i) {
      into = static_cast<T>(i);
      if (name == to_string(into) && name != "unknown") return;
    }
    unknown(key, name);
  }
  template <class Rep, class Period>
  static void read(const char* key, json from, std::chrono::duration<Rep, Period>& into) {
    constexpr double most_ms = 9e12;  // what 64 bits of nanoseconds hold
    double ms = 0.0;
    read(key, from, ms);
    if (!(std::abs(ms) < most_ms)) refuse(key, "time that fits");
    into = std::chrono::round<std::chrono::duration<Rep, Period>>(std::chrono::duration<double, std::milli>{ms});
  }
  template <class A, class B>
  static void read(const char* key, json from, std::pair<A, B>& into) {
    const auto pair = list_of(key, from);
    if (pair.size() != 2) refuse(key, "list of pairs");
    read(key, *pair.begin(), into.first);
    read(key, *++pair.begin(), into.second);
  }
  template <class T>
  static void read(const char* key, json from, std::map<std::string, T>& into) {
    simdjson::dom::object object;
    if (from.get(object) != simdjson::SUCCESS) refuse(key, "object");
    for (const auto& [name, value] : object) read(key, value, into[std::string{name}]);
  }
  template <class K, class T>
  requires std::integral<K>
  static void read(const char* key, json from, std::map<K, T>& into) {
    for (const auto one : list_of(key, from)) {
      std::pair<K, T> item{};
      read(key, one, item);
      into.insert(item);
    }
  }
  template <class T>
  requires requires(T& x) { x.emplace_back(); }
  static void read(const char* key, json from, T& into) {
    for (const auto one : list_of(key, from)) {
      typename T::value_type item{};
      read(key, one, item);
      into.push_back(std::move(item));
    }
  }
  template <class T>
  requires std::is_class_v<T> &&(!std::ranges::range<T>)static void read(const char* key, json from, T& into) {
    into = read_as<T>(from, key);
  }

  simdjson::dom::object from_;
};

}  // namespace steward
