// Faults of the matrix in which a worker cannot be started, or not yet.
#include "fault_fixture.hpp"
#include "fault_program.hpp"
#include "process/zygote.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <sys/resource.h>

namespace steward::test {
namespace {

using ::testing::HasSubstr;

class fault_matrix_starts : public faulty_pool {};

TEST_F(fault_matrix_starts, no_task_is_sent_to_a_worker_before_it_is_ready) {
  make(spec_of(2), "slow_start");
  const auto early = submit_squares(1, 10);
  ASSERT_EQ(victim().start(), std::nullopt);
  expect_squares(early, 1);
  EXPECT_TRUE(crashes().empty());
}

TEST_F(fault_matrix_starts, a_start_that_takes_too_long_is_a_failed_start) {
  auto spec = spec_of(1);
  spec.limits.start_within = milliseconds(50);
  spec.restarts.worker_restarts.restarts = 1;
  make(spec, "never_ready");
  const auto queued = submit(tasks().square, 7);
  const auto problem = victim().start();
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->cls, cause_class::start);
  EXPECT_THAT(problem->message, HasSubstr("not ready within 50ms"));
  EXPECT_EQ(result(queued).error().kind, outcome_kind::pool_gone);
  expect_gone();
}

TEST_F(fault_matrix_starts, a_crash_loop_at_the_start_backs_off_and_gives_up_and_nobody_waits_for_ever) {
  make(spec_of(2), "dies_at_start");
  const auto queued = submit_squares(1, 20);
  const auto problem = victim().start();
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->code, 9);
  for (const auto place : queued) {
    EXPECT_EQ(result(place).error().kind, outcome_kind::pool_gone);
    EXPECT_EQ(result(place).error().work, work_state::not_started);
    EXPECT_EQ(result(place).error().why.code, 9);
  }
  EXPECT_FALSE(events().all(event_kind::backoff).empty());
  EXPECT_EQ(events().all(event_kind::give_up).size(), 1u);
  expect_gone();
}

TEST_F(fault_matrix_starts, without_descriptors_the_others_go_on_and_the_restart_is_tried_until_it_succeeds) {
  start(spec_of(2));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
  ::close(lowest_free);
  const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool killed = ::kill(workers()[0].pid, SIGKILL) == 0;
  const bool failed = events().wait_for(event_kind::backoff, 2);
  const auto squares = submit_squares(1, 20);
  expect_squares(squares, 1);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(killed);
  ASSERT_TRUE(failed);
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  const auto all = crashes();
  ASSERT_GE(all.size(), 3u);
  EXPECT_EQ(all[0].why->signal, SIGKILL);
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_EQ(all[i].why->cls, cause_class::start);
    EXPECT_THAT(all[i].why->message, HasSubstr("Too many open files"));
  }
}

TEST_F(fault_matrix_starts, without_processes_the_others_go_on_and_the_restart_is_tried_until_it_succeeds) {
  if (!process::zygote_alive()) GTEST_SKIP() << "it is the zygote that is refused";
  program alone("--play=without_processes");
  EXPECT_EQ(alone.wait(), 0) << alone.output();
}

TEST_F(fault_matrix_starts, a_program_that_cannot_be_executed_is_a_failed_start_until_it_can) {
  gate directory;
  const auto copy = std::filesystem::path(directory.path()).parent_path() / "copy_to_take_away";
  std::filesystem::copy_file("/proc/self/exe", copy);
  program alone("--play=without_program", copy);
  EXPECT_EQ(alone.wait(), 0) << alone.output();
}

TEST_F(fault_matrix_starts, a_worker_that_dies_before_it_is_ready_again_is_told_once_each_time) {
  if (!process::zygote_alive()) GTEST_SKIP() << "spawned workers do not share the count of starts";
  notes().starts = 0;
  start(spec_of(1), "restart_dies");
  const int pid = workers()[0].pid;
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  const auto squares = submit_squares(1, 20);
  expect_squares(squares, 1);
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  const auto all = crashes();
  ASSERT_EQ(all.size(), 3u);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].incarnation, i + 1);
  EXPECT_EQ(all[0].why->signal, SIGKILL);
  EXPECT_EQ(all[1].why->code, 9);
  EXPECT_EQ(all[2].why->code, 9);
  EXPECT_EQ(workers()[0].incarnation, 4u);
  EXPECT_EQ(events().all(event_kind::recover).size(), 1u);
}

TEST_F(fault_matrix_starts, the_zygote_killed_between_two_crashes_costs_nothing) {
  if (!process::zygote_alive()) GTEST_SKIP() << "there is no zygote";
  program alone("--play=without_zygote");
  EXPECT_EQ(alone.wait(), 0) << alone.output();
}

}  // namespace
}  // namespace steward::test
