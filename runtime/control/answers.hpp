#pragma once

#include "control/event_stream.hpp"
#include "control/http.hpp"
#include "control/metrics.hpp"
#include "control/router.hpp"
#include "observe/run_view.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <string>

// What the routes that read answer, as values. Pure.
namespace steward::control_api {

http_response json_response(const nlohmann::ordered_json& body);
/// The same of what is JSON already.
http_response json_response(std::string text);

/// `now` is the present. Of a run that has lived for more than an hour the last hour is told, too.
nlohmann::ordered_json run_json(const run_view& view, const program_facts& facts, run_view::time_point now);
/// With the children of each below it. As JSON.
std::string tree_json(const run_view& view);
/// With the paths of its children, and its crashes that are kept.
nlohmann::ordered_json child_json(const run_view& view, const std::string& path, const child_view& child);
/// Which crashes somebody wants.
struct crash_query {
  std::string path;    ///< of this child, or of the workers of this pool; empty: of any
  std::string before;  ///< only those before this one; empty: from the newest
  std::uint64_t limit = 100;
};

/// The newest first. `next` is what to ask for the ones `before`; not there when there are none.
nlohmann::ordered_json crashes_json(const run_view& view, const crash_query& query);
/// The OpenAPI description, docs/reference/openapi.json.
const char* openapi_text() noexcept;

/// Of the query. Throws `http_problem`.
event_filter filter_of(const http_request& request);
std::chrono::milliseconds step_of(const std::string& text);

}  // namespace steward::control_api
