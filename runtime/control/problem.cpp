#include "control/problem.hpp"

#include "base/suggest.hpp"
#include "control/http_text.hpp"

#include <nlohmann/json.hpp>

namespace steward::control_api {

using json = nlohmann::ordered_json;

http_problem::http_problem(int status, std::string title, std::string detail, std::string suggestion)
    : status_(status), title_(std::move(title)), detail_(std::move(detail)), suggestion_(std::move(suggestion)) {}

http_response http_problem::response() const {
  json body{{"title", title_}, {"status", status_}};
  if (!detail_.empty()) body["detail"] = detail_;
  if (!suggestion_.empty()) body["suggestion"] = suggestion_;
  http_response out;
  out.status = status_;
  out.type = problem_type;
  out.body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  out.headers = headers_;
  return out;
}

void expect_parameters(const http_request& request, std::span<const std::string> known) {
  for (auto it = request.query.begin(); it != request.query.end(); ++it) {
    const auto& name = it->first;
    if (std::find_if(request.query.begin(), it, [&](const auto& x) { return x.first == name; }) != it)
      throw http_problem{400, "'" + name + "' is given twice"};
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto all = list_names({known.begin(), known.end()});
    throw http_problem{400, "'" + name + "' is no parameter here",
                       known.empty() ? "there are none here" : "there are: " + all,
                       did_you_mean(name, known).value_or("")};
  }
}

std::optional<std::string> text_parameter(const http_request& request, std::string_view name) {
  const auto raw = request.parameter(name);
  if (!raw) return std::nullopt;
  auto out = percent_decoded(*raw);
  if (!out) throw http_problem{400, "'" + std::string{name} + "' is not percent-encoded as it should be"};
  return out;
}

std::optional<std::uint64_t> number_parameter(const http_request& request, std::string_view name) {
  const auto text = text_parameter(request, name);
  if (!text) return std::nullopt;
  const auto out = whole_number(*text);
  if (!out) throw http_problem{400, "'" + std::string{name} + "' is to be a whole number, and is '" + *text + "'"};
  return out;
}

}  // namespace steward::control_api
