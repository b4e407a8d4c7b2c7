#include "observe/json_writer.hpp"
#include "steward/sinks.hpp"

namespace steward {

std::string to_json_line(const event& e) {
  constexpr int format_version = 1;
  json_writer out;
  out.always("v", format_version);
  json_fields::fields(out, e);
  return std::move(out).take().dump(-1, ' ', false, json_writer::json::error_handler_t::replace);
}

}  // namespace steward
