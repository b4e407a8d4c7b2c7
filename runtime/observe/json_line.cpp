#include "steward/sinks.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace steward {
namespace {

using json = nlohmann::ordered_json;

constexpr int format_version = 1;

std::string render_utc(std::chrono::system_clock::time_point at) {
  using namespace std::chrono;
  const auto whole = floor<seconds>(at);
  const auto micros = duration_cast<microseconds>(at - whole).count();
  return fmt::format("{:%FT%T}.{:06}Z", fmt::gmtime(system_clock::to_time_t(whole)), micros);
}

template <class T>
void put(json& out, const char* key, const std::optional<T>& value) {
  if (value) {
    out[key] = *value;
  }
}

void put(json& out, const char* key, const std::string& value) {
  if (!value.empty()) {
    out[key] = value;
  }
}

json render_cause(const cause& why) {
  json out;
  out["class"] = to_string(why.cls);
  if (why.signal != 0) {
    out["signal"] = signal_name(why.signal);
  }
  if (why.cls == cause_class::exit || why.code != 0) {
    out["code"] = why.code;
  }
  if (!why.exception.empty()) {
    out["exception"] = why.exception;
  }
  if (!why.message.empty()) {
    out["message"] = why.message;
  }
  if (why.address) {
    out["address"] = fmt::format("{:#x}", *why.address);
  }
  if (!why.stderr_tail.empty()) out["stderr"] = why.stderr_tail;
  if (why.rss_peak_kib > 0) out["rss_peak_kib"] = why.rss_peak_kib;
  if (!why.frames.empty()) {
    out["frames"] = why.frames;
  }
  return out;
}

json render_task(const event_task& task) {
  json out;
  out["id"] = task.id;
  out["name"] = task.name;
  out["args"] = task.args;
  out["attempt"] = task.attempt;
  out["attempts"] = task.attempts;
  out["ran_ms"] = task.ran_ms;
  return out;
}

json render_decision(const event_decision& decision) {
  json out;
  out["action"] = decision.action;
  if (!decision.strategy.empty()) {
    out["strategy"] = decision.strategy;
  }
  out["restarts"] = decision.restarts;
  out["limit"] = decision.limit;
  out["period_ms"] = decision.period_ms;
  out["delay_ms"] = decision.delay_ms;
  out["also"] = decision.also;
  return out;
}

json render_child(const event_child& child) {
  json out;
  put(out, "state", child.state);
  put(out, "kind", child.kind);
  put(out, "type", child.type);
  put(out, "restart", child.restart);
  put(out, "strategy", child.strategy);
  put(out, "makes", child.makes);
  put(out, "own_limit", child.own_limit);
  put(out, "own_period_ms", child.own_period_ms);
  put(out, "limit", child.limit);
  put(out, "period_ms", child.period_ms);
  put(out, "workers", child.workers);
  put(out, "least_workers", child.least_workers);
  put(out, "most_workers", child.most_workers);
  put(out, "spares", child.spares);
  put(out, "submitted", child.submitted);
  put(out, "succeeded", child.succeeded);
  put(out, "failed", child.failed);
  return out.is_null() ? json::object() : out;
}

json render_scenario(const event_scenario& scenario) {
  json out;
  out["name"] = scenario.name;
  put(out, "file", scenario.file);
  out["seed"] = scenario.seed;
  return out;
}

}  // namespace

std::string to_json_line(const event& e) {
  json out;
  out["v"] = format_version;
  out["seq"] = e.seq;
  out["ts"] = render_utc(e.ts);
  out["run"] = e.run;
  out["level"] = to_string(e.level);
  out["kind"] = to_string(e.kind);
  out["actor"] = e.actor;
  put(out, "id", e.id);
  put(out, "fingerprint", e.fingerprint);
  put(out, "incarnation", e.incarnation);
  put(out, "pid", e.pid);
  put(out, "runs_in", e.runs_in);
  if (e.why) {
    out["cause"] = render_cause(*e.why);
  }
  if (e.task) {
    out["task"] = render_task(*e.task);
  }
  put(out, "task_fate", e.task_fate);
  if (e.decision) {
    out["decision"] = render_decision(*e.decision);
  }
  if (e.child) out["child"] = render_child(*e.child);
  if (e.scenario) out["scenario"] = render_scenario(*e.scenario);
  put(out, "kept", e.kept);
  put(out, "lost", e.lost);
  put(out, "recovery_ms", e.recovery_ms);
  put(out, "rss_peak_kib", e.rss_peak_kib);
  put(out, "code", e.code);
  if (e.by) put(out, "by", *e.by);
  put(out, "text", e.text);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace steward
