#include "observe/json_writer.hpp"
#include "steward/sinks.hpp"

namespace steward {

std::string to_json_line(const event& e) {
  constexpr int format_version = 1;
  std::string text;
  json_writer out{text};
  out.always("v", format_version);
  json_fields::fields(out, e);
  out.end();
  return text;
}

}  // namespace steward
