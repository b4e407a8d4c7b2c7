#include "control/answers.hpp"

#include "base/suggest.hpp"
#include "control/http_text.hpp"
#include "control/problem.hpp"
#include "observe/view_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace steward::control_api {
namespace {

using json = nlohmann::ordered_json;

constexpr int most_kinds = 64;
constexpr int most_levels = 16;

/// Of an enumeration whose names end with "unknown".
template <class T>
std::vector<std::string> names_of(int most) {
  std::vector<std::string> out;
  for (int i = 0; i < most; ++i) {
    std::string name = to_string(static_cast<T>(i));
    if (name == "unknown") break;
    out.push_back(std::move(name));
  }
  return out;
}

template <class T>
T value_of(const std::string& name, const char* what, int most) {
  const auto all = names_of<T>(most);
  const auto it = std::find(all.begin(), all.end(), name);
  if (it == all.end())
    throw http_problem{400, "'" + name + "' is no " + what, "there are: " + list_names(all, all.size()),
                       did_you_mean(name, all).value_or("")};
  return static_cast<T>(it - all.begin());
}

constexpr std::chrono::hours an_hour{1};

bool is_live(const run_view& view, const program_facts& facts) { return !view.ended && !facts.record; }

/// Of the crashes that are kept. Where the first of these is within the hour, too, there were more.
json last_hour(const run_view& view, run_view::time_point now) {
  std::uint64_t crashes = 0;
  std::uint64_t recovered = 0;
  for (auto it = view.crashes.rbegin(); it != view.crashes.rend() && it->at >= now - an_hour; ++it) {
    ++crashes;
    if (it->recovery_ms) ++recovered;
  }
  json out{{"crashes", crashes}, {"recovered", recovered}};
  if (crashes == view.crashes.size() && view.crash_count > crashes) out["at_least"] = true;
  return out;
}

/// As `ps` tells it: "lost" is a run whose end nobody has told.
const char* state_of(const run_view& view, const program_facts& facts) {
  if (is_live(view, facts)) return "live";
  return view.ended ? "over" : "lost";
}

}  // namespace

http_response json_response(const json& body) {
  http_response out;
  out.body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  return out;
}

http_response json_response(std::string text) {
  http_response out;
  out.body = std::move(text) + "\n";
  return out;
}

json run_json(const run_view& view, const program_facts& facts, run_view::time_point now) {
  json out{{"name", facts.name}};
  if (!facts.record) out["pid"] = facts.pid;
  out["state"] = state_of(view, facts);
  if (!facts.socket.empty()) out["socket"] = facts.socket;
  out.update(json::parse(json_of_run(view)));
  const auto& summary = view.summary;
  if (summary.all().recoveries > 0)
    out["recovery_ms"] = {
        {"p50", summary.percentile_ms(50)}, {"p99", summary.percentile_ms(99)}, {"max", summary.percentile_ms(100)}};
  if (is_live(view, facts) && view.started && *view.started < now - an_hour) out["last_hour"] = last_hour(view, now);
  return out;
}

std::string tree_json(const run_view& view) {
  std::vector<const std::pair<const std::string, child_view>*> all;
  for (const auto& one : view.children) all.push_back(&one);
  // Those below come after what they are below, so a tree is put together from its end.
  std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->second.order < b->second.order; });
  std::map<std::string, std::vector<const std::pair<const std::string, child_view>*>> below;
  std::vector<const std::pair<const std::string, child_view>*> roots;
  for (const auto* one : all) {
    if (view.children.contains(one->second.parent))
      below[one->second.parent].push_back(one);
    else
      roots.push_back(one);
  }
  std::string out = "{\"last_seq\":" + std::to_string(view.last_seq) + ",\"children\":";
  // Each child is a text already: those below it are put before its end.
  const auto add = [&](const auto& self, const auto& list) -> void {
    out += '[';
    for (const auto* one : list) {
      if (out.back() != '[') out += ',';
      out += json_of(one->first, one->second);
      const auto it = below.find(one->first);
      if (it == below.end()) continue;
      out.back() = ',';
      out += "\"children\":";
      self(self, it->second);
      out += '}';
    }
    out += ']';
  };
  add(add, roots);
  return out + "}";
}

json child_json(const run_view& view, const std::string& path, const child_view& child) {
  json out = json::parse(json_of(path, child));
  if (const auto below = view.below(path); !below.empty()) out["children"] = below;
  auto& crashes = out["latest_crashes"] = json::array();
  for (const auto& one : view.crashes)
    if (one.path == path || one.place == path) crashes.push_back(json::parse(json_of(one)));
  return out;
}

json crashes_json(const run_view& view, const crash_query& query) {
  json out{{"crash_count", view.crash_count}, {"crashes", json::array()}, {"alike", json::array()}};
  auto& found = out["crashes"];
  auto one = view.crashes.rbegin();
  if (!query.before.empty()) {
    one = std::find_if(one, view.crashes.rend(), [&](const crash_view& x) { return x.id == query.before; });
    if (one != view.crashes.rend()) ++one;
  }
  std::string last;
  for (; one != view.crashes.rend(); ++one) {
    if (!query.path.empty() && one->path != query.path && one->place != query.path) continue;
    if (found.size() == query.limit) break;
    found.push_back(json::parse(json_of(*one)));
    last = one->id;
  }
  if (one != view.crashes.rend() && !last.empty()) out["next"] = last;
  for (const auto& [fingerprint, all] : view.alike) out["alike"].push_back(json::parse(json_of(fingerprint, all)));
  return out;
}

event_filter filter_of(const http_request& request) {
  event_filter out;
  out.actor = text_parameter(request, "actor").value_or("");
  if (const auto level = text_parameter(request, "level"); level && !level->empty())
    out.level = value_of<event_level>(*level, "level", most_levels);
  std::string kinds = text_parameter(request, "kind").value_or("");
  while (!kinds.empty()) {
    const auto comma = kinds.find(',');
    out.kinds.push_back(value_of<event_kind>(kinds.substr(0, comma), "kind of event", most_kinds));
    kinds.erase(0, comma == std::string::npos ? comma : comma + 1);
  }
  return out;
}

std::chrono::milliseconds step_of(const std::string& text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto unit = text.substr(digits);
  const auto number = whole_number(std::string_view{text}.substr(0, digits));
  const std::map<std::string, std::uint64_t> units{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};
  const auto it = units.find(unit);
  constexpr std::uint64_t most_ms = 1'000ULL * 3'600'000;
  if (!number || it == units.end() || *number > most_ms / it->second)
    throw http_problem{400, "'step' is to be a length of time such as 10s, and is '" + text + "'"};
  return std::chrono::milliseconds{*number * it->second};
}

}  // namespace steward::control_api
