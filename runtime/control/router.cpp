#include "control/router.hpp"

#include "base/suggest.hpp"
#include "base/utc_time.hpp"
#include "control/answers.hpp"
#include "control/crash_json.hpp"
#include "control/http_text.hpp"
#include "control/page_files.hpp"
#include "control/problem.hpp"
#include "control/timeline_json.hpp"
#include "observe/view_json.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace steward::control_api {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t small_view = 200;  // children: what takes longer is no work for the thread that serves all
constexpr std::size_t most_suggested = 2'000;

const std::array<std::string, 12> read_routes{"/",        "/metrics",    "/v1/run",          "/v1/view",
                                              "/v1/tree", "/v1/crashes", "/v1/events",       "/v1/timeline",
                                              "/v1/plan", "/v1/samples", "/v1/openapi.json", "/v1/children/PATH"};
const std::array<std::string, 2> write_routes{"/v1/reload", "/v1/shutdown"};
const std::array<std::string, 6> verbs{"start", "stop", "restart", "kill", "park", "revive"};
constexpr std::string_view children_route = "/v1/children/";
constexpr std::string_view pools_route = "/v1/pools/";
constexpr std::string_view crashes_route = "/v1/crashes/";
constexpr std::string_view account_ending = "/account";

http_problem no_such_route(const std::string& path) {
  std::vector<std::string> all{read_routes.begin(), read_routes.end()};
  all.insert(all.end(), write_routes.begin(), write_routes.end());
  return {404, "there is nothing at " + path, "GET /v1/openapi.json tells what there is",
          did_you_mean(path, all).value_or("")};
}

/// "/v1/children/root/a" as "/root/a".
std::string child_path(std::string_view rest) { return "/" + std::string{rest}; }

run_monitor::time_point time_parameter(const http_request& request, std::string_view name,
                                       run_monitor::time_point otherwise) {
  const auto text = text_parameter(request, name);
  if (!text) return otherwise;
  if (const auto at = utc_time(*text)) return *at;
  throw http_problem{
      400, "'" + std::string{name} + "' is to be a time such as 2026-11-29T03:47:16.253219Z, and is '" + *text + "'"};
}

/// A run that lives has better uses for its memory.
time_machine_limits limits_of(const program_facts& facts) {
  time_machine_limits out;
  if (facts.record) out.most_pictures *= 4, out.most_picture_bytes *= 4;
  return out;
}

}  // namespace

router::router(run_monitor& monitor, operations_slot& operations, program_facts facts)
    : monitor_(monitor), past_(monitor, limits_of(facts)), operations_(operations), facts_(std::move(facts)) {}

http_answer router::answer(const http_request& request) {
  http_answer out;
  try {
    out = answer_checked(request);
  } catch (const http_problem& problem) {
    out = problem.response();
  } catch (const std::exception& problem) {
    out = http_problem{503, "this cannot be answered now", problem.what()}.response();
  }
  if (auto* response = std::get_if<http_response>(&out)) return finished(std::move(*response));
  return out;
}

http_response router::finished(http_response out) const {
  constexpr int first_error = 400;
  if (out.status < first_error)
    for (auto& one : run_header(monitor_.run())) out.headers.push_back(std::move(one));
  add_safety_headers(out);
  return out;
}

http_answer router::answer_checked(const http_request& request) {
  if (!request.peer.local && access_)
    if (auto welcome = access_->welcome(request)) return std::move(*welcome);
  refuse_strangers(request);
  const auto path = percent_decoded(request.path);
  if (!path) throw http_problem{400, "the path is not percent-encoded as it should be"};
  if (request.method == "GET" || request.method == "HEAD") return get(request, *path);
  if (request.method == "POST") return post(request, *path);
  throw http_problem{405, "there is no " + request.method + " here"}.with("Allow", "GET, HEAD, POST");
}

void router::refuse_strangers(const http_request& request) const {
  if (request.peer.local) {
    if (request.peer.uid == facts_.uid || request.peer.uid == 0) return;
    throw http_problem{403, "this run belongs to uid " + std::to_string(facts_.uid)};
  }
  if (!access_) throw http_problem{403, "this run is not to be observed"};
  const auto problem = access_->check(request);
  if (!problem) return;
  http_problem out{problem->status, problem->why};
  if (problem->status == 401) out.with("WWW-Authenticate", "Bearer");
  throw out;
}

http_answer router::get(const http_request& request, const std::string& path) {
  const std::string_view text = path;
  static const std::vector<std::string> of_events{"after", "run", "actor", "kind", "level", "limit"};
  static const std::vector<std::string> of_samples{"path", "from", "to", "step"};
  static const std::vector<std::string> of_tree{"at"};
  static const std::vector<std::string> of_metrics{"children"};
  static const std::vector<std::string> of_crashes{"path", "before", "limit"};
  if (path == "/v1/events") return expect_parameters(request, of_events), events(request);
  if (path == "/v1/samples") return expect_parameters(request, of_samples), samples(request);
  if (path == "/v1/tree") return expect_parameters(request, of_tree), tree(request);
  if (path == "/v1/view") return expect_parameters(request, of_tree), view(request);
  if (path == "/metrics") return expect_parameters(request, of_metrics), metrics(request);
  if (path == "/v1/timeline") return expect_parameters(request, timeline_parameters()), timeline(request);
  if (path == "/v1/crashes") return expect_parameters(request, of_crashes), crashes(request);
  if (const auto* file = page_file_at(path)) return http_response{200, file->type, std::string{file->body}, {}};
  expect_parameters(request, {});
  if (path == "/v1/run") return run();
  if (path == "/v1/plan") return plan();
  if (path == "/v1/openapi.json") return http_response{200, json_type, openapi_text(), {}};
  if (text.starts_with(children_route)) return child(child_path(text.substr(children_route.size())), false);
  if (text.starts_with(pools_route)) return child(child_path(text.substr(pools_route.size())), true);
  if (text.starts_with(crashes_route) && text.ends_with(account_ending))
    return account(path.substr(crashes_route.size(), path.size() - crashes_route.size() - account_ending.size()));
  if (text.starts_with(crashes_route)) return crash(path.substr(crashes_route.size()));
  for (const auto& one : write_routes)
    if (path == one) throw http_problem{405, path + " is to be posted to"}.with("Allow", "POST");
  throw no_such_route(path);
}

http_answer router::run() {
  http_response out;
  monitor_.look([&](const run_view& x) { out = json_response(run_json(x, facts_, utc_now())); });
  return out;
}

run_view router::view_at(const std::string& at) {
  auto seq = whole_number(at);
  if (!seq) {
    const auto when = utc_time(at);
    if (!when)
      throw http_problem{
          400,
          "'at' is to be the number of an event or a time such as 2026-11-29T03:47:16.253219Z, and is '" + at + "'"};
    seq = past_.seq_at(*when);
    if (!seq) throw http_problem{404, "the run as it was at " + at + " is not to be had", "no event is so old"};
  }
  if (auto out = past_.view_at(*seq)) return std::move(*out);
  throw http_problem{404, "the run as it was at event " + std::to_string(*seq) + " is not to be had",
                     "the newest event is " + std::to_string(monitor_.last_seq()) +
                         ", and those up to the one that is asked for must be kept"};
}

http_answer router::view(const http_request& request) {
  if (const auto at = text_parameter(request, "at"))
    return slow_answer([this, at = *at] { return json_response(json_of(view_at(at))); });
  std::optional<http_response> out;
  monitor_.look([&](const run_view& x) {
    if (x.children.size() <= small_view) out = json_response(json_of(x));
  });
  if (out) return std::move(*out);
  return http_errand{[this] {
    run_view copy;
    monitor_.look([&](const run_view& x) { copy = x; });
    return finished(json_response(json_of(copy)));
  }};
}

http_answer router::tree(const http_request& request) {
  return slow_answer([this, at = text_parameter(request, "at")] {
    if (at) return json_response(tree_json(view_at(*at)));
    run_view copy;
    monitor_.look([&](const run_view& x) { copy = x; });
    return json_response(tree_json(copy));
  });
}

http_answer router::timeline(const http_request& request) {
  return slow_answer([this, query = timeline_query_of(request)] {
    std::string out;
    past_.look([&](const run_timeline& x) { out = timeline_json(x, query); });
    return json_response(std::move(out));
  });
}

http_answer router::plan() {
  return slow_answer([this] {
    std::string out;
    if (const auto use = operations_.take()) out = (*use).plan();
    if (out.empty()) out = facts_.plan;
    if (out.empty())
      throw http_problem{
          404, "there is no plan to be shown",
          facts_.record
              ? "only a run directory keeps it of a run that is over; 'steward plan FILE' shows that of a file"
              : "the program has none, or runs nothing"};
    return json_response(std::move(out));
  });
}

http_answer router::account(const std::string& id) {
  return slow_answer([this, id] {
    if (const auto out = past_.account_of(id)) return json_response(account_json(*out));
    throw no_such_crash(id);
  });
}

http_answer router::slow_answer(std::function<http_response()> f) {
  return http_errand{[this, f = std::move(f)] {
    http_response out;
    try {
      out = f();
    } catch (const http_problem& problem) {
      out = problem.response();
    } catch (const std::exception& problem) {
      out = http_problem{503, "this cannot be answered now", problem.what()}.response();
    }
    return finished(std::move(out));
  }};
}

http_problem router::no_such_child(const std::string& path) {
  std::vector<std::string> paths;
  monitor_.look([&](const run_view& x) {
    for (const auto& [one, child] : x.children)
      if (paths.size() < most_suggested && child.kind != "worker") paths.push_back(one);
  });
  return {404, "there is no child at " + path, {}, did_you_mean(path, paths).value_or("")};
}

bool router::is_child(const std::string& path) {
  bool out = false;
  monitor_.look([&](const run_view& x) { out = x.find(path) != nullptr; });
  return out;
}

http_answer router::child(const std::string& path, bool as_pool) {
  std::optional<http_response> out;
  std::string kind;
  monitor_.look([&](const run_view& x) {
    const auto* found = x.find(path);
    if (found == nullptr) return;
    kind = found->kind.empty() ? "unknown" : found->kind;
    if (!as_pool || found->pool || kind == "pool") out = json_response(child_json(x, path, *found));
  });
  if (out) return std::move(*out);
  if (!kind.empty()) throw http_problem{404, path + " is no pool; it is of the kind " + kind};
  throw no_such_child(path);
}

http_answer router::crashes(const http_request& request) {
  crash_query query;
  query.path = text_parameter(request, "path").value_or("");
  query.before = text_parameter(request, "before").value_or("");
  query.limit = number_parameter(request, "limit").value_or(query.limit);
  std::optional<http_response> out;
  bool any = false;
  monitor_.look([&](const run_view& x) {
    if (!query.before.empty() && x.crash(query.before) == nullptr) return;
    const auto found = crashes_json(x, query);
    any = !found.at("crashes").empty();
    out = json_response(found);
  });
  if (!out) throw no_such_crash(query.before);
  if (!query.path.empty() && !any && !is_child(query.path)) throw no_such_child(query.path);
  return std::move(*out);
}

http_problem router::no_such_crash(const std::string& id) {
  std::vector<std::string> ids;
  monitor_.look([&](const run_view& x) {
    for (const auto& one : x.crashes) ids.push_back(one.id);
  });
  return {404, "there is no crash " + id + ", or it is not kept any more", {}, did_you_mean(id, ids).value_or("")};
}

http_answer router::crash(const std::string& id) {
  std::optional<http_response> out;
  monitor_.look([&](const run_view& x) {
    if (const auto* found = x.crash(id)) out = json_response(json_of(*found));
  });
  if (out) return std::move(*out);
  throw no_such_crash(id);
}

http_answer router::events(const http_request& request) {
  event_query query;
  query.which = filter_of(request);
  if (const auto limit = number_parameter(request, "limit")) query.limit = *limit;
  const bool feeds = accepts(request.accept, event_stream_type);
  const auto after = text_parameter(request, "after");
  if (after == "now")
    query.after = monitor_.last_seq();
  else if (after)
    query.after = *number_parameter(request, "after");
  if (feeds && !request.last_event_id.empty()) {  // it comes again
    const auto last = whole_number(request.last_event_id);
    if (!last)
      throw http_problem{400, "'Last-Event-ID' is to be a whole number, and is '" + request.last_event_id + "'"};
    query.after = *last;
  }
  const auto of_run = text_parameter(request, "run");
  const auto run = monitor_.run();
  if (of_run ? *of_run != run : query.after > monitor_.last_seq()) {
    if (!feeds)
      throw http_problem{409, "event " + std::to_string(query.after) + " is of another run",
                         "this is the run " + run + "; its newest event is " + std::to_string(monitor_.last_seq())};
    query.in_other_run = std::exchange(query.after, 0);
  }
  return feeds ? event_feed(monitor_, lines_, std::move(query)) : event_lines(monitor_, lines_, std::move(query));
}

http_answer router::samples(const http_request& request) {
  const auto path = text_parameter(request, "path").value_or("");
  const auto from = time_parameter(request, "from", run_monitor::time_point::min());
  const auto to = time_parameter(request, "to", run_monitor::time_point::max());
  const auto step = step_of(text_parameter(request, "step").value_or("0s"));
  json out{{"path", path}, {"samples", json::array()}};
  for (const auto& one : monitor_.samples_of(path, from, to, step)) out["samples"].push_back(json::parse(json_of(one)));
  if (!path.empty() && out["samples"].empty() && !is_child(path)) throw no_such_child(path);
  return json_response(out);
}

http_answer router::metrics(const http_request& request) {
  metrics_options how;
  if (const auto which = text_parameter(request, "children")) {
    if (*which != "all") throw http_problem{400, "'children' is to be 'all', or left out, and is '" + *which + "'"};
    how.most_children = metrics_options::all_children;
  }
  return slow_answer([this, how] {
    run_view copy;
    monitor_.look([&](const run_view& x) { copy = x; });
    http_response out;
    out.type = "text/plain; version=0.0.4; charset=utf-8";
    out.body = metrics_text(copy, facts_, how);
    return out;
  });
}

http_answer router::post(const http_request& request, const std::string& path) {
  const std::string_view text = path;
  expect_parameters(request, {});
  if (text.starts_with(children_route)) return operate(request, text.substr(children_route.size()));
  if (text.starts_with(pools_route)) return resize(request, text.substr(pools_route.size()));
  if (path == "/v1/reload") return reload(request);
  if (path == "/v1/shutdown") return shutdown(request);
  for (const auto& one : read_routes)
    if (path == one) throw http_problem{405, path + " is only to be read"}.with("Allow", "GET, HEAD");
  throw no_such_route(path);
}

namespace {

/// The body as a JSON object; an empty one where there is none.
json object_of(const http_request& request) {
  if (request.body.empty()) return json::object();
  auto out = json::parse(request.body, nullptr, false);
  if (!out.is_object()) throw http_problem{400, "the body is to be a JSON object"};
  return out;
}

void expect_keys(const json& body, const std::vector<std::string>& known) {
  for (const auto& [key, value] : body.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw http_problem{400, "'" + key + "' is not understood here",
                         known.empty() ? "nothing is to be said here" : "there are: " + list_names(known),
                         did_you_mean(key, known).value_or("")};
}

/// "root/a/stop" as "/root/a" and "stop".
std::pair<std::string, std::string> path_and_verb(std::string_view rest) {
  const auto slash = rest.rfind('/');
  if (slash == std::string_view::npos) return {"/", std::string{rest}};
  return {child_path(rest.substr(0, slash)), std::string{rest.substr(slash + 1)}};
}

int status_of(const control_outcome& x) {
  if (x) return 200;
  if (x.code == "not_found") return 404;
  if (x.code == "invalid") return 422;
  if (x.code == "unsupported") return 501;
  if (x.code == "timed_out") return 504;
  return 409;
}

}  // namespace

http_answer router::operate(const http_request& request, std::string_view rest) {
  const auto [path, verb] = path_and_verb(rest);
  const auto what = operation_named(verb);
  if (!what)
    throw http_problem{404, "'" + verb + "' is nothing that can be done to a child",
                       "there are: start, stop, restart, kill, park, revive", did_you_mean(verb, verbs).value_or("")};
  expect_keys(object_of(request), {});
  return errand(request, path, [what = *what, path = path](operations& to, const std::string& by) {
    return to.operate(what, path, by);
  });
}

http_answer router::resize(const http_request& request, std::string_view rest) {
  constexpr std::int64_t most_workers = 1'024;
  const auto [path, verb] = path_and_verb(rest);
  if (verb != "resize") {
    const std::vector<std::string> there{"resize"};
    throw http_problem{404, "'" + verb + "' is nothing that can be done to a pool", "there is: resize",
                       did_you_mean(verb, there).value_or("")};
  }
  const auto body = object_of(request);
  expect_keys(body, {"workers"});
  const auto workers = body.find("workers");
  if (workers == body.end() || !workers->is_number_integer() || *workers < 0 || *workers > most_workers)
    throw http_problem{400, "'workers' is to be a whole number from 0 to " + std::to_string(most_workers)};
  return errand(request, path,
                [path = path, workers = workers->get<unsigned>()](operations& to, const std::string& by) {
                  return to.resize(path, workers, by);
                });
}

http_answer router::reload(const http_request& request) {
  const auto body = object_of(request);
  expect_keys(body, {"dry_run", "file"});
  control_reload what;
  if (const auto dry = body.find("dry_run"); dry != body.end()) {
    if (!dry->is_boolean()) throw http_problem{400, "'dry_run' is to be true or false"};
    what.dry_run = *dry;
  }
  if (const auto file = body.find("file"); file != body.end()) {
    if (!file->is_string()) throw http_problem{400, "'file' is to be a path"};
    what.file = *file;
  }
  return errand(request, "/root", [what](operations& to, const std::string& by) { return to.reload(what, by); });
}

http_answer router::shutdown(const http_request& request) {
  expect_keys(object_of(request), {});
  return errand(request, "/root", [](operations& to, const std::string& by) { return to.shutdown(by); });
}

http_answer router::errand(const http_request& request, std::string path,
                           std::function<control_outcome(operations&, const std::string&)> f) {
  return http_errand{[this, peer = request.peer, path = std::move(path), f = std::move(f)] {
    http_response out;
    try {
      const auto by = peer.local ? name_of_user(peer.uid) : "web";
      const auto use = operations_.take();
      if (!use)
        throw http_problem{
            409, facts_.record ? "the run is over; there is nothing to be steered" : "there is no tree that runs"};
      out = response_of(f(*use, by), path);
    } catch (const http_problem& problem) {
      out = problem.response();
    } catch (const std::exception& problem) {
      out = http_problem{500, "it went wrong", problem.what()}.response();
    }
    return finished(std::move(out));
  }};
}

http_response router::response_of(const control_outcome& what, const std::string& path) {
  if (what.code == "not_found") {
    auto out = no_such_child(path);
    return out.response();
  }
  json body;
  if (what)
    body = {{"ok", true}, {"code", what.code}, {"path", path}, {"text", what.text}};
  else
    body = {{"title", what.text}, {"status", status_of(what)}, {"code", what.code}};
  if (!what.changes.empty()) {
    auto& changes = body["changes"] = json::array();
    for (const auto& one : what.changes) {
      json change{{"path", one.path}, {"what", one.what}};
      if (!one.waits_for.empty()) change["waits_for"] = one.waits_for;
      changes.push_back(std::move(change));
    }
  }
  if (!what.faults.empty()) body["faults"] = what.faults;
  auto out = json_response(body);
  out.status = status_of(what);
  if (!what) out.type = problem_type;
  return out;
}

}  // namespace steward::control_api
