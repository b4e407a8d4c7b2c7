#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "process/guard.hpp"
#include "process/keeper.hpp"
#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using test::exit_promise;
using test::test_pipe;

// A program that starts workers each of which starts a process: what is left of it all when the program is killed?
class orphans : public testing::TestWithParam<start_method> {
protected:
  // The harness is a program of its own, started afresh, with a keeper in it.
  void kill_a_program_of(const char* how) {
    keeper k{{start_method::spawn}};
    exit_promise end;
    test_pipe held;
    start_request request;
    request.main = "keep_grandchildren";
    request.argument = how;
    request.fds = {held.write_end()};
    started harness = k.start(request, end.handler());
    ASSERT_TRUE(harness) << harness.error;
    held.close_write();
    std::string ready;
    while (ready.size() < 3) {
      auto part = held.read_some(1);
      ASSERT_TRUE(part && !part->empty());
      ready += *part;
    }
    // The harness alone, by pid: its children have groups of their own.
    ASSERT_EQ(::kill(harness.pid, SIGKILL), 0);
    ASSERT_TRUE(end.wait());
    auto begun = std::chrono::steady_clock::now();
    // The pipe ends when the last process that holds it is gone.
    EXPECT_EQ(held.read_to_end(), "");
    auto limit = test::sanitized ? std::chrono::seconds{10} : std::chrono::seconds{1};
    EXPECT_LT(std::chrono::steady_clock::now() - begun, limit);
  }
};

INSTANTIATE_TEST_SUITE_P(each, orphans, testing::Values(start_method::zygote, start_method::spawn),
                         [](const auto& about) { return about.param == start_method::zygote ? "zygote" : "spawn"; });

TEST_P(orphans, of_orphans_die_with_a_killed_program) {
  kill_a_program_of(GetParam() == start_method::zygote ? "zygote" : "spawn");
}

TEST_P(orphans, die_though_their_parent_died_with_the_program) {
  // The workers end with the program, at once; only the guard knows of what they have left.
  kill_a_program_of(GetParam() == start_method::zygote ? "zygote closed" : "spawn closed");
}

TEST(guard_slots, are_given_out_again) {
  int first = claim_guard_slot();
  ASSERT_GE(first, 0);
  int second = claim_guard_slot();
  EXPECT_NE(first, second);
  release_guard_slot(first);
  EXPECT_EQ(claim_guard_slot(), first);
  release_guard_slot(first);
  release_guard_slot(second);
  release_guard_slot(-1);
  guard_group(-1, 1);
}

}  // namespace
}  // namespace steward::process
