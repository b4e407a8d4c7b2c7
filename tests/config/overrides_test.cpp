#include "config/overrides.hpp"

#include "test_catalog.hpp"

#include <gtest/gtest.h>

namespace steward::config {
namespace {

const std::string base =
    "scenario: t\n"
    "tree:\n"
    "  children:\n"
    "    - id: squares\n"
    "      pool: {task: square, workers: 4}\n"
    "    - id: a.b\n"
    "      supervisor: {children: [{id: deep, actor: counter}]}\n"
    "run:\n"
    "  - map: {pool: squares, inputs: 1..3}\n"
    "  - compare: {pools: [squares], work: [{name: small, task: square, inputs: [1]}]}\n";

scenario with(std::vector<std::string> sets) {
  auto result = load(base, {std::move(sets), {}});
  EXPECT_TRUE(result.value) << render_all(result.problems);
  return result.value ? *result.value : scenario{};
}

std::string faults_with(std::vector<std::string> sets) {
  const auto result = load(base, {std::move(sets), {}});
  EXPECT_FALSE(result.value);
  return render_all(result.problems);
}

const pool_spec& squares_of(const scenario& from) { return std::get<pool_spec>(from.tree.children.at(0).what); }

TEST(overrides, replace_a_value_below_a_child_named_by_its_id) {
  EXPECT_EQ(squares_of(with({"tree.children.squares.pool.workers=8"})).size.workers, 8U);
  EXPECT_EQ(squares_of(with({"tree.children.0.pool.workers=9"})).size.workers, 9U);
}

TEST(overrides, add_what_the_file_does_not_have) {
  const auto got = with({"tree.intensity.restarts=9", "tree.children.squares.pool.worker_backoff.min=1ms", "seed=7"});
  EXPECT_EQ(got.tree.intensity.restarts, 9U);
  EXPECT_EQ(squares_of(got).restarts.worker_backoff.min, milliseconds{1});
  EXPECT_EQ(got.seed, 7U);
}

TEST(overrides, take_lists_and_maps_as_values) {
  const auto got = with({"run.0.map.workers=[2, 4]", "tree.children.squares.backoff={min: 5ms, max: 6ms}"});
  EXPECT_EQ(std::get<map_step>(got.run.at(0).what).workers, (std::vector<unsigned>{2, 4}));
  EXPECT_EQ(got.tree.children.at(0).backoff.max, milliseconds{6});
}

TEST(overrides, keep_what_stands_behind_a_second_equals_sign) {
  EXPECT_EQ(with({"description=a=b"}).description, "a=b");
}

TEST(overrides, find_ids_with_dots_and_elements_by_name) {
  const auto got =
      with({"tree.children.a.b.supervisor.children.deep.restart=transient", "run.1.compare.work.small.contain=true"});
  const auto& inner = *std::get<std::shared_ptr<supervisor_spec>>(got.tree.children.at(1).what);
  EXPECT_EQ(inner.children.at(0).restart, restart_type::transient);
  EXPECT_TRUE(std::get<compare_step>(got.run.at(1).what).work.at(0).contain);
}

TEST(overrides, append_behind_the_last_element) {
  EXPECT_EQ(with({"tree.children.2={id: more, actor: counter}"}).tree.children.size(), 3U);
  EXPECT_EQ(with({"run.2.crash.actor=deep"}).run.size(), 3U);
}

TEST(overrides, apply_in_order) {
  EXPECT_EQ(
      squares_of(with({"tree.children.squares.pool.workers=8", "tree.children.squares.pool.workers=2"})).size.workers,
      2U);
}

TEST(overrides, repair_a_fault_of_the_file) {
  const auto result =
      load("scenario: t\ntree: {children: [{id: p, pool: {workers: 0}}]}\n", {{"tree.children.p.pool.workers=2"}, {}});
  EXPECT_TRUE(result.value) << render_all(result.problems);
}

TEST(overrides, are_validated_like_the_file) {
  EXPECT_EQ(faults_with({"tree.children.squares.pool.workers=0"}),
            "--set:1:36: error: tree.children[0].pool.workers: 0 is too small (expected an integer from 1 to 1024)\n"
            "  tree.children.squares.pool.workers=0\n"
            "                                     ^\n");
}

TEST(overrides, with_an_unknown_key_get_a_suggestion) {
  EXPECT_EQ(faults_with({"tree.children.squares.pool.wrokers=2"}),
            "--set:1:28: error: tree.children[0].pool.wrokers: unknown key (did you mean 'workers'?)\n"
            "  tree.children.squares.pool.wrokers=2\n"
            "                             ^\n");
  EXPECT_TRUE(faults_with({"tree.intensty.restarts=2"})
                  .starts_with("--set:1:6: error: tree.intensty: unknown key (did you mean 'intensity'?)\n"));
}

TEST(overrides, with_an_unknown_element_get_a_suggestion) {
  EXPECT_TRUE(
      faults_with({"tree.children.sqares.pool.workers=2"})
          .starts_with("--set:1:15: error: tree.children.sqares.pool.workers: there is no element 'sqares' (expected "
                       "an index or one of a.b, squares; did you mean 'squares'?)\n"));
  EXPECT_TRUE(
      faults_with({"run.7.map.workers=[2]"})
          .starts_with("--set:1:5: error: run.7.map.workers: there is no element 7 (expected an index from 0 to 2)\n"));
  EXPECT_TRUE(faults_with({"run.-1.map.workers=[2]"})
                  .starts_with("--set:1:5: error: run.-1.map.workers: there is no element -1"));
}

TEST(overrides, that_lead_into_a_single_value_are_refused) {
  EXPECT_TRUE(faults_with({"scenario.x=1"})
                  .starts_with("--set:1:10: error: scenario.x: 'scenario' is a single value and has no parts\n"));
}

TEST(overrides, of_a_wrong_form_are_refused) {
  EXPECT_TRUE(faults_with({"tree.intensity"})
                  .starts_with("--set:1:1: error: 'tree.intensity' has no '=' (expected PATH=VALUE)\n"));
  EXPECT_TRUE(faults_with({"=1"}).starts_with("--set:1:1: error: the path has an empty part\n"));
  EXPECT_TRUE(faults_with({"tree..x=1"}).starts_with("--set:1:6: error: tree..x: the path has an empty part\n"));
  EXPECT_TRUE(faults_with({"seed="}).starts_with("--set:1:6: error: seed: there is no value behind the '='"));
  EXPECT_TRUE(faults_with({"seed=[1"}).starts_with("--set:1:"));
  EXPECT_TRUE(faults_with({"seed=*x"}).starts_with("--set:1:6: error: aliases are not supported"));
  std::string deep = "tree";
  for (int i = 0; i < 40; ++i) {
    deep += ".x";
  }
  EXPECT_TRUE(
      faults_with({deep + "=1"}).starts_with("--set:1:1: error: " + deep + ": the path has more than 32 parts\n"));
}

TEST(overrides, are_all_reported_together_with_the_faults_of_the_file) {
  const auto result = load("scenario: t\ntree: {children: [], strtegy: one_for_one}\n", {{"seed=x", "sed=1"}, {}});
  ASSERT_EQ(result.problems.size(), 3U) << render_all(result.problems);
  EXPECT_EQ(result.problems[0].file, "test.yaml");
  EXPECT_EQ(result.problems[1].path, "seed");
  EXPECT_EQ(result.problems[2].path, "sed");
}

}  // namespace
}  // namespace steward::config
