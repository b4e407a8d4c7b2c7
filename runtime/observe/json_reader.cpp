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

simdjson::dom::array json_reader::list_of(const char* key, json from) {
  simdjson::dom::array out;
  if (from.get(out) != simdjson::SUCCESS) refuse(key, "list");
  return out;
}

void json_reader::read(const char* key, json from, std::string& into) {
  std::string_view text;
  if (from.get(text) != simdjson::SUCCESS) refuse(key, "text");
  into = text;
}

void json_reader::read(const char* key, json from, double& into) {
  if (from.is_null())
    into = std::numeric_limits<double>::quiet_NaN();  // not finite
  else if (from.get(into) != simdjson::SUCCESS)
    refuse(key, "number");
}

void json_reader::read(const char* key, json from, bool& into) {
  if (from.get(into) != simdjson::SUCCESS) refuse(key, "truth value");
}

void json_reader::read(const char* key, json from, time_point& into) {
  std::string_view text;
  const bool is_text = from.get(text) == simdjson::SUCCESS;
  const auto at = is_text ? utc_time(text) : std::nullopt;
  if (!at) refuse(key, "time");
  into = *at;
}

std::uint64_t json_reader::unsigned_of(const char* key, json from, std::uint64_t most) {
  if (!from.is_int64() && !from.is_uint64()) refuse(key, "whole number");
  std::uint64_t out = 0;
  if (from.get(out) != simdjson::SUCCESS || out > most) refuse(key, "number that fits");
  return out;
}

std::int64_t json_reader::signed_of(const char* key, json from, std::int64_t least, std::int64_t most) {
  if (!from.is_int64() && !from.is_uint64()) refuse(key, "whole number");
  std::int64_t out = 0;
  if (from.get(out) != simdjson::SUCCESS || out < least || out > most) refuse(key, "number that fits");
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
