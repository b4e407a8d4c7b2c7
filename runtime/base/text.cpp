#include "base/text.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace steward {
namespace {

struct decoded {
  std::uint32_t point = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

// Decodes the character at the front of a text that is not empty. Strict: overlong forms, surrogates and values beyond
// U+10FFFF are invalid, because lenient decoders are how escape sequences slip through filters.
decoded decode_front(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80U) {
    return {lead, 1, true};
  }
  std::size_t bytes = 0;
  std::uint32_t point = 0;
  std::uint32_t smallest = 0;
  if ((lead & 0xe0U) == 0xc0U) {
    bytes = 2;
    point = lead & 0x1fU;
    smallest = 0x80;
  } else if ((lead & 0xf0U) == 0xe0U) {
    bytes = 3;
    point = lead & 0x0fU;
    smallest = 0x800;
  } else if ((lead & 0xf8U) == 0xf0U) {
    bytes = 4;
    point = lead & 0x07U;
    smallest = 0x10000;
  } else {
    return {};
  }
  if (text.size() < bytes) {
    return {};
  }
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[i])) {
      return {};
    }
    point = (point << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < smallest || point > 0x10ffff || surrogate) {
    return {};
  }
  return {point, bytes, true};
}

// Characters that a terminal acts on instead of showing them, beyond the ASCII controls.
bool is_deceptive(std::uint32_t point) noexcept {
  const auto within = [point](std::uint32_t first, std::uint32_t last) { return point >= first && point <= last; };
  return within(0x80, 0x9f) || within(0x200b, 0x200f) || within(0x2028, 0x202e) || within(0x2066, 0x2069) ||
         point == 0xfeff;
}

}  // namespace

std::string escape_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = decode_front(text);
    if (!c.valid) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text.front()));
    } else if (c.point == '\n') {
      out += "\\n";
    } else if (c.point == '\t') {
      out += "\\t";
    } else if (c.point == '\r') {
      out += "\\r";
    } else if (c.point < 0x20 || c.point == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", c.point);
    } else if (is_deceptive(c.point)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c.point);
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = decode_front(text);
    out += c.valid ? text.substr(0, c.bytes) : std::string_view{"\xef\xbf\xbd"};
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::size_t utf8_cut(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) {
    return text.size();
  }
  // A character has at most three continuation bytes; a longer run of them is not UTF-8 and may be cut anywhere.
  std::size_t cut = limit;
  for (int steps = 0; steps < 3 && cut > 0 && is_continuation(text[cut]); ++steps) {
    --cut;
  }
  return is_continuation(text[cut]) ? limit : cut;
}

std::string shorten(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) {
    return std::string{text};
  }
  constexpr std::string_view dots = "...";
  if (max_bytes < dots.size()) {
    return std::string{text.substr(0, utf8_cut(text, max_bytes))};
  }
  std::string out{text.substr(0, utf8_cut(text, max_bytes - dots.size()))};
  out += dots;
  return out;
}

std::string text_of(const std::exception& problem) {
  const char* const text = problem.what();
  if (text == nullptr) return {};
  return shorten({text, ::strnlen(text, max_reason_bytes + 1)}, max_reason_bytes);
}

}  // namespace steward
