#include "actor_system/actor_link.hpp"
#include "link_tasks.hpp"
#include "pool/worker.hpp"
#include "process/child.hpp"

#include <gtest/gtest.h>

int main(int argc, char** argv) {
  using namespace steward;
  pooling::register_pool_worker(test::link_tasks());
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  process::start_zygote();
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  process::stop_zygote();
  return result;
}
