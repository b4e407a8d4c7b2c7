#pragma once

#include "observe/run_view.hpp"
#include "steward/event.hpp"
#include "steward/sample.hpp"

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

// The keys of what is written as JSON, once for those who write (`json_writer`) and those who read (`json_reader`).
//
// A key that is `needed` is always written, and a reader refuses what lacks it; one that is `always` written a reader
// can do without; `some` are left out at their default.

namespace steward::json_fields {

template <class X, class T>
concept is = std::same_as<std::remove_const_t<X>, T>;

template <class A, is<cause> X>
void fields(A& a, X& x) {
  a.needed("class", x.cls);
  a.signal("signal", x.signal);
  // An exit code of 0 is one, too.
  if (x.cls == cause_class::exit)
    a.always("code", x.code);
  else
    a.some("code", x.code);
  a.some("exception", x.exception);
  a.some("message", x.message);
  a.address("address", x.address);
  a.some("stderr", x.stderr_tail);
  a.some("rss_peak_kib", x.rss_peak_kib);
  a.some("cpu_ms", x.cpu_ms);
  a.some("sender_pid", x.sender_pid);
  a.some("sender_uid", x.sender_uid);
  a.some("frames", x.frames);
}

template <class A, is<event_task> X>
void fields(A& a, X& x) {
  a.always("id", x.id);
  a.always("name", x.name);
  a.always("args", x.args);
  a.always("attempt", x.attempt);
  a.always("attempts", x.attempts);
  a.always("ran_ms", x.ran_ms);
}

template <class A, is<event_decision> X>
void fields(A& a, X& x) {
  a.always("action", x.action);
  a.some("strategy", x.strategy);
  a.always("restarts", x.restarts);
  a.always("limit", x.limit);
  a.always("period_ms", x.period_ms);
  a.always("delay_ms", x.delay_ms);
  a.always("also", x.also);
}

template <class A, is<event_backoff> X>
void fields(A& a, X& x) {
  a.always("min_ms", x.min_ms);
  a.always("max_ms", x.max_ms);
  a.always("factor", x.factor);
  a.always("healthy_ms", x.healthy_ms);
}

template <class A, is<event_child> X>
void fields(A& a, X& x) {
  a.some("state", x.state);
  a.some("kind", x.kind);
  a.some("type", x.type);
  a.some("restart", x.restart);
  a.some("strategy", x.strategy);
  a.some("makes", x.makes);
  a.some("own_limit", x.own_limit);
  a.some("own_period_ms", x.own_period_ms);
  a.some("limit", x.limit);
  a.some("period_ms", x.period_ms);
  a.some("on_spent", x.on_spent);
  a.some("backoff", x.backoff);
  a.some("worker_backoff", x.worker_backoff);
  a.some("workers", x.workers);
  a.some("least_workers", x.least_workers);
  a.some("most_workers", x.most_workers);
  a.some("spares", x.spares);
  a.some("submitted", x.submitted);
  a.some("succeeded", x.succeeded);
  a.some("failed", x.failed);
}

template <class A, is<event_scenario> X>
void fields(A& a, X& x) {
  a.always("name", x.name);
  a.some("file", x.file);
  a.always("seed", x.seed);
}

template <class A, is<event> X>
void fields(A& a, X& x) {
  a.needed("seq", x.seq);
  a.needed("ts", x.ts);
  a.needed("run", x.run);
  a.needed("level", x.level);
  a.needed("kind", x.kind);
  a.always("actor", x.actor);
  a.some("id", x.id);
  a.some("fingerprint", x.fingerprint);
  a.some("incarnation", x.incarnation);
  a.some("pid", x.pid);
  a.some("runs_in", x.runs_in);
  a.some("cause", x.why);
  a.some("task", x.task);
  a.some("task_fate", x.task_fate);
  a.some("decision", x.decision);
  a.some("child", x.child);
  a.some("scenario", x.scenario);
  a.some("kept", x.kept);
  a.some("lost", x.lost);
  a.some("recovery_ms", x.recovery_ms);
  a.some("rss_peak_kib", x.rss_peak_kib);
  a.some("code", x.code);
  a.some("stream", x.stream);
  a.some("by", x.by);
  a.some("text", x.text);
}

template <class A, is<task_in_hand> X>
void fields(A& a, X& x) {
  a.needed("worker", x.worker);
  a.always("task", x.task);
  a.always("id", x.id);
  a.needed("since", x.since);
}

template <class A, is<sample> X>
void fields(A& a, X& x) {
  a.needed("at", x.at);
  a.always("path", x.path);
  a.some("waiting", x.waiting);
  a.some("accepted", x.accepted);
  a.some("handled", x.handled);
  a.some("queued", x.queued);
  a.some("running", x.running);
  a.some("workers", x.workers);
  a.some("ready", x.ready);
  a.some("idle", x.idle);
  a.some("submitted", x.submitted);
  a.some("succeeded", x.succeeded);
  a.some("failed", x.failed);
  a.some("retried", x.retried);
  a.some("run_times", x.run_times);
  a.some("wait_times", x.wait_times);
  a.some("in_hand", x.in_hand);
  a.some("cpu_percent", x.cpu_percent);
  a.some("rss_kib", x.rss_kib);
  a.some("threads", x.threads);
  a.some("descriptors", x.descriptors);
}

template <class A, is<figures_view> X>
void fields(A& a, X& x) {
  a.always("last", x.last);
  a.some("per_second", x.per_second);
}

template <class A, is<budget_view> X>
void fields(A& a, X& x) {
  a.some("limit", x.limit);
  a.some("period_ms", x.period);
  a.some("restarts", x.restarts);
}

template <class A, is<pool_view> X>
void fields(A& a, X& x) {
  a.some("workers", x.workers);
  a.some("least_workers", x.least_workers);
  a.some("most_workers", x.most_workers);
  a.some("spares", x.spares);
  a.some("worker_crashes", x.worker_crashes);
  a.some("worker_restarts", x.worker_restarts);
  a.some("recycled", x.recycled);
  a.some("retried", x.retried);
  a.some("quarantined", x.quarantined);
  a.some("failed", x.failed);
  a.some("given_up", x.given_up);
  a.some("submitted", x.submitted);
  a.some("succeeded", x.succeeded);
  a.some("valueless", x.valueless);
}

template <class A, is<child_view> X>
void fields(A& a, X& x) {
  a.some("order", x.order);
  a.some("parent", x.parent);
  a.some("kind", x.kind);
  a.some("type", x.type);
  a.some("runs_in", x.runs_in);
  a.some("restart", x.restart);
  a.some("strategy", x.strategy);
  a.some("makes", x.makes);
  a.needed("status", x.status);
  a.some("incarnation", x.incarnation);
  a.some("pid", x.pid);
  a.some("up_since", x.up_since);
  a.some("down_since", x.down_since);
  a.some("due", x.due);
  a.some("ends_for_good", x.ends_for_good);
  a.some("starts", x.starts);
  a.some("restarts", x.restarts);
  a.some("recoveries", x.recoveries);
  a.some("crashes", x.crashes);
  a.some("hangs", x.hangs);
  a.some("lost_messages", x.lost_messages);
  a.some("quarantined_messages", x.quarantined_messages);
  a.some("downtime_ms", x.downtime);
  a.some("last_cause", x.last_cause);
  a.some("last_crash", x.last_crash);
  a.some("own", x.own);
  a.some("below", x.below);
  a.some("on_spent", x.on_spent);
  a.some("backoff", x.backoff);
  a.some("worker_backoff", x.worker_backoff);
  a.some("pool", x.pool);
  a.some("figures", x.figures);
  a.some("gone", x.gone);
  a.some("gone_restarts", x.gone_restarts);
  a.some("gone_crashes", x.gone_crashes);
  a.some("gone_downtime_ms", x.gone_downtime);
  a.some("living", x.living);
  a.some("failing", x.failing);
  a.some("recovering", x.recovering);
}

template <class A, is<crash_view> X>
void fields(A& a, X& x) {
  a.needed("id", x.id);
  a.always("number", x.number);
  a.some("fingerprint", x.fingerprint);
  a.some("seq", x.seq);
  a.always("at", x.at);
  a.some("path", x.path);
  a.some("place", x.place);
  a.some("incarnation", x.incarnation);
  a.some("pid", x.pid);
  a.some("runs_in", x.runs_in);
  a.some("up_ms", x.up_ms);
  a.always("cause", x.why);
  a.some("task", x.task);
  a.some("task_fate", x.task_fate);
  a.some("decision", x.decision);
  a.some("lost", x.lost);
  a.some("kept", x.kept);
  a.some("recovery_ms", x.recovery_ms);
  a.some("text", x.text);
}

template <class A, is<alike_view> X>
void fields(A& a, X& x) {
  a.always("count", x.count);
  a.always("first", x.first);
  a.always("last", x.last);
  a.some("first_id", x.first_id);
  a.some("last_id", x.last_id);
  a.some("cause", x.cause);
}

template <class A, is<run_summary::figures> X>
void fields(A& a, X& x) {
  a.some("crashes", x.crashes);
  a.some("recoveries", x.recoveries);
  a.some("retried", x.retried);
  a.some("quarantined", x.quarantined);
  a.some("failed", x.failed);
  a.some("given_up", x.given_up);
  a.some("valueless", x.valueless);
  a.some("lost_messages", x.lost_messages);
  a.some("quarantined_messages", x.quarantined_messages);
  a.some("by_child", x.by_child);
  a.some("kinds", x.kinds);
  a.some("by_class", x.by_class);
  a.some("recovery_times_us", x.recovery_times);
  a.some("slowest_recovery_us", x.slowest_recovery_us);
}

/// The run and its totals: a view without its lists.
template <class A, is<run_view> X>
void run_fields(A& a, X& x) {
  a.some("run", x.run);
  a.some("scenario", x.scenario);
  a.some("started", x.started);
  a.some("ended", x.ended);
  a.some("code", x.code);
  a.some("died", x.died);
  a.some("runs_before", x.runs_before);
  a.some("last_seq", x.last_seq);
  a.some("now", x.now);
  a.some("events", x.events);
  a.some("missing", x.missing);
  a.some("repeated", x.repeated);
  a.some("gaps", x.gaps);
  a.some("untold_children", x.untold_children);
  a.some("figures", x.figures);
  a.some("crash_count", x.crash_count);
  a.some("otherwise_alike", x.otherwise_alike);
  if constexpr (A::writes) {
    a.some("summary", x.summary.all());
  } else {
    run_summary::figures counted;
    a.some("summary", counted);
    x.summary = run_summary{std::move(counted)};
  }
  a.some("restarts", x.restarts);
  a.some("hangs", x.hangs);
  a.some("warnings", x.warnings);
  a.some("interventions", x.interventions);
  a.some("reloads", x.reloads);
  a.some("output_lines", x.output_lines);
  a.some("log_lines", x.log_lines);
  a.some("last_order", x.last_order);
}

}  // namespace steward::json_fields
