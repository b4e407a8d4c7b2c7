// Where exceptions were thrown in worker processes, in a program that links `steward::throw_frames`.
#include "pool/worker.hpp"
#include "process/child.hpp"
#include "process/keeper.hpp"
#include "process/zygote.hpp"
#include "steward/pool.hpp"
#include "throwers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using namespace steward;
using testing::HasSubstr;

task_registry& registered() {
  static task_registry all;
  return all;
}
const auto total_of = registered().add("total_of", &test::total_of);

void expect_two_deep(const cause& why) {
  EXPECT_EQ(why.exception, "std::out_of_range");
  ASSERT_GE(why.frames.size(), 3U) << describe(why);
  EXPECT_THAT(why.frames[0], HasSubstr("price_of"));
  EXPECT_THAT(why.frames[1], HasSubstr("total_of"));
  EXPECT_THAT(describe(why), HasSubstr("no price of pear, thrown in "));
}

}  // namespace

class thrown_in_processes : public testing::TestWithParam<process::start_method> {};

INSTANTIATE_TEST_SUITE_P(each, thrown_in_processes,
                         testing::Values(process::start_method::zygote, process::start_method::spawn),
                         [](const auto& x) { return x.param == process::start_method::zygote ? "zygote" : "spawn"; });

TEST_P(thrown_in_processes, comes_with_its_calls) {
  process::keeper keeper{{GetParam()}};
  pool_environment around;
  around.keeper = &keeper;
  around.tasks = &registered();
  pool_spec spec;
  spec.size.workers = 2;
  process_pool pool{around, "prices", spec};
  const auto end = pool.submit(total_of, std::string{"pear"}).get();
  ASSERT_FALSE(end.ok());
  expect_two_deep(end.error().why);
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.emplace_back(i % 3 == 0 ? "pear" : "apple");
  const auto ends = pool.map_outcomes(total_of, names);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    ASSERT_EQ(ends[i].ok(), i % 3 != 0) << i;
    if (!ends[i].ok()) expect_two_deep(ends[i].error().why);
  }
}

int main(int argc, char** argv) {
  using namespace steward;
  pooling::register_pool_worker(registered());
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  process::start_zygote();
  testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  process::stop_zygote();
  return result;
}
