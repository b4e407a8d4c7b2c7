#include "steward/messages.hpp"

#include <caf/actor_system.hpp>
#include <caf/sec.hpp>

namespace steward {

std::string to_string(errc code) {
  switch (code) {
    case errc::crashed:
      return "crashed";
    case errc::ended:
      return "ended";
    case errc::empty:
      return "empty";
    case errc::full:
      return "full";
    case errc::not_found:
      return "not found";
    case errc::bad_value:
      return "bad value";
    case errc::restarting:
      return "restarting";
    case errc::quarantined:
      return "quarantined";
    case errc::gave_up:
      return "gave up";
  }
  return "unknown error";
}

std::optional<errc> code_of(const caf::error& problem) {
  if (!problem || !port::in_category(problem, "steward")) return std::nullopt;
  return static_cast<errc>(port::code_of(problem));
}

std::optional<caf::message> refused_request(const caf::error& problem) {
  if (code_of(problem) != errc::full) return std::nullopt;
  const auto& context = problem.context();
  if (context.size() != 2 || !context.match_element<caf::message>(1)) return std::nullopt;
  return context.get_as<caf::message>(1);
}

std::optional<crash_text> crash_of(const caf::error& problem) {
  const auto code = code_of(problem);
  if (code != errc::crashed && code != errc::quarantined) return std::nullopt;
  const auto details = port::details_of(problem);
  crash_text out;
  if (!details.empty()) out.exception = details[0];
  if (details.size() > 1) out.message = details[1];
  return out;
}

namespace {

/// What CAF's own codes do not say.
const char* meaning_of(const caf::error& problem) {
  if (problem == caf::sec::unexpected_message) return ": it has no handler for a message of these types";
  if (problem == caf::sec::unexpected_response) return ": the answer is of another type than was asked for";
  if (problem == caf::sec::request_timeout) return ": no answer in time";
  return "";
}

}  // namespace

std::string describe(const caf::error& problem) {
  if (!problem) return "no error";
  const auto code = code_of(problem);
  if (!code) return port::render(problem) + meaning_of(problem);
  std::string out = to_string(*code);
  for (const auto& detail : port::details_of(problem))
    if (!detail.empty()) out += ": " + detail;
  return out;
}

}  // namespace steward
