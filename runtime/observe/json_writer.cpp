#include "observe/json_writer.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cmath>

namespace steward {
namespace {

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

void put_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      if (static_cast<unsigned char>(c) < 0x20)
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
      else
        out += c;
  }
}

}  // namespace

void json_writer::put_text(std::string& out, std::string_view text) {
  out += '"';
  if (std::ranges::all_of(text, is_plain)) {
    out += text;
  } else {
    for (const char c : repair_utf8(text)) put_escaped(out, c);
  }
  out += '"';
}

void json_writer::put_number(std::string& out, double x) {
  if (!std::isfinite(x)) {
    out += "null";
    return;
  }
  const auto begin = out.size();
  fmt::format_to(std::back_inserter(out), "{}", x);
  // Whoever reads it knows by the point that it is no count.
  if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
}

}  // namespace steward
