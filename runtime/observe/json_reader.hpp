#pragma once

#include "base/utc_time.hpp"
#include "observe/json_fields.hpp"

#include <nlohmann/json.hpp>

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
  using json = nlohmann::ordered_json;
  using time_point = std::chrono::system_clock::time_point;

  /// `name` is how a fault calls the object.
  json_reader(const json& from, const char* name) : from_(from) {
    if (!from.is_object()) refuse(name, "object");
  }

  template <class T>
  static T read_as(const json& from, const char* name) {
    T out{};
    json_reader in{from, name};
    json_fields::fields(in, out);
    return out;
  }

  template <class T>
  void needed(const char* key, T& into) {
    const auto* value = find(key);
    if (value == nullptr) missing(key);
    read(key, *value, into);
  }
  template <class T>
  void always(const char* key, T& into) {
    some(key, into);
  }
  template <class T>
  void some(const char* key, T& into) {
    if (const auto* value = find(key)) read(key, *value, into);
  }
  template <class T>
  void some(const char* key, std::optional<T>& into) {
    if (const auto* value = find(key)) read(key, *value, into.emplace());
  }
  template <class T>
  void some(const char* key, detail::boxed<T>& into) {
    if (const auto* value = find(key)) read(key, *value, into.emplace());
  }
  void signal(const char* key, int& into);
  void address(const char* key, std::optional<std::uint64_t>& into);

  const json* find(const char* key) const {
    const auto it = from_.find(key);
    return it != from_.end() ? &*it : nullptr;
  }

private:
  static constexpr int max_enum = 64;

  [[noreturn]] static void refuse(const char* key, const char* what);
  [[noreturn]] static void missing(const char* key);
  [[noreturn]] static void unknown(const char* key, std::string_view name);

  static void read(const char* key, const json& from, std::string& into);
  static void read(const char* key, const json& from, double& into);
  static void read(const char* key, const json& from, bool& into);
  static void read(const char* key, const json& from, time_point& into);
  static std::uint64_t unsigned_of(const char* key, const json& from, std::uint64_t most);
  static std::int64_t signed_of(const char* key, const json& from, std::int64_t least, std::int64_t most);

  template <std::integral T>
  static void read(const char* key, const json& from, T& into) {
    using limits = std::numeric_limits<T>;
    if constexpr (std::unsigned_integral<T>)
      into = static_cast<T>(unsigned_of(key, from, limits::max()));
    else
      into = static_cast<T>(signed_of(key, from, limits::min(), limits::max()));
  }
  template <class T>
  requires std::is_enum_v<T>
  static void read(const char* key, const json& from, T& into) {
    std::string name;
    read(key, from, name);
    for (int i = 0; i < max_enum; ++i) {
      into = static_cast<T>(i);
      if (name == to_string(into) && name != "unknown") return;
    }
    unknown(key, name);
  }
  template <class Rep, class Period>
  static void read(const char* key, const json& from, std::chrono::duration<Rep, Period>& into) {
    constexpr double most_ms = 9e12;  // what 64 bits of nanoseconds hold
    double ms = 0.0;
    read(key, from, ms);
    if (!(std::abs(ms) < most_ms)) refuse(key, "time that fits");
    into = std::chrono::round<std::chrono::duration<Rep, Period>>(std::chrono::duration<double, std::milli>{ms});
  }
  template <class A, class B>
  static void read(const char* key, const json& from, std::pair<A, B>& into) {
    if (!from.is_array() || from.size() != 2) refuse(key, "list of pairs");
    read(key, from[0], into.first);
    read(key, from[1], into.second);
  }
  template <class T>
  static void read(const char* key, const json& from, std::map<std::string, T>& into) {
    if (!from.is_object()) refuse(key, "object");
    for (const auto& [name, value] : from.items()) read(key, value, into[name]);
  }
  template <class K, class T>
  requires std::integral<K>
  static void read(const char* key, const json& from, std::map<K, T>& into) {
    if (!from.is_array()) refuse(key, "list");
    for (const auto& one : from) {
      std::pair<K, T> item{};
      read(key, one, item);
      into.insert(item);
    }
  }
  template <class T>
  requires requires(T& x) { x.emplace_back(); }
  static void read(const char* key, const json& from, T& into) {
    if (!from.is_array()) refuse(key, "list");
    for (const auto& one : from) {
      typename T::value_type item{};
      read(key, one, item);
      into.push_back(std::move(item));
    }
  }
  template <class T>
  requires std::is_class_v<T> &&(!std::ranges::range<T>)static void read(const char* key, const json& from, T& into) {
    into = read_as<T>(from, key);
  }

  const json& from_;
};

}  // namespace steward
