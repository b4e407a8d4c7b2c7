#include "support.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <future>
#include <set>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace steward::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using fault_input = std::tuple<std::int64_t, std::string>;

/// Ten inputs; number 7 does `how` in its first attempt.
std::vector<fault_input> one_in_ten(const std::string& how) {
  std::vector<fault_input> inputs;
  for (std::int64_t n = 1; n <= 10; ++n) inputs.emplace_back(n, n == 7 ? how : "none");
  return inputs;
}

struct crash_case {
  const char* how;
  cause_class cls;
  int signal;
  int code;
};

class each_crash : public ::testing::TestWithParam<crash_case> {};

TEST_P(each_crash, costs_no_result_and_is_told_exactly) {
  const auto expected = GetParam();
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  EXPECT_EQ(pool.map(tasks().misbehave, one_in_ten(expected.how)), squares_of(numbers(1, 10)));
  const auto crashes = around.events.all(event_kind::crash);
  ASSERT_EQ(crashes.size(), 1u);
  const auto& why = *crashes[0].why;
  EXPECT_EQ(why.cls, expected.cls) << describe(why);
  EXPECT_EQ(why.signal, expected.signal) << describe(why);
  if (expected.cls == cause_class::exit) {
    EXPECT_EQ(why.code, expected.code);
  }
  ASSERT_TRUE(crashes[0].task.has_value());
  EXPECT_EQ(crashes[0].task->args, std::string("7, ") + expected.how);
  EXPECT_EQ(crashes[0].task->attempt, 1u);
  EXPECT_EQ(crashes[0].task_fate, "requeued");
  EXPECT_EQ(crashes[0].runs_in, "process");
}

INSTANTIATE_TEST_SUITE_P(process_pool, each_crash,
                         ::testing::Values(crash_case{"segv", cause_class::signal, SIGSEGV, 0},
                                           crash_case{"abort", cause_class::signal, SIGABRT, 0},
                                           crash_case{"kill", cause_class::signal, SIGKILL, 0},
                                           crash_case{"overflow", cause_class::signal, SIGSEGV, 0},
                                           crash_case{"exit0", cause_class::exit, 0, 0},
                                           crash_case{"exit3", cause_class::exit, 0, 3},
                                           crash_case{"uncaught", cause_class::signal, SIGABRT, 0},
                                           crash_case{"leave_channel", cause_class::protocol, 0, 0},
                                           crash_case{"garbage", cause_class::protocol, 0, 0}),
                         [](const auto& one) { return std::string(one.param.how); });

TEST(process_pool, tells_the_address_of_a_fault_and_the_text_of_an_uncaught_exception) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  pool.map(tasks().misbehave, one_in_ten("segv"));
  pool.map(tasks().misbehave, one_in_ten("uncaught"));
  const auto crashes = around.events.all(event_kind::crash);
  ASSERT_EQ(crashes.size(), 2u);
  EXPECT_EQ(crashes[0].why->address, 0x10u);
  EXPECT_EQ(crashes[1].why->exception, "std::logic_error");
  EXPECT_EQ(crashes[1].why->message, "nobody catches this");
}

TEST(process_pool, takes_an_exception_as_an_answer) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto outcomes = pool.map_outcomes(tasks().misbehave, one_in_ten("throw"));
  for (std::size_t i = 0; i < outcomes.size(); ++i) EXPECT_EQ(outcomes[i].ok(), i != 6);
  const auto& error = outcomes[6].error();
  EXPECT_EQ(error.kind, outcome_kind::exception);
  EXPECT_EQ(error.work, work_state::failed);
  EXPECT_EQ(error.why.exception, "std::runtime_error");
  EXPECT_EQ(error.why.message, "it was asked to throw");
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
  EXPECT_EQ(around.events.all(event_kind::task_fail).size(), 1u);
  EXPECT_THROW(pool.map(tasks().misbehave, one_in_ten("throw")), task_failed);
  const auto others = pool.map_outcomes(tasks().misbehave, one_in_ten("throw_int"));
  EXPECT_EQ(others[6].error().why.exception, "unknown exception");
}

TEST(process_pool, retries_an_exception_when_told_to) {
  surroundings around;
  auto spec = spec_of(2);
  spec.on_exception = exception_policy::retry;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  EXPECT_EQ(pool.map(tasks().misbehave, one_in_ten("throw")), squares_of(numbers(1, 10)));
  EXPECT_EQ(around.events.all(event_kind::task_retry).size(), 1u);
}

TEST(process_pool, quarantines_a_poison_task_and_keeps_the_others) {
  surroundings around;
  process_pool pool(around.environment(), "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto outcomes = pool.map_outcomes(tasks().poison, one_in_ten("segv"));
  for (std::size_t i = 0; i < outcomes.size(); ++i) EXPECT_EQ(outcomes[i].ok(), i != 6);
  const auto& error = outcomes[6].error();
  EXPECT_EQ(error.kind, outcome_kind::quarantined);
  EXPECT_EQ(error.work, work_state::unknown);
  ASSERT_EQ(error.attempts.size(), 3u);
  std::set<int> pids;
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(error.attempts[i].attempt, i + 1);
    EXPECT_EQ(error.attempts[i].why.signal, SIGSEGV);
    pids.insert(error.attempts[i].pid);
  }
  EXPECT_EQ(pids.size(), 3u);
  const auto events = around.events.all(event_kind::task_quarantine);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].task->args, "7, segv");
}

TEST(process_pool, kills_a_task_at_its_deadline_and_says_so) {
  surroundings around;
  auto spec = spec_of(2);
  spec.limits.deadline = milliseconds(150);
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto outcomes = pool.map_outcomes(tasks().poison, one_in_ten("hang"));
  for (std::size_t i = 0; i < outcomes.size(); ++i) EXPECT_EQ(outcomes[i].ok(), i != 6);
  EXPECT_EQ(outcomes[6].error().kind, outcome_kind::deadline);
  EXPECT_EQ(outcomes[6].error().why.cls, cause_class::deadline);
  ASSERT_EQ(outcomes[6].error().attempts.size(), 1u);
  EXPECT_GE(outcomes[6].error().attempts[0].ran_ms, 150.0);
  const auto crashes = around.events.all(event_kind::crash);
  ASSERT_EQ(crashes.size(), 1u);
  EXPECT_EQ(crashes[0].why->cls, cause_class::deadline);
  EXPECT_EQ(around.events.all(event_kind::hang).size(), 1u);
  ASSERT_TRUE(around.events.wait_for(event_kind::recover));
}

TEST(process_pool, gives_up_on_workers_that_die_at_their_start) {
  surroundings around;
  std::promise<cause> told;
  auto environment = around.environment();
  environment.on_gave_up = [&told](const cause& why) { told.set_value(why); };
  process_pool pool(environment, "dies_at_start", spec_of(2));
  auto early = pool.submit(tasks().square, 3);
  const auto problem = pool.start();
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->cls, cause_class::exit);
  EXPECT_EQ(problem->code, 9);
  auto future = told.get_future();
  EXPECT_EQ(get_soon(future).code, 9);
  EXPECT_EQ(get_soon(early).error().kind, outcome_kind::pool_gone);
  auto late = pool.submit(tasks().square, 3);
  EXPECT_EQ(get_soon(late).error().kind, outcome_kind::pool_gone);
  EXPECT_EQ(around.events.all(event_kind::give_up).size(), 1u);
  EXPECT_FALSE(around.events.all(event_kind::backoff).empty());
  pool.stop();
  EXPECT_EQ(around.keeper.running(), 0u);
}

TEST(process_pool, kills_workers_that_do_not_become_ready) {
  surroundings around;
  auto spec = spec_of(1);
  spec.limits.start_within = milliseconds(20);
  spec.restarts.worker_restarts.restarts = 1;
  process_pool pool(around.environment(), "never_ready", spec);
  const auto problem = pool.start();
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->cls, cause_class::start);
  EXPECT_THAT(problem->message, HasSubstr("not ready within 20ms"));
}

TEST(process_pool, gives_up_when_the_budget_is_spent_and_settles_everything) {
  surroundings around;
  auto spec = spec_of(2);
  spec.restarts.worker_restarts.restarts = 4;
  spec.limits.attempts = 100;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  const auto outcomes = pool.map_outcomes(tasks().poison, std::vector<fault_input>(20, fault_input{1, "abort"}));
  for (const auto& o : outcomes) {
    ASSERT_FALSE(o.ok());
    EXPECT_EQ(o.error().kind, outcome_kind::pool_gone);
    EXPECT_EQ(o.error().why.signal, SIGABRT);
  }
  EXPECT_EQ(around.events.all(event_kind::limit).size(), 1u);
  EXPECT_TRUE(pool.stats().gave_up);
}

TEST(process_pool, hands_its_actor_link_to_each_worker_and_closes_it_here) {
  surroundings around;
  auto environment = around.environment();
  std::vector<int> given;
  environment.actor_link = [&given](const auto&) {
    given.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return given.back();
  };
  process_pool pool(environment, "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  EXPECT_EQ(given.size(), 2u);
  for (const int fd : pool.map(tasks().link, numbers(1, 4))) EXPECT_EQ(fd, 5);
  pool.stop();
  EXPECT_EQ(::fcntl(given.back(), F_GETFD), -1);
}

/// Other processes that keep every processor busy, as long as it lives or for a minute.
class busy_machine {
public:
  busy_machine() {
    const auto count = 4 * std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
    for (long i = 0; i < count; ++i) {
      const int pid = ::fork();
      if (pid > 0) pids_.push_back(pid);
      if (pid != 0) continue;
      ::alarm(60);
      for (volatile bool on = true; on;) {
      }
    }
  }
  ~busy_machine() {
    for (const int pid : pids_) ::kill(pid, SIGKILL);
    for (const int pid : pids_) ::waitpid(pid, nullptr, 0);
  }
  busy_machine(const busy_machine&) = delete;
  busy_machine& operator=(const busy_machine&) = delete;

private:
  std::vector<int> pids_;
};

TEST(process_pool, tells_an_exit_and_a_fault_exactly_on_a_machine_that_is_busy) {
  surroundings around;
  auto spec = spec_of(3);
  spec.limits.attempts = 1;
  spec.restarts.worker_restarts = {1'000, std::chrono::seconds(60)};
  const busy_machine others;
  process_pool pool(around.environment(), "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  const std::vector<fault_input> exits(60, fault_input{1, "exit3"});
  for (const auto& o : pool.map_outcomes(tasks().poison, exits)) {
    ASSERT_FALSE(o.ok());
    EXPECT_EQ(o.error().why.cls, cause_class::exit) << describe(o.error());
    EXPECT_EQ(o.error().why.code, 3) << describe(o.error());
  }
  if (STEWARD_SANITIZED) return;
  const std::vector<fault_input> faults(30, fault_input{1, "segv"});
  for (const auto& o : pool.map_outcomes(tasks().poison, faults)) {
    ASSERT_FALSE(o.ok());
    EXPECT_EQ(o.error().why.signal, SIGSEGV) << describe(o.error());
    // Each with the file and the line of the fault.
    EXPECT_THAT(o.error().why.frames, Contains(HasSubstr("tasks.cpp:"))) << describe(o.error());
  }
}

}  // namespace
}  // namespace steward::test
