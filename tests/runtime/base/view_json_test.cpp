#include "observe/view_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>
#include <stdexcept>
#include <string>

namespace {

using namespace steward;
using namespace std::chrono_literals;
using json = nlohmann::ordered_json;

const std::chrono::system_clock::time_point at{1'700'000'000'123'456us};

sample full_sample() {
  sample x;
  x.at = at;
  x.path = "/root/a";
  std::uint64_t n = 0;
  for (auto* value : {&x.waiting, &x.accepted, &x.handled, &x.queued, &x.running, &x.workers, &x.ready, &x.idle,
                      &x.submitted, &x.succeeded, &x.failed, &x.retried, &x.rss_kib, &x.threads, &x.descriptors})
    *value = n++;
  x.run_times = {0, 3, 5};
  x.wait_times = {1, 4};
  x.in_hand = {{"w2", "square", 17, at - 3s}, {"w1", "square", 19, at - 2s}};
  x.cpu_percent = 12.5;
  return x;
}

budget_view full_budget() { return {3, 5s, {at, at + 1s}}; }

child_view full_child() {
  child_view x;
  x.order = 1;
  x.parent = "/root";
  x.kind = "pool";
  x.type = "square";
  x.runs_in = "process";
  x.restart = "permanent";
  x.strategy = "one_for_all";
  x.makes = "actor";
  x.status = view_status::parked;
  x.incarnation = 2;
  x.pid = 77;
  x.up_since = at + 2s;
  x.down_since = at + 3s;
  x.due = at + 4s;
  std::uint64_t n = 1;
  for (auto* value : {&x.starts, &x.restarts, &x.recoveries, &x.crashes, &x.hangs, &x.lost_messages,
                      &x.quarantined_messages, &x.gone, &x.gone_restarts, &x.gone_crashes})
    *value = n++;
  x.ends_for_good = x.living = x.failing = true;
  x.downtime = 1'234'567'891ns;
  x.gone_downtime = 86'400s + 1ns;
  x.last_cause = "SIGSEGV at 0x10";
  x.last_crash = "c-0001";
  x.own = x.below = full_budget();
  auto& pool = x.pool.emplace();
  unsigned m = 1;
  for (auto* value : {&pool.workers, &pool.least_workers, &pool.most_workers, &pool.spares}) *value = m++;
  for (auto* value : {&pool.worker_crashes, &pool.worker_restarts, &pool.recycled, &pool.retried, &pool.quarantined,
                      &pool.failed, &pool.given_up, &pool.submitted, &pool.succeeded, &pool.valueless})
    *value = m++;
  x.figures = figures_view{full_sample(), 0.25};
  x.recovering = {4, 5};
  return x;
}

crash_view full_crash() {
  crash_view x;
  x.number = 9;
  x.id = "c-0009";
  x.fingerprint = "f-01234567";
  x.seq = 80;
  x.at = at;
  x.path = "/root/a/w1";
  x.place = "/root/a";
  x.incarnation = 3;
  x.pid = 78;
  x.runs_in = "process";
  x.why.cls = cause_class::signal;
  x.why.signal = 11;
  x.why.code = 1;
  x.why.address = 0x10;
  x.why.frames = {"f at a.cpp:1"};
  x.why.stderr_tail = {"oh"};
  x.why.rss_peak_kib = 4096;
  x.why.cpu_ms = 7;
  x.why.sender_pid = 99;
  x.why.sender_uid = 0;
  x.up_ms = 12.5;
  x.task = event_task{5, "square", "(7)", 1, 3, 2.5};
  x.task_fate = "requeued";
  x.decision = event_decision{"restart", "one_for_one", 1, 3, 5'000, 100, {"/root/b"}};
  x.lost = 1;
  x.kept = 2;
  x.recovery_ms = 3.25;
  x.text = "while it ran";
  return x;
}

run_view full_view() {
  run_view x;
  x.run = "r-1";
  x.scenario = event_scenario{"storm", "storm.yaml", 7};
  x.started = at;
  x.ended = at + 9s;
  x.code = 0;
  x.died = true;
  x.now = at + 10s;
  x.gaps = {{2, 3}, {7, 7}};
  std::uint64_t n = 1;
  for (auto* value : {&x.runs_before, &x.last_seq, &x.events, &x.missing, &x.repeated, &x.untold_children,
                      &x.crash_count, &x.otherwise_alike, &x.restarts, &x.hangs, &x.warnings, &x.interventions,
                      &x.reloads, &x.output_lines, &x.log_lines, &x.last_order})
    *value = n++;
  x.figures = figures_view{full_sample(), std::nullopt};
  x.children["/root/a"] = full_child();
  x.children["/root/b"] = {};
  x.crashes = {full_crash(), {}};
  x.alike["f-01234567"] = {4, at, at + 1s, "c-0001", "c-0009", "SIGSEGV at 0x10"};
  run_summary::figures counted;
  counted.crashes = counted.recoveries = counted.retried = counted.quarantined = counted.failed = counted.given_up =
      counted.lost_messages = counted.quarantined_messages = counted.kinds = 2;
  counted.by_child = {{"/root/a", {{"SIGSEGV", 2}}}};
  counted.by_class = {{"signal", 2}};
  counted.recovery_times = {{150, 2}, {-1, 1}};
  x.summary = run_summary{counted};
  return x;
}

std::string fault_of(const json& x) {
  try {
    static_cast<void>(view_of(x.dump()));
  } catch (const std::runtime_error& problem) {
    return problem.what();
  }
  return "none";
}

}  // namespace

TEST(view_json, is_read_back_as_it_was) {
  const auto whole = full_view();
  EXPECT_EQ(view_of(json_of(whole)), whole);
  EXPECT_EQ(view_of(json::parse(json_of(whole)).dump()), whole) << "a text that others may read";
  EXPECT_EQ(view_of(json_of(run_view{})), run_view{});
  EXPECT_EQ(sample_of(json_of(full_sample())), full_sample());
}

TEST(view_json, has_a_key_for_each_field) {
  // A field that is not listed is lost when it is the only one that differs from its default.
  const auto keys_left_out = [](const json& full, const json& least) {
    std::string out;
    for (const auto& [key, value] : full.items())
      if (least.contains(key)) out += key + " ";
    return out;
  };
  EXPECT_EQ(keys_left_out(json::parse(json_of("/root/a", full_child())), json::parse(json_of("/root/a", child_view{}))),
            "path status ");
  EXPECT_EQ(json::parse(json_of(full_sample())).size(), 21U);
  EXPECT_EQ(json::parse(json_of("/root/a", full_child())).size(), 37U);
  EXPECT_EQ(json::parse(json_of(pool_view{})).size(), 0U);
  EXPECT_EQ(json::parse(json_of(*full_child().pool)).size(), 14U);
  EXPECT_EQ(json::parse(json_of(full_crash())).size(), 19U);
}

TEST(view_json, leaves_out_what_is_at_its_default) {
  EXPECT_EQ(json_of("/root/b", child_view{}), R"({"path":"/root/b","status":"idle"})");
  EXPECT_EQ(json_of(budget_view{}), "{}");
}

TEST(view_json, shows_times_as_events_do_and_durations_in_milliseconds) {
  const auto child = json::parse(json_of("/root/a", full_child()));
  EXPECT_EQ(child["up_since"], "2023-11-14T22:13:22.123456Z");
  EXPECT_EQ(child["own"]["period_ms"], 5'000.0);
  EXPECT_EQ(child["status"], "parked");
}

TEST(view_json, passes_over_keys_that_it_does_not_know) {
  auto x = json::parse(json_of(full_view()));
  x["later"] = 1;
  x["children"][0]["later"] = "x";
  EXPECT_EQ(view_of(x.dump()), full_view());
}

TEST(view_json, is_a_text_of_json_whatever_it_holds) {
  child_view x;
  x.last_cause = "a \"quote\", a \\ and\n\ttwo lines, \x01 and \x7f, \xff and \u00e4";
  EXPECT_EQ(json::parse(json_of("/root/\"a\"", x))["last_cause"],
            "a \"quote\", a \\ and\n\ttwo lines, \x01 and \x7f, \ufffd and \u00e4");
  x.figures.emplace().per_second = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(json::parse(json_of("/root/a", x))["figures"]["per_second"].is_null());
}

TEST(view_json, says_what_is_wrong) {
  EXPECT_THROW(static_cast<void>(view_of("{")), std::runtime_error);
  EXPECT_THROW(static_cast<void>(view_of("")), std::runtime_error);
  EXPECT_EQ(fault_of(json::array()), "'the view' is no object");
  auto x = json::parse(json_of(full_view()));
  x["children"] = 1;
  EXPECT_EQ(fault_of(x), "'children' is no list");
  x = json::parse(json_of(full_view()));
  x["children"][0]["status"] = "asleep";
  EXPECT_EQ(fault_of(x), "unknown status 'asleep'");
  x = json::parse(json_of(full_view()));
  x["children"][0].erase("path");
  EXPECT_EQ(fault_of(x), "'path' is missing");
  x = json::parse(json_of(full_view()));
  x["crashes"][0]["cause"]["code"] = 1e300;
  EXPECT_EQ(fault_of(x), "'code' is no whole number");
  x = json::parse(json_of(full_view()));
  x["children"][0]["downtime_ms"] = 1e300;
  EXPECT_EQ(fault_of(x), "'downtime_ms' is no time that fits");
  x = json::parse(json_of(full_view()));
  x["gaps"] = json::array({json::array({1})});
  EXPECT_EQ(fault_of(x), "'gaps' is no list of pairs");
  x = json::parse(json_of(full_view()));
  x["now"] = "yesterday";
  EXPECT_EQ(fault_of(x), "'now' is no time");
}

TEST(samples, give_a_view_the_latest_figures_and_their_rate) {
  run_view view;
  view.children["/root/a"] = {};
  sample x;
  x.at = at;
  x.path = "/root/a";
  x.handled = 10;
  fold(view, x);
  ASSERT_TRUE(view.children["/root/a"].figures);
  EXPECT_EQ(view.children["/root/a"].figures->per_second, std::nullopt) << "there is no second one";
  x.at += 2s;
  x.handled = 30;
  fold(view, x);
  EXPECT_EQ(view.children["/root/a"].figures->per_second, 10.0);
  auto late = x;
  late.at -= 1s;
  fold(view, late);
  EXPECT_EQ(view.children["/root/a"].figures->last, x) << "an older one";
  x.at += 1s;
  x.handled = 1;
  fold(view, x);
  EXPECT_EQ(view.children["/root/a"].figures->per_second, std::nullopt) << "it was counted anew";
  x.path = "/root/nobody";
  fold(view, x);
  EXPECT_EQ(view.children.size(), 1U);
  x.path.clear();
  fold(view, x);
  EXPECT_TRUE(view.figures);
}
