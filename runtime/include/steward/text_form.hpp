#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// Values as text, for YAML and for people. Pure functions; any thread may call them.
namespace steward {

/// Stands for the result of a task that returns void.
struct unit {
  friend bool operator==(unit, unit) = default;
};

/// A value read from text, or what is wrong with the text.
template <class T>
struct text_result {
  std::optional<T> value;
  std::string problem;  ///< a message for people; empty when there is a value
};

namespace detail {

/// Strict: "0", "-7", "42"; not "010", "+1", "0x1F", " 1" or "1.0". Bounds are inclusive.
text_result<std::int64_t> parse_signed(std::string_view text, std::int64_t min, std::int64_t max);
text_result<std::uint64_t> parse_unsigned(std::string_view text, std::uint64_t max);
text_result<double> parse_real(std::string_view text, double max);
text_result<bool> parse_bool(std::string_view text);
std::string render_real(double value);
std::string render_real(float value);

}  // namespace detail

/// A type as text. Specialise it to make a type of your own readable, and parsable when `parsable` is true:
///   static constexpr bool parsable; static text_result<T> parse(std::string_view); static std::string render(const
///   T&);
template <class T, class = void>
struct text_form {
  static constexpr bool parsable = false;
  static std::string render(const T&) { return "<value>"; }
};

template <class T>
text_result<T> parse_text(std::string_view text) {
  static_assert(text_form<T>::parsable, "this type cannot be written as text");
  return text_form<T>::parse(text);
}

template <class T>
std::string render_text(const T& value) {
  return text_form<T>::render(value);
}

template <class T>
struct text_form<T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>>> {
  static constexpr bool parsable = true;
  static text_result<T> parse(std::string_view text) {
    using limits = std::numeric_limits<T>;
    if constexpr (std::is_signed_v<T>) {
      auto wide = detail::parse_signed(text, limits::min(), limits::max());
      if (!wide.value) return {std::nullopt, std::move(wide.problem)};
      return {static_cast<T>(*wide.value), {}};
    } else {
      auto wide = detail::parse_unsigned(text, limits::max());
      if (!wide.value) return {std::nullopt, std::move(wide.problem)};
      return {static_cast<T>(*wide.value), {}};
    }
  }
  static std::string render(const T& value) {
    if constexpr (std::is_signed_v<T>) {
      return std::to_string(static_cast<long long>(value));
    } else {
      return std::to_string(static_cast<unsigned long long>(value));
    }
  }
};

template <class T>
struct text_form<T, std::enable_if_t<std::is_same_v<T, float> || std::is_same_v<T, double>>> {
  static constexpr bool parsable = true;
  static text_result<T> parse(std::string_view text) {
    auto wide = detail::parse_real(text, static_cast<double>(std::numeric_limits<T>::max()));
    if (!wide.value) return {std::nullopt, std::move(wide.problem)};
    return {static_cast<T>(*wide.value), {}};
  }
  static std::string render(const T& value) { return detail::render_real(value); }
};

template <>
struct text_form<bool> {
  static constexpr bool parsable = true;
  static text_result<bool> parse(std::string_view text) { return detail::parse_bool(text); }
  static std::string render(const bool& value) { return value ? "true" : "false"; }
};

template <>
struct text_form<std::string> {
  static constexpr bool parsable = true;
  static text_result<std::string> parse(std::string_view text) { return {std::string(text), {}}; }
  static std::string render(const std::string& value) { return value; }
};

template <>
struct text_form<unit> {
  static constexpr bool parsable = false;
  static std::string render(const unit&) { return ""; }
};

/// [1, 4, 9]
template <class T>
struct text_form<std::vector<T>> {
  static constexpr bool parsable = false;
  static std::string render(const std::vector<T>& values) {
    std::string out = "[";
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += ", ";
      out += text_form<T>::render(values[i]);
    }
    return out + "]";
  }
};

/// The value's text, or "none".
template <class T>
struct text_form<std::optional<T>> {
  static constexpr bool parsable = false;
  static std::string render(const std::optional<T>& value) { return value ? text_form<T>::render(*value) : "none"; }
};

/// (1, 2)
template <class... Ts>
struct text_form<std::tuple<Ts...>> {
  static constexpr bool parsable = false;
  static std::string render(const std::tuple<Ts...>& value) {
    std::string out = "(";
    const auto add = [&out](const std::string& part) { out += (out.size() > 1 ? ", " : "") + part; };
    std::apply([&add](const Ts&... parts) { (add(text_form<Ts>::render(parts)), ...); }, value);
    return out + ")";
  }
};

template <class A, class B>
struct text_form<std::pair<A, B>> {
  static constexpr bool parsable = false;
  static std::string render(const std::pair<A, B>& value) {
    return "(" + text_form<A>::render(value.first) + ", " + text_form<B>::render(value.second) + ")";
  }
};

}  // namespace steward
