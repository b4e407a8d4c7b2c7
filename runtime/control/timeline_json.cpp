#include "control/timeline_json.hpp"

#include "base/utc_time.hpp"
#include "control/problem.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::control_api {
namespace {

using json = nlohmann::ordered_json;

/// Of those that fall into the same `most`-th part of the time, the last one.
json crashes_of(const timeline_lane& lane, const timeline_query& query, timeline_time from, timeline_time to) {
  auto out = json::array();
  const auto width = std::max<timeline_time>(1, (to - from) / static_cast<timeline_time>(query.most));
  timeline_time last = -1;
  for (const auto& one : lane.crashes) {
    if (one.at < query.from || one.at >= query.to) continue;
    const auto part = (one.at - from) / width;
    json mark{one.at, one.seq, one.id};
    if (part == last && lane.crashes.size() > query.most)
      out.back() = std::move(mark);
    else
      out.push_back(std::move(mark));
    last = part;
  }
  return out;
}

json lane_json(const std::string& path, const timeline_lane& lane, const timeline_query& query, timeline_time now) {
  auto merged = lane.forgotten;
  const auto bars = run_timeline::bars_between(lane, query.from, query.to, now, query.most, merged);
  json out{{"path", path}, {"kind", lane.kind}, {"parent", lane.parent}};
  auto& list = out["bars"] = json::array();
  for (const auto& one : bars)
    list.push_back({one.from, one.to == timeline_bar::open ? json(nullptr) : json(one.to), to_string(one.status),
                    one.incarnation, one.seq});
  const auto from = lane.bars.empty() ? now : std::max(query.from, lane.bars.front().from);
  out["crashes"] = crashes_of(lane, query, from, std::max(from, std::min(query.to, now)));
  if (merged > 0) out["merged"] = merged;
  return out;
}

json strip_json(const timeline_strip& x) {
  const auto list = [&](const auto& all) {
    return json(std::vector<std::uint64_t>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(x.count)));
  };
  return {{"from_us", x.from},
          {"step_us", x.step},
          {"events", list(x.events)},
          {"crashes", list(x.crashes)},
          {"seq", list(x.newest)}};
}

bool is_at_or_below(std::string_view path, std::string_view top) {
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/' || top.ends_with('/'));
}

std::size_t size_of(const http_request& request, std::string_view name, std::size_t otherwise, std::size_t most) {
  const auto given = number_parameter(request, name);
  if (!given) return otherwise;
  if (*given == 0 || *given > most)
    throw http_problem{400, "'" + std::string{name} + "' is to be a whole number from 1 to " + std::to_string(most)};
  return static_cast<std::size_t>(*given);
}

timeline_time time_of(const http_request& request, std::string_view name, timeline_time otherwise) {
  const auto text = text_parameter(request, name);
  if (!text) return otherwise;
  if (const auto at = utc_time(*text)) return timeline_time_of(*at);
  throw http_problem{
      400, "'" + std::string{name} + "' is to be a time such as 2026-11-29T03:47:16.253219Z, and is '" + *text + "'"};
}

}  // namespace

std::span<const std::string> timeline_parameters() {
  static const std::array<std::string, 6> all{"from", "to", "path", "offset", "limit", "most"};
  return all;
}

timeline_query timeline_query_of(const http_request& request) {
  timeline_query out;
  out.from = time_of(request, "from", out.from);
  out.to = time_of(request, "to", out.to);
  out.path = text_parameter(request, "path").value_or("");
  out.offset = static_cast<std::size_t>(number_parameter(request, "offset").value_or(0));
  out.limit = size_of(request, "limit", out.limit, timeline_query::most_lanes);
  out.most = size_of(request, "most", out.most, timeline_query::most_bars);
  return out;
}

std::string timeline_json(const run_timeline& of, const timeline_query& query) {
  const auto& view = of.view();
  const auto now = timeline_time_of(view.now);
  json out{{"run", view.run}, {"last_seq", view.last_seq}, {"missing", view.missing}};
  if (view.events > 0) {
    out["began"] = utc_text(run_view::time_point{
        std::chrono::duration_cast<run_view::time_point::duration>(std::chrono::microseconds{of.strip().from})});
    out["now"] = utc_text(view.now);
  }
  std::size_t total = 0;
  auto& lanes = out["lanes"] = json::array();
  for (const auto& path : of.order()) {
    if (!query.path.empty() && !is_at_or_below(path, query.path)) continue;
    if (total++ < query.offset || lanes.size() >= query.limit) continue;
    lanes.push_back(lane_json(path, of.lanes().find(path)->second, query, now));
  }
  out["total"] = total;
  auto& groups = out["groups"] = json::array();
  for (const auto& one : of.groups())
    if (one.at >= query.from && one.at < query.to) groups.push_back({one.at, one.seq, one.path, one.also});
  out["strip"] = strip_json(of.strip());
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace steward::control_api
