#include "observe/json_reader.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <charconv>

namespace steward {
namespace {

constexpr int max_signal = 64;
constexpr std::size_t max_shown_bytes = 64;

/// A file may hold anything.
std::string shown(std::string_view text) { return escape_text(shorten(text, max_shown_bytes)); }

}  // namespace

void json_reader::refuse(const char* key, const char* what) { throw bad_json(fmt::format("'{}' is no {}", key, what)); }

void json_reader::missing(const char* key) { throw bad_json(fmt::format("'{}' is missing", key)); }

void json_reader::unknown(const char* key, std::string_view name) {
  throw bad_json(fmt::format("unknown {} '{}'", key, shown(name)));
}

void json_reader::read(const char* key, const json& from, std::string& into) {
  if (!from.is_string()) refuse(key, "text");
  into = from.get_ref<const std::string&>();
}

void json_reader::read(const char* key, const json& from, double& into) {
  if (!from.is_number() && !from.is_null()) refuse(key, "number");
  into = from.is_null() ? std::numeric_limits<double>::quiet_NaN() : from.get<double>();  // not finite
}

void json_reader::read(const char* key, const json& from, bool& into) {
  if (!from.is_boolean()) refuse(key, "truth value");
  into = from.get<bool>();
}

void json_reader::read(const char* key, const json& from, time_point& into) {
  std::string text;
  read(key, from, text);
  const auto at = utc_time(text);
  if (!at) refuse(key, "time");
  into = *at;
}

std::uint64_t json_reader::unsigned_of(const char* key, const json& from, std::uint64_t most) {
  if (!from.is_number_integer()) refuse(key, "whole number");
  if (!from.is_number_unsigned() && from.get<std::int64_t>() < 0) refuse(key, "number that fits");
  const auto out = from.get<std::uint64_t>();
  if (out > most) refuse(key, "number that fits");
  return out;
}

std::int64_t json_reader::signed_of(const char* key, const json& from, std::int64_t least, std::int64_t most) {
  if (!from.is_number_integer()) refuse(key, "whole number");
  if (from.is_number_unsigned() && !std::in_range<std::int64_t>(from.get<std::uint64_t>()))
    refuse(key, "number that fits");
  const auto out = from.get<std::int64_t>();
  if (out < least || out > most) refuse(key, "number that fits");
  return out;
}

void json_reader::signal(const char* key, int& into) {
  std::string name;
  some(key, name);
  if (name.empty()) return;
  for (into = 1; into <= max_signal; ++into)
    if (name == signal_name(into)) return;
  constexpr std::string_view without_name = "signal ";
  if (name.starts_with(without_name)) {
    const char* const end = name.data() + name.size();
    const auto read = std::from_chars(name.data() + without_name.size(), end, into);
    if (read.ec == std::errc{} && read.ptr == end) return;
  }
  unknown(key, name);
}

void json_reader::address(const char* key, std::optional<std::uint64_t>& into) {
  std::string text;
  some(key, text);
  if (text.empty()) return;
  const char* const end = text.data() + text.size();
  const bool hexadecimal = text.starts_with("0x") && text.size() > 2;
  const auto read = std::from_chars(text.data() + (hexadecimal ? 2 : 0), end, into.emplace(), 16);
  if (!hexadecimal || read.ec != std::errc{} || read.ptr != end) refuse(key, "address");
}

}  // namespace steward
