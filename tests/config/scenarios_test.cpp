#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace steward::config {
namespace {

scenario load_shipped(std::string_view name) {
  auto result = load_file(scenario_path(name), make_catalog());
  EXPECT_TRUE(result.value) << render_all(result.problems);
  return result.value ? *result.value : scenario{};
}

TEST(scenarios, that_ship_are_ten_and_all_are_valid) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(STEWARD_SCENARIO_DIR)) {
    const auto stem = entry.path().stem().string();
    names.insert(stem);
    const auto got = load_shipped(stem);
    EXPECT_EQ(got.name, stem);
    EXPECT_FALSE(got.description.empty());
    EXPECT_FALSE(got.run.empty());
  }
  EXPECT_EQ(names,
            (std::set<std::string>{"shared_list", "factorial", "square", "threads_vs_processes", "pool_reuse",
                                   "shared_state", "crash_recovery", "supervision", "service", "process_actors"}));
}

TEST(scenarios, take_pool_sizes_from_yaml) {
  const auto square = load_shipped("square");
  EXPECT_EQ(std::get<map_step>(square.run.at(0).what).workers, (std::vector<unsigned>{2, 4, 8}));
  const auto factorial = load_shipped("factorial");
  EXPECT_EQ(std::get<pool_spec>(factorial.tree.children.at(0).what).size.workers, 4U);
  EXPECT_EQ(std::get<pool_spec>(factorial.tree.children.at(0).what).runs_in, rung::thread);
}

TEST(scenarios, prove_totals_that_follow_from_their_inputs) {
  const auto got = load_shipped("shared_state");
  const auto& both = std::get<parallel_step>(got.run.at(1).what).steps;
  ASSERT_EQ(both.size(), 2U);
  for (const auto& one : both) {
    int total = 0;
    for (const auto& input : std::get<map_step>(one.what).inputs) {
      total += std::stoi(input.at(1));
    }
    EXPECT_EQ(total, 100);
  }
  EXPECT_EQ(std::get<show_step>(got.run.at(2).what).expect, "{processes: 100, threads: 100}");
}

}  // namespace
}  // namespace steward::config
