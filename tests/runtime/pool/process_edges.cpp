// What takes a worker or its pool to an edge: no room, no descriptors, a codec that throws, processes of its own.
#include "edge_tasks.hpp"
#include "pool/worker.hpp"
#include "support.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace steward;
using namespace steward::test;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

class process_edges : public ::testing::Test {
protected:
  surroundings around;
};

TEST_F(process_edges, take_what_a_codec_throws_for_the_error_of_its_task) {
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  const char* types[] = {"", "std::runtime_error", "steward::decode_error", "unknown exception"};
  for (std::int32_t how = 0; how < 4; ++how) {
    auto one = pool.submit(edges().read_moody, moody{how});
    const auto outcome = get_soon(one);
    ASSERT_EQ(outcome.ok(), how == 0);
    if (how == 0) continue;
    EXPECT_EQ(outcome.error().kind, outcome_kind::exception);
    EXPECT_EQ(outcome.error().why.exception, types[how]);
  }
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
  const auto told = around.events.all(event_kind::task_fail);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].task->args, "<4 bytes that cannot be shown>");
}

TEST(thread_edges, take_what_a_codec_throws_for_the_error_of_its_task) {
  surroundings around;
  thread_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto outcomes = pool.map_outcomes(edges().read_moody, std::vector<moody>{{0}, {1}, {2}, {3}});
  for (std::size_t i = 0; i < outcomes.size(); ++i) EXPECT_EQ(outcomes[i].ok(), i == 0);
}

TEST_F(process_edges, show_no_more_than_the_size_of_large_arguments) {
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  auto large = pool.submit(edges().measure, "throw" + std::string(1'000'000, 'x'));
  EXPECT_FALSE(get_soon(large).ok());
  EXPECT_EQ(around.events.all(event_kind::task_fail).at(0).task->args, "<1000013 bytes>");
}

TEST_F(process_edges, refuse_an_argument_without_room_in_the_worker) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "a sanitizer needs more address space";
  auto spec = spec_of(2);
  spec.process.memory_limit = 64 * mib;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  auto large = pool.submit(edges().measure, std::string(65 * mib, 'x'));
  std::vector<task_future<std::int64_t>> small;
  for (std::int64_t n = 0; n < 50; ++n) small.push_back(pool.submit(tasks().square, n));
  const auto outcome = get_soon(large);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, outcome_kind::rejected);
  EXPECT_EQ(outcome.error().work, work_state::not_started);
  EXPECT_EQ(outcome.error().why.cls, cause_class::memory);
  EXPECT_THAT(outcome.error().why.message, HasSubstr("under the memory_limit of 67108864 bytes"));
  for (std::int64_t n = 0; n < 50; ++n) EXPECT_EQ(get_soon(small[static_cast<std::size_t>(n)]).value(), n * n);
  EXPECT_EQ(pool.stats().restarts, 0u);
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
}

/// Leaves this process no descriptor while it lives.
class no_descriptors {
public:
  no_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(2);
    ::close(lowest_free);
    const rlimit none{static_cast<rlim_t>(lowest_free), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;

private:
  rlimit before_{};
};

TEST_F(process_edges, refuse_an_argument_that_cannot_be_sent) {
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  const std::string text(65 * mib, 'x');
  {
    const no_descriptors none;
    auto large = pool.submit(edges().measure, text);
    auto small = pool.submit(tasks().square, 4);
    const auto outcome = get_soon(large);
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().kind, outcome_kind::rejected);
    EXPECT_THAT(outcome.error().why.message, HasSubstr("cannot be sent: Too many open files"));
    EXPECT_EQ(get_soon(small).value(), 16);
  }
  EXPECT_EQ(get_soon_value(pool.submit(edges().measure, text)), static_cast<std::int64_t>(text.size()));
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
}

TEST_F(process_edges, charge_an_argument_that_a_worker_cannot_even_read) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "a sanitizer needs more address space";
  auto spec = spec_of(1);
  spec.process.memory_limit = 64 * mib;
  spec.limits.attempts = 1;
  spec.size.spares = 1;  // so that one is ready while none can be started
  spec.restarts.worker_restarts.restarts = 100;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  const std::string text(60 * mib, 'x');
  std::optional<no_descriptors> none(std::in_place);
  auto large = pool.submit(edges().measure, text);
  const auto outcome = get_soon(large);
  none.reset();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().kind, outcome_kind::quarantined);
  EXPECT_EQ(outcome.error().attempts.size(), 1u);
  EXPECT_THAT(describe(outcome.error().why), HasSubstr("it has no memory for the arguments of its task"));
  EXPECT_EQ(get_soon_value(pool.submit(tasks().square, 4)), 16);
}

TEST_F(process_edges, leave_a_worker_alone_whose_child_crashes) {
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto before = get_soon_value(pool.submit(tasks().pid, 0));
  EXPECT_EQ(get_soon_value(pool.submit(edges().fork_and_fault, std::string("abort"))), SIGABRT);
  EXPECT_EQ(get_soon_value(pool.submit(edges().fork_and_fault, std::string("segv"))), SIGSEGV);
  EXPECT_EQ(get_soon_value(pool.submit(edges().fork_and_fault, std::string("uncaught"))), SIGABRT);
  EXPECT_EQ(get_soon_value(pool.submit(edges().fork_and_return, 5)), pooling::exit_broken);
  EXPECT_EQ(get_soon_value(pool.submit(tasks().pid, 0)), before);
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
}

TEST_F(process_edges, kill_a_task_that_left_its_group) {
  auto spec = spec_of(1);
  spec.limits.deadline = milliseconds(50);
  spec.limits.grace = milliseconds(50);
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto pid = get_soon_value(pool.submit(tasks().pid, 0));
  auto hangs = pool.submit(edges().leave_group, 0);
  EXPECT_EQ(get_soon(hangs).error().kind, outcome_kind::deadline);
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), -1) << "it is dead, and reaped";
  EXPECT_EQ(around.events.all(event_kind::crash).at(0).why->cls, cause_class::deadline);
}

TEST_F(process_edges, tell_a_death_by_its_last_words_when_the_kernels_account_is_lost) {
  auto spec = spec_of(1);
  spec.limits.attempts = 1;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::signal(SIGCHLD, SIG_IGN);
  auto lost = pool.submit(tasks().poison, 1, std::string("segv"));
  const auto outcome = get_soon(lost);
  std::signal(SIGCHLD, SIG_DFL);
  EXPECT_EQ(outcome.error().kind, outcome_kind::quarantined);
  EXPECT_EQ(outcome.error().why.signal, SIGSEGV);
  EXPECT_EQ(outcome.error().why.address, 0x10u);
}

TEST_F(process_edges, keep_the_value_of_a_task_that_closed_the_channel) {
  auto spec = spec_of(1);
  spec.limits.attempts = 1;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  EXPECT_EQ(get_soon_value(pool.submit(edges().close_all, 5)), 25);
  EXPECT_EQ(pool.map(edges().close_all, numbers(1, 3)), squares_of(numbers(1, 3)));
  const auto crashes = around.events.all(event_kind::crash);
  ASSERT_GE(crashes.size(), 2u);
  for (const auto& e : crashes) EXPECT_THAT(describe(*e.why), HasSubstr("it cannot answer: Bad file descriptor"));
}

TEST_F(process_edges, tell_why_a_result_cannot_be_sent) {
  auto spec = spec_of(1);
  spec.process.open_files = 64;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  auto large = pool.submit(edges().make_without_room, 65);
  const auto outcome = get_soon(large);
  EXPECT_EQ(outcome.error().kind, outcome_kind::exception);
  EXPECT_THAT(outcome.error().why.message, HasSubstr("68157448 bytes cannot be sent: Too many open files"));
}

TEST_F(process_edges, name_the_initializer_in_which_a_worker_died) {
  auto spec = spec_of(1);
  spec.initializer = "die_in_start";
  spec.restarts.worker_restarts.restarts = 0;
  process_pool pool(around.environment(), "squares", spec);
  const auto problem = pool.start();
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->signal, SIGSEGV);
  EXPECT_THAT(problem->message, HasSubstr("in its initializer 'die_in_start'"));
}

TEST_F(process_edges, name_the_limit_under_which_a_worker_cannot_begin) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "a sanitizer needs more address space";
  auto spec = spec_of(1);
  spec.process.memory_limit = 16 * mib;  // see main.cpp
  spec.restarts.worker_restarts.restarts = 0;
  process_pool pool(around.environment(), "squares", spec);
  const auto problem = pool.start();
  ASSERT_TRUE(problem.has_value());
  EXPECT_THAT(describe(*problem), HasSubstr("could not begin under the memory_limit of 16777216 bytes"));
}

std::uint64_t resident_bytes(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  in >> all >> resident;
  EXPECT_TRUE(in) << pid;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

TEST_F(process_edges, give_the_memory_of_large_values_back_on_both_sides) {
  if (STEWARD_SANITIZED != 0) GTEST_SKIP() << "sanitizers keep what was freed";
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto pid = std::to_string(get_soon_value(pool.submit(tasks().pid, 0)));
  const auto here = resident_bytes("self");
  const auto there = resident_bytes(pid);
  EXPECT_EQ(get_soon_value(pool.submit(tasks().repeat, std::string(128 * mib, 'x'), 1)).size(), 128 * mib);
  EXPECT_EQ(get_soon_value(pool.submit(tasks().pid, 0)), std::stoll(pid));
  EXPECT_LT(resident_bytes("self"), here + 64 * mib);
  EXPECT_LT(resident_bytes(pid), there + 64 * mib);
}

TEST_F(process_edges, never_run_what_was_cancelled_while_it_waited_in_a_worker) {
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::string name = "/tmp/steward_edges_XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const auto there = name + "/there";
  std::ofstream(there).close();
  // So that the task is known to be short, and sent ahead.
  for (int i = 0; i < 50; ++i) get_soon_value(pool.submit(tasks().wait_for_file, there));
  const auto pid = std::to_string(get_soon_value(pool.submit(tasks().pid, 0)));
  auto holds = pool.submit(tasks().wait_for_file, name + "/late");
  auto waits = pool.submit(tasks().wait_for_file, name + "/never");
  auto after = pool.submit(tasks().wait_for_file, there);
  while (!std::filesystem::exists(name + "/late." + pid)) std::this_thread::yield();
  waits.cancel();
  EXPECT_EQ(get_soon(waits).error().kind, outcome_kind::cancelled);
  std::ofstream(name + "/late").close();
  EXPECT_TRUE(get_soon(holds).ok());
  EXPECT_TRUE(get_soon(after).ok());
  EXPECT_EQ(get_soon_value(pool.submit(tasks().pid, 0)), std::stoll(pid));
  EXPECT_FALSE(std::filesystem::exists(name + "/never." + pid));
  std::filesystem::remove_all(name);
}

}  // namespace
