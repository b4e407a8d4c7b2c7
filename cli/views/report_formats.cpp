#include "cli/views/report.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"
#include "observe/view_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

namespace steward::cli {
namespace {

using json = nlohmann::ordered_json;
using phrases::counted;
using time_point = run_view::time_point;

/// One table of a report, in cells.
struct section {
  std::string title;
  std::vector<table::column> columns;
  std::vector<std::vector<cell>> rows;
};

std::string number(std::uint64_t n) { return std::to_string(n); }

std::string recoveries_text(const run_report& x) {
  const auto& all = x.view.summary.all();
  auto out = counted(all.recoveries, "recovery", "recoveries");
  if (all.recovery_times.empty()) return out;
  const auto part = [&](std::uint64_t percent) { return report::human_ms(x.view.summary.percentile_ms(percent)); };
  return out + fmt::format(": p50 {}, p99 {}, max {}", part(50), part(99), part(100));
}

/// What happened, in a few sentences.
std::vector<std::string> headlines(const run_report& x) {
  const auto& all = x.view.summary.all();
  std::vector<std::string> out;
  out.push_back(counted(x.view.crash_count, "crash", "crashes") +
                (x.crashes.size() > 1 ? " of " + counted(x.crashes.size(), "kind") : "") + "; " + recoveries_text(x));
  out.push_back(fmt::format("{}, {}, {}", counted(x.view.restarts, "restart"), counted(x.view.hangs, "hang"),
                            counted(x.view.interventions, "intervention")));
  out.push_back(fmt::format("tasks: {} retried, {} lost ({} quarantined, {} failed, {} given up)", all.retried,
                            x.lost_tasks, all.quarantined, all.failed, all.given_up));
  if (const auto n = x.view.summary.cancelled(); n > 0) out.back() += fmt::format(", {} cancelled", n);
  auto lost = counted(all.lost_messages + all.quarantined_messages, "message") + " lost";
  if (all.quarantined_messages > 0) lost += fmt::format(" ({} quarantined)", all.quarantined_messages);
  out.push_back(std::move(lost));
  if (const auto& left = x.unfinished; left && left->messages + left->tasks > 0)
    out.push_back(fmt::format("gone with the program, as last seen at {}: {} that waited, {} that {} not over",
                              phrases::at(left->at, x.now), counted(left->messages, "message"),
                              counted(left->tasks, "task"), left->tasks == 1 ? "was" : "were"));
  std::string flapping;
  for (const auto& one : x.children)
    if (one.flaps && x.state != run_state::over) flapping += (flapping.empty() ? "" : ", ") + one.path;
  if (!flapping.empty()) out.push_back("flapping, restarted again and again without coming to rest: " + flapping);
  return out;
}

section crashes_of(const run_report& x) {
  section out{"Crashes by place and cause", {{"COUNT", true}, {"WHERE", false, true}, {"CAUSE", false, true}}, {}};
  for (const auto& one : x.crashes) out.rows.push_back({{number(one.count)}, {one.place}, {one.cause, ink::bad}});
  return out;
}

section alike_of(const run_report& x) {
  section out{"Crashes that are alike",
              {{"COUNT", true}, {"FINGERPRINT"}, {"FIRST"}, {""}, {"LAST"}, {""}, {"CAUSE", false, true}},
              {}};
  std::vector<std::pair<const std::string*, const alike_view*>> all;
  for (const auto& [fingerprint, one] : x.view.alike) all.emplace_back(&fingerprint, &one);
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.second->count > b.second->count; });
  for (const auto& [fingerprint, one] : all)
    out.rows.push_back({{number(one->count)},
                        {*fingerprint},
                        {report::escaped(one->first_id)},
                        {phrases::at(one->first, x.now), ink::dim},
                        {report::escaped(one->last_id)},
                        {phrases::at(one->last, x.now), ink::dim},
                        {report::escaped(one->cause)}});
  return out;
}

section children_of(const run_report& x) {
  section out{"Restarts and downtime by child",
              {{"CHILD", false, true, false, true},
               {x.state == run_state::lost ? "LAST STATUS" : "STATUS"},
               {"RESTARTS", true},
               {"CRASHES", true},
               {"DOWN FOR", true},
               {"LOST MESSAGES", true},
               {"LAST CRASH"},
               {"ITS CAUSE", false, true}},
              {}};
  for (const auto& one : x.children) {
    const auto lost = one.lost_messages + one.quarantined_messages;
    out.rows.push_back({{one.path},
                        one.told,
                        {number(one.restarts)},
                        {number(one.crashes)},
                        {one.downtime.count() > 0 ? phrases::span(one.downtime) : std::string{}},
                        {lost > 0 ? number(lost) : std::string{}},
                        {one.last_crash},
                        {one.last_cause}});
  }
  return out;
}

/// A pool that has not stopped has not said how many tasks went well.
std::string told(const run_report::pool_row& x, std::uint64_t n) { return x.counts.submitted > 0 ? number(n) : "?"; }

section pools_of(const run_report& x) {
  section out{"Tasks by pool",
              {{"POOL", false, true, false, true},
               {"SUBMITTED", true},
               {"DONE", true},
               {"RETRIED", true},
               {"QUARANTINED", true},
               {"FAILED", true},
               {"GIVEN UP", true},
               {"CANCELLED", true}},
              {}};
  for (const auto& one : x.pools)
    out.rows.push_back({{one.path},
                        {told(one, one.counts.submitted)},
                        {told(one, one.counts.succeeded)},
                        {number(one.counts.retried)},
                        {number(one.counts.quarantined)},
                        {number(one.counts.failed)},
                        {number(one.counts.given_up)},
                        {told(one, one.cancelled)}});
  return out;
}

std::vector<section> sections_of(const run_report& x) {
  std::vector<section> out;
  for (auto one : {crashes_of(x), alike_of(x), children_of(x), pools_of(x)})
    if (!one.rows.empty()) out.push_back(std::move(one));
  return out;
}

std::string in_markdown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view{"|<>*_`\\["}.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string in_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string markdown_of(const section& x) {
  std::string head = "|";
  std::string rule = "|";
  for (const auto& one : x.columns) {
    head += " " + in_markdown(one.title) + " |";
    rule += one.right ? "---:|" : "---|";
  }
  auto out = fmt::format("\n## {}\n\n{}\n{}\n", x.title, head, rule);
  for (const auto& row : x.rows) {
    out += "|";
    for (const auto& one : row) out += " " + in_markdown(one.text) + " |";
    out += "\n";
  }
  return out;
}

double seconds_of(const run_report& x) {
  const auto end = x.view.ended.value_or(x.now);
  return std::chrono::duration<double>(end - x.view.started.value_or(end)).count();
}

struct test_case {
  std::string name;
  std::string failure;  ///< empty: it went well
  std::string more;
};

test_case case_of_run(const run_report& x) {
  test_case out{"run", {}, {}};
  if (x.view.died)
    out.failure = "the program died";
  else if (x.view.code.value_or(0) != 0)
    out.failure = fmt::format("exit code {}", *x.view.code);
  else if (!x.view.ended && !x.live)
    out.failure = "its end is not told";
  for (const auto& one : headlines(x)) out.more += one + "\n";
  for (const auto& one : x.remarks) out.more += one + "\n";
  return out;
}

test_case case_of(const std::string& path, const child_view& child, const run_report& x) {
  test_case out{report::actor_text(path), {}, {}};
  const auto fail = [&](const std::string& why) { out.failure += (out.failure.empty() ? "" : "; ") + why; };
  if (child.status == view_status::gave_up) fail("gave up");
  if (child.status == view_status::parked) fail("parked");
  if (child.lost_messages > 0) fail(counted(child.lost_messages, "message") + " lost");
  if (child.quarantined_messages > 0) fail(counted(child.quarantined_messages, "message") + " quarantined");
  if (child.pool) {
    const auto& p = *child.pool;
    if (const auto lost = p.quarantined + p.failed + p.given_up; lost > 0)
      fail(fmt::format("{} lost ({} quarantined, {} failed, {} given up)", counted(lost, "task"), p.quarantined,
                       p.failed, p.given_up));
  }
  for (const auto& one : x.crashes)
    if (one.place == out.name) out.more += fmt::format("{} x {}\n", one.count, one.cause);
  return out;
}

}  // namespace

std::string render_report_text(const run_report& x, const paper& on) {
  auto out = inked(phrases::run_line(x.view, x.live, x.now), ink::strong, on) + "\n";
  for (const auto& one : headlines(x)) out += one + "\n";
  for (const auto& one : x.remarks) out += inked("note: " + one, ink::odd, on) + "\n";
  for (const auto& one : sections_of(x)) {
    table cells{one.columns};
    for (const auto& row : one.rows) cells.add(row);
    out += "\n" + inked(one.title, ink::strong, on) + "\n" + cells.text(on);
  }
  if (x.view.crash_count > x.view.crashes.size())
    out += fmt::format("\nDetails are kept of the last {} crashes; an events file or a run directory has all.\n",
                       x.view.crashes.size());
  if (!x.view.crashes.empty())
    out += fmt::format("\nOne of them whole: steward show {}{}{}\n", report::escaped(x.view.crashes.back().id),
                       x.named.empty() ? "" : " ", report::escaped(x.named));
  return out;
}

std::string render_report_markdown(const run_report& x) {
  auto out = "# " + in_markdown(phrases::run_line(x.view, x.live, x.now)) + "\n\n";
  for (const auto& one : headlines(x)) out += "- " + in_markdown(one) + "\n";
  for (const auto& one : x.remarks) out += "- **note:** " + in_markdown(one) + "\n";
  for (const auto& one : sections_of(x)) out += markdown_of(one);
  return out;
}

std::string render_report_json(const run_report& x) {
  auto out = json::object();
  out["run"] = json::parse(json_of_run(x.view));
  out["live"] = x.live;
  out["state"] = to_string(x.state);
  const auto& summary = x.view.summary;
  out["recovery"] = {{"count", summary.all().recoveries},
                     {"p50_ms", summary.percentile_ms(50)},
                     {"p99_ms", summary.percentile_ms(99)},
                     {"max_ms", summary.percentile_ms(100)}};
  auto& crashes = out["crashes"] = json::array();
  for (const auto& one : x.crashes)
    crashes.push_back({{"place", one.place}, {"cause", one.cause}, {"count", one.count}});
  auto& alike = out["alike"] = json::array();
  for (const auto& [fingerprint, one] : x.view.alike) alike.push_back(json::parse(json_of(fingerprint, one)));
  auto& pools = out["pools"] = json::array();
  for (const auto& one : x.pools) {
    json row{{"path", one.path}};
    row.update(json::parse(json_of(one.counts)));
    row["lost"] = one.lost;
    pools.push_back(std::move(row));
  }
  auto& children = out["children"] = json::array();
  for (const auto& one : x.children)
    children.push_back({{"path", one.path},
                        {"kind", one.kind},
                        {"status", to_string(one.status)},
                        {"flapping", one.flaps},
                        {"restarts", one.restarts},
                        {"crashes", one.crashes},
                        {"downtime_ms", std::chrono::duration<double, std::milli>(one.downtime).count()},
                        {"lost_messages", one.lost_messages},
                        {"quarantined_messages", one.quarantined_messages},
                        {"last_crash", one.last_crash},
                        {"last_cause", one.last_cause}});
  out["lost_tasks"] = x.lost_tasks;
  out["lost_messages"] = summary.all().lost_messages;
  out["quarantined_messages"] = summary.all().quarantined_messages;
  if (x.unfinished) out["unfinished"] = {{"messages", x.unfinished->messages}, {"tasks", x.unfinished->tasks}};
  out["remarks"] = x.remarks;
  return out.dump(2) + "\n";
}

std::string render_report_junit(const run_report& x) {
  std::vector<test_case> cases{case_of_run(x)};
  for (const auto& [path, child] : x.view.children)
    if (child.kind != "worker") cases.push_back(case_of(path, child, x));
  const auto failures = std::count_if(cases.begin(), cases.end(), [](const auto& one) { return !one.failure.empty(); });
  const auto name = in_xml(report::escaped(x.view.scenario ? x.view.scenario->name : x.view.run));
  auto out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" time=\"{:.3f}\">\n",
      name, cases.size(), failures, seconds_of(x));
  for (const auto& one : cases) {
    out += fmt::format("<testcase classname=\"{}\" name=\"{}\">", name, in_xml(one.name));
    if (!one.failure.empty()) out += fmt::format("<failure message=\"{}\"/>", in_xml(one.failure));
    if (!one.more.empty()) out += fmt::format("<system-out>{}</system-out>", in_xml(one.more));
    out += "</testcase>\n";
  }
  return out + "</testsuite>\n</testsuites>\n";
}

}  // namespace steward::cli
