#include "actor_system/actor_link.hpp"
#include "placed_tree.hpp"
#include "pool/worker.hpp"
#include "probe_actor.hpp"
#include "process/child.hpp"
#include "supervision/guest.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace {

/// What a test kills: a tree of actors in processes, one of which has started another process. Prints all their pids.
int keep_actors() {
  using namespace steward;
  test::probe_tree t{{test::probe_child("a", rung::process), test::probe_child("b", rung::process)}};
  const auto a = t.actor("a");
  std::printf("%s %s %s\n", t.say(a, "pid").c_str(), t.say(t.actor("b"), "pid").c_str(), t.say(a, "fork").c_str());
  std::fflush(stdout);
  for (;;) ::pause();
}

}  // namespace

// With --keep, it is the program that is killed by a test; with --spawn behind that, without a zygote.
int main(int argc, char** argv) {
  using namespace steward;
  pooling::register_pool_worker(test::probe_tasks());
  supervision::register_guest_main(test::probe_actors());
  set_worker_types(test::announce_parcel);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  const bool spawns = argc > 2 && std::string_view{argv[2]} == "--spawn";
  if (!spawns) process::start_zygote();
  if (argc > 1 && std::string_view{argv[1]} == "--keep") return keep_actors();
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  process::stop_zygote();
  return result;
}
