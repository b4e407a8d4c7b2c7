#include "cli/scenario_files.hpp"
#include "observe/event_reader.hpp"
#include "observe/run_view.hpp"
#include "observe/timeline.hpp"
#include "observe/view_json.hpp"
#include "tests/scenarios/program.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <string>

// The events of real runs, folded: at every event the picture makes sense, and at the end it is what the run itself
// has said.

namespace steward::test {
namespace {

struct history {
  std::vector<event> events;
  std::vector<line_fault> faults;
};

history read_back(const std::string& path) {
  history out;
  const auto problem = read_events(
      path, [&](const event& e) { out.events.push_back(e); }, [&](const line_fault& f) { out.faults.push_back(f); });
  EXPECT_FALSE(problem.has_value()) << *problem;
  return out;
}

/// What must hold of a view whatever was folded.
void expect_sound(const run_view& view) {
  std::set<int> pids;
  std::uint64_t restarts = 0;
  for (const auto& [path, x] : view.children) {
    const bool up = x.status == view_status::up;
    const auto where = path + ", " + to_string(x.status) + ", after event " + std::to_string(view.last_seq);
    restarts += x.restarts + x.gone_restarts;
    EXPECT_FALSE(x.kind.empty()) << where;
    EXPECT_EQ(x.up_since.has_value(), up) << where;
    EXPECT_LE(x.restarts, x.starts) << where;
    EXPECT_LE(x.recoveries, x.crashes) << where;
    EXPECT_GE(x.downtime.count(), 0) << where;
    if (up) {
      EXPECT_GT(x.incarnation + (x.kind == "pool" ? 1 : 0), 0U) << where;
    }
    if (up && x.kind == "worker") {
      EXPECT_EQ(x.pid.has_value(), x.runs_in == "process") << where;
    }
    if (!up && x.kind == "worker" && x.status != view_status::stopping) {
      EXPECT_FALSE(x.pid.has_value()) << where;
    }
    if (x.pid) {
      EXPECT_TRUE(pids.insert(*x.pid).second) << where;
    }
    if (const auto* above = view.find(x.parent); above != nullptr && up) {
      EXPECT_FALSE(is_down(above->status)) << where << ", below one that is " << to_string(above->status);
    }
    for (const auto* budget : {&x.own, &x.below}) {
      if (budget->limit) {
        EXPECT_LE(budget->used(view.now), std::max(1U, *budget->limit)) << where;
      }
    }
    if (x.pool) {
      EXPECT_LE(x.pool->worker_restarts, x.pool->worker_crashes) << where;
    }
  }
  EXPECT_EQ(restarts, view.restarts);
  EXPECT_EQ(view.summary.all().crashes, view.crash_count);
  EXPECT_EQ(view.missing, 0U);
  EXPECT_EQ(view.repeated, 0U);
}

/// Laid out in time, the latest stretch of each child is what it is doing now.
void expect_same_in_time(const run_timeline& timeline, const run_view& view) {
  EXPECT_EQ(timeline.view(), view);
  for (const auto& [path, x] : view.children) {
    const auto where = path + ", after event " + std::to_string(view.last_seq);
    const auto lane = timeline.lanes().find(path);
    ASSERT_NE(lane, timeline.lanes().end()) << where;
    ASSERT_FALSE(lane->second.bars.empty()) << where;
    const auto& now = lane->second.bars.back();
    EXPECT_EQ(now.to, timeline_bar::open) << where;
    EXPECT_STREQ(to_string(now.status), to_string(x.status)) << where;
    EXPECT_EQ(now.incarnation, x.incarnation) << where;
  }
}

/// Counts that never go down.
std::map<std::string, std::uint64_t> counts_of(const run_view& view) {
  std::map<std::string, std::uint64_t> out{
      {"events", view.events},
      {"crashes", view.crash_count},
      {"restarts", view.restarts},
      {"hangs", view.hangs},
      {"lines", view.output_lines},
      {"recoveries", view.summary.all().recoveries},
      {"retried", view.summary.all().retried},
      {"warnings", view.warnings},
  };
  for (const auto& [path, x] : view.children) {
    out[path + " starts"] = x.starts;
    out[path + " restarts"] = x.restarts;
    out[path + " crashes"] = x.crashes;
    out[path + " downtime"] = static_cast<std::uint64_t>(x.downtime_at(view.now).count());
    out[path + " retried"] = x.pool ? x.pool->retried : 0;
    out[path + " incarnation"] = x.kind == "worker" ? 0 : x.incarnation;
  }
  return out;
}

run_view fold_step_by_step(const std::vector<event>& events) {
  run_view view;
  run_timeline timeline;
  std::map<std::string, std::uint64_t> before;
  for (const auto& e : events) {
    fold(view, e);
    timeline.take(e);
    expect_sound(view);
    expect_same_in_time(timeline, view);
    const auto now = counts_of(view);
    for (const auto& [what, n] : before)
      if (const auto it = now.find(what); it != now.end()) {
        EXPECT_GE(it->second, n) << what << " after event " << e.seq;
      }
    before = now;
    const bool now_and_then = e.seq % 16 == 0 || &e == &events.back();
    if (now_and_then) {
      EXPECT_EQ(view_of(json_of(view)), view) << "read back, after event " << e.seq;
    }
    if (testing::Test::HasFailure()) break;
  }
  return view;
}

class folded_run : public program_test {
protected:
  void expect_same_as_the_run_says(const std::string& scenario, const std::vector<std::string>& more = {}) {
    const auto out = run_scenario(scenario, more);
    const auto told = read_back(path("events" + std::to_string(++seen_) + ".jsonl"));
    EXPECT_TRUE(told.faults.empty());
    ASSERT_EQ(told.events.size(), out.events.size());
    const auto view = fold_step_by_step(told.events);
    ASSERT_FALSE(HasFailure());

    EXPECT_EQ(view.code, out.code);
    ASSERT_TRUE(view.scenario.has_value());
    EXPECT_FALSE(view.scenario->name.empty());
    EXPECT_TRUE(view.started && view.ended && *view.started < *view.ended);
    EXPECT_EQ(view.crash_count, all_of_kind(out.events, "crash").size());
    EXPECT_EQ(view.restarts, all_of_kind(out.events, "restart").size());
    EXPECT_EQ(view.summary.all().recoveries, all_of_kind(out.events, "recover").size());
    EXPECT_EQ(view.output_lines, all_of_kind(out.events, "output").size());
    for (const auto& line : view.summary.lines())
      EXPECT_NE(out.err.find(line), std::string::npos) << line << "\nis not in\n" << out.err;
    std::uint64_t recovered = 0;
    for (const auto& crash : view.crashes) recovered += crash.recovery_ms ? 1U : 0U;
    EXPECT_GE(recovered, view.summary.all().recoveries);
    for (const auto& e : all_of_kind(out.events, "crash")) {
      const auto* crash = view.crash(e.at("id").get<std::string>());
      ASSERT_NE(crash, nullptr) << e;
      EXPECT_EQ(crash->fingerprint, e.at("fingerprint"));
      EXPECT_EQ(crash->path, e.at("actor"));
    }
    std::map<std::string, std::uint64_t> by_kind;
    for (const auto& [at, x] : view.children) {
      EXPECT_TRUE(is_down(x.status)) << at << " is " << to_string(x.status);
      ++by_kind[x.kind];
      if (!x.pool) continue;
      EXPECT_EQ(x.pool->submitted, x.pool->succeeded + x.pool->valueless) << at;
      EXPECT_LE(x.pool->quarantined + x.pool->failed, x.pool->valueless) << at;
    }
    EXPECT_EQ(by_kind["supervisor"] + by_kind["actor"] + by_kind["pool"] + by_kind["worker"] + by_kind["command"],
              view.children.size());
    EXPECT_GE(by_kind["supervisor"], 1U);
  }

private:
  int seen_ = 0;
};

TEST_F(folded_run, is_what_each_shipped_scenario_says_of_itself) {
  const auto all = cli::shipped_scenarios();
  ASSERT_GE(all.size(), 8U);
  for (const auto& name : all) {
    SCOPED_TRACE(name);
    expect_same_as_the_run_says(name);
    if (HasFailure()) return;
  }
}

TEST_F(folded_run, is_from_the_store_what_the_tree_of_each_shipped_scenario_has_answered) {
  for (const auto& name : cli::shipped_scenarios()) {
    SCOPED_TRACE(name);
    std::vector<std::string> command{STEWARD_STORED_FOLD, "run", name, "--state", path(name), "--quiet"};
    if (under_asan && name == "crash_recovery")
      for (const auto* one : settings_without_a_memory_limit) command.insert(command.end(), {"set", one});
    subprocess process{command, environment()};
    const auto status = process.wait(subprocess::clock::now() + 4 * run_limit);  // programs are started many times
    ASSERT_TRUE(status.has_value()) << process.err();
    EXPECT_EQ(status->code, 0) << process.err();
    EXPECT_NE(process.out().find("21 moments of "), std::string::npos) << process.out();
  }
}

TEST_F(folded_run, of_a_program_that_was_killed_shows_it_as_it_was_then) {
  const auto program = start_scenario(write("scenario.yaml", R"(scenario: long_run
tree:
  children:
    - {id: total, actor: counter}
    - id: workers
      pool: {task: wait_ms, runs_in: processes, workers: 3}
run:
  - map: {pool: workers, inputs: {value: 30000, times: 6}}
)"));
  ASSERT_FALSE(program->wait_for(of_kind("ready", "/root/workers")).is_null());
  const auto children = children_of(program->pid());
  program->signal(SIGKILL);
  const auto out = program->wait();
  std::vector<event> events;
  for (const auto& line : out.events) {
    std::string problem;
    const auto e = event_of_line(line.dump(), problem);
    ASSERT_TRUE(e.has_value()) << problem;
    events.push_back(*e);
  }
  const auto view = fold_step_by_step(events);
  EXPECT_TRUE(view.started.has_value());
  EXPECT_FALSE(view.ended.has_value()) << "nobody could say so";
  EXPECT_EQ(view.below("/root"), (std::vector<std::string>{"/root/total", "/root/workers"}));
  std::set<int> pids;
  for (const auto& path : view.below("/root/workers")) {
    const auto& worker = view.children.at(path);
    EXPECT_EQ(worker.status, view_status::up) << path;
    EXPECT_TRUE(std::ranges::find(children, worker.pid.value_or(0)) != children.end()) << path;
    pids.insert(worker.pid.value_or(0));
  }
  EXPECT_EQ(pids.size(), 3U);
  EXPECT_EQ(view.find("/root/workers")->pool->workers, 3U);
  EXPECT_TRUE(reap_children(subprocess::clock::now() + run_limit).empty());
}

TEST_F(folded_run, of_a_tree_with_a_change_by_hand_shows_what_its_steps_show) {
  const auto out = run_scenario(write("scenario.yaml", R"(scenario: by_hand
tree:
  children:
    - id: a
      actor: counter
      intensity: {restarts: 0, within: 1m}
      on_spent: end
    - id: squares
      pool: {task: square, runs_in: processes, workers: 2}
    - id: b
      actor: counter
run:
  - crash: {actor: a}
  - map: {pool: squares, inputs: 1..20}
  - resize: {pool: squares, workers: 1}
  - crash: {actor: b}
)"));
  ASSERT_EQ(out.code, 0) << out.err;
  const auto told = read_back(path("events1.jsonl"));
  const auto view = fold_step_by_step(told.events);
  const auto& a = view.children.at("/root/a");
  EXPECT_EQ(a.status, view_status::ended);
  EXPECT_EQ(a.own.limit, 0U);
  EXPECT_EQ(a.crashes, 1U);
  EXPECT_EQ(a.restarts, 0U);
  const auto& b = view.children.at("/root/b");
  EXPECT_EQ(b.restarts, 1U);
  EXPECT_GT(b.downtime.count(), 0);
  EXPECT_FALSE(b.own.limit.has_value());
  EXPECT_EQ(view.children.at("/root").below.restarts.size(), 1U);
  const auto& pool = *view.children.at("/root/squares").pool;
  EXPECT_EQ(pool.workers, 1U);
  EXPECT_EQ(pool.submitted, 20U);
  EXPECT_EQ(pool.succeeded, 20U);
  EXPECT_EQ(view.interventions, 1U);
  const auto stopped = all_of_kind(out.events, "stop");
  const auto workers = std::ranges::count_if(
      stopped, [](const json& e) { return e.at("actor").get<std::string>().starts_with("/root/squares/"); });
  EXPECT_EQ(pool.recycled, static_cast<std::uint64_t>(workers));
}

}  // namespace
}  // namespace steward::test
