#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace steward::config {
namespace {

using told = std::vector<std::string>;

told warnings_of(std::string_view text, std::vector<std::string> sets = {}) {
  const auto result = load(text, {std::move(sets), {}});
  EXPECT_TRUE(result.value) << render_all(result.problems);
  told out;
  for (const auto& one : result.warnings) {
    EXPECT_TRUE(one.is_warning);
    EXPECT_NE(render(one).find(": warning: "), std::string::npos);
    out.push_back(fmt::format("{}:{} {}", one.line, one.col, one.path));
  }
  return out;
}

// The child's options stand at 5:7, those of the pool at 5:22.
told of_child(const std::string& options) {
  return warnings_of("scenario: t\ntree:\n  children:\n    - id: c\n      " + options + "\n      actor: counter\n");
}
told of_pool(const std::string& options, const std::string& of_the_child = {}) {
  return warnings_of("scenario: t\ntree:\n  children:\n    - id: p\n      pool: {workers: 2, task: square, " + options +
                     "}\n" + of_the_child);
}

const std::string child = "tree.children[0].";

TEST(void_values, of_a_child_that_is_never_restarted_are_told) {
  EXPECT_EQ(of_child("restart: temporary\n      backoff: {min: 1s}"), told{"6:16 " + child + "backoff"});
  EXPECT_EQ(of_child("restart: temporary\n      intensity: {restarts: 1}"), told{"6:18 " + child + "intensity"});
  EXPECT_EQ(of_child("restart: temporary\n      on_crash: {redeliver: 1}"), told{"6:17 " + child + "on_crash"});
  EXPECT_EQ(of_child("restart: transient\n      backoff: {min: 1s}"), told{});
}

TEST(void_values, of_delays_that_cannot_grow_are_told) {
  EXPECT_EQ(of_child("backoff: {min: 1s, max: 1s, factor: 3}"), told{"5:43 " + child + "backoff.factor"});
  EXPECT_EQ(of_child("backoff: {factor: 1, max: 2s, jitter: 0}"), told{"5:33 " + child + "backoff.max"});
  EXPECT_EQ(of_child("intensity: {restarts: 0, within: 3s}"), told{"5:40 " + child + "intensity.within"});
}

TEST(void_values, of_a_handler_that_never_hangs_are_told) {
  EXPECT_EQ(of_child("on_hang: report"), told{"5:16 " + child + "on_hang"});
  EXPECT_EQ(of_child("on_hang: report\n      hang_after: 1s"), told{});
}

TEST(void_values, of_a_pool_are_told) {
  const auto pool = [](const char* key, int col) { return told{fmt::format("5:{} {}pool.{}", col, child, key)}; };
  EXPECT_EQ(of_pool("idle_exit: 1s"), pool("idle_exit", 51));
  EXPECT_EQ(of_pool("idle_exit: 1s, max_workers: 4"), told{});
  EXPECT_EQ(of_pool("recycle_jitter: 0.5"), pool("recycle_jitter", 56));
  EXPECT_EQ(of_pool("attempts: 1, on_exception: retry"), pool("on_exception", 67));
  EXPECT_EQ(of_pool("memory_limit: 64MiB, recycle_memory: 128MiB"), pool("recycle_memory", 77));
  EXPECT_EQ(of_pool("environment: [A=1, A=2]"), pool("environment", 53));
  EXPECT_EQ(of_pool("start_within: 30s", "      start_within: 5s\n"), pool("start_within", 54));
  EXPECT_EQ(of_pool("shutdown: 6s", "      shutdown: 5s\n"), pool("shutdown", 50));
  EXPECT_EQ(of_pool("shutdown: 30s, start_within: 30s"), told{}) << "the child has no limits that would come first";
  EXPECT_EQ(of_pool("shutdown: 5s, start_within: 5s, attempts: 2, on_exception: retry"), told{});
}

TEST(void_values, are_those_that_are_written_and_no_defaults) {
  EXPECT_EQ(of_child("restart: temporary"), told{});
  EXPECT_EQ(of_pool("attempts: 1"), told{});
}

TEST(void_values, of_a_supervisor_are_told) {
  EXPECT_EQ(warnings_of("scenario: t\ntree: {auto_shutdown: any_significant, children: [{id: a, actor: counter}]}\n"),
            told{"2:23 tree.auto_shutdown"});
  EXPECT_EQ(warnings_of("scenario: t\ntree: {intensity: {restarts: 9}, children: [{id: a, actor: counter, restart: "
                        "temporary}]}\n"),
            told{"2:19 tree.intensity"});
}

TEST(void_values, of_steps_are_told) {
  const std::string tree = "scenario: t\ntree: {children: [{id: p, pool: {task: square}}]}\nrun:\n";
  EXPECT_EQ(warnings_of(tree + "  - map: {pool: p, inputs: 1..2, order: completion, progress: true}\n"),
            told{"4:63 run[0].map.progress"});
  EXPECT_EQ(
      warnings_of(tree + "  - compare: {pools: [p], work: [{name: n, task: square, inputs: 1..2, contain: true}]}\n"),
      told{"4:81 run[0].compare.work[0].contain"});
}

TEST(void_values, of_the_command_line_are_told) {
  const std::string text = "scenario: t\ntree: {children: [{id: p, pool: {task: square}}]}\n";
  EXPECT_EQ(warnings_of(text, {"tree.children.p.pool.workers=8", "tree.children.p.pool.workers=2"}),
            told{"1:30 tree.children.p.pool.workers"});
  EXPECT_EQ(warnings_of(text, {"tree.children.p.pool.workers=8"}), told{});
}

TEST(void_values, are_not_in_the_shipped_scenarios) {
  for (const auto* name : {"crash_recovery", "factorial", "pool_reuse", "shared_list", "service", "shared_state",
                           "square", "supervision", "threads_vs_processes", "process_actors"}) {
    EXPECT_EQ(warnings_of(read_scenario(name)), told{}) << name;
  }
}

}  // namespace
}  // namespace steward::config
