#include "steward/child.hpp"
#include "tests/runtime/supervision/real_tree.hpp"

#include <gmock/gmock.h>

#include <numeric>
#include <vector>

// Pools of a tree, with the calls of pools that stand alone.

namespace steward {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing_support::real_tree;

std::int64_t square(std::int64_t n) { return n * n; }
std::int64_t refuse(std::int64_t n) {
  if (n == 2) throw std::invalid_argument("not two");
  return n;
}

class pools_of_a_tree : public real_tree {
protected:
  pools_of_a_tree() : square_(tasks_.add("square", square)), refuse_(tasks_.add("refuse", refuse)) {}

  static supervisor_spec with_squares(strategy how = strategy::one_for_one) {
    return {.strategy = how,
            .intensity = {.restarts = 10, .within = 60s},
            .children = {child::pool("squares", {.task = "square", .runs_in = rung::thread, .size = {.workers = 2}})}};
  }

  task<std::int64_t, std::int64_t> square_;
  task<std::int64_t, std::int64_t> refuse_;
};

TEST_F(pools_of_a_tree, have_the_calls_of_pools_that_stand_alone) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_squares()};
  ASSERT_TRUE(tree.start());
  auto squares = tree.pool("/root/squares");
  const std::vector<std::int64_t> inputs{1, 2, 3};
  EXPECT_THAT(squares.map(square_, inputs), ElementsAre(1, 4, 9));
  EXPECT_THROW(squares.map(refuse_, inputs), task_failed);
  EXPECT_EQ(squares.map_outcomes(refuse_, inputs).at(1).error().why.message, "not two");
  EXPECT_EQ(squares.submit(square_, 7).get().value(), 49);
  std::int64_t sum = 0;
  for (auto& [index, result] : squares.as_completed(square_, inputs)) sum += result.value();
  for (auto& result : squares.imap(square_, inputs)) sum += result.value();
  EXPECT_EQ(sum, 28);
  EXPECT_THAT(squares.map_async(square_, inputs).get().value(), ElementsAre(1, 4, 9));
}

TEST_F(pools_of_a_tree, are_not_found_where_there_is_none) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_squares()};
  ASSERT_TRUE(tree.start());
  EXPECT_THROW((void)tree.pool("/root/circles"), std::out_of_range);
}

TEST_F(pools_of_a_tree, outlive_the_face_that_was_made_of_them) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_squares()};
  ASSERT_TRUE(tree.start());
  auto future = tree.pool("/root/squares").submit(square_, 5);
  EXPECT_EQ(future.get().value(), 25);
  EXPECT_THAT(tree.pool("/root/squares").map(square_, std::vector<std::int64_t>{4}), ElementsAre(16));
}

TEST_F(pools_of_a_tree, end_what_is_asked_of_them_with_the_tree_and_not_before_its_time) {
  runtime rt{log_, tasks_, actors_};
  std::optional<tree_pool> squares;
  task_future<std::int64_t> future;
  {
    supervisor tree{rt, with_squares()};
    ASSERT_TRUE(tree.start());
    squares.emplace(tree.pool_at("/root/squares"));
    tree.stop();
  }
  const auto late = squares->submit(square_, 3).get();
  EXPECT_FALSE(late.ok()) << "a pool that is over rejects";
  future = squares->submit(square_, 3);
  squares.reset();
  EXPECT_FALSE(future.get().ok());
}

}  // namespace
}  // namespace steward
