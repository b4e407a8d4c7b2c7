// Faults of the matrix in which a worker dies, hangs or breaks the protocol while it runs a task. Each ends with
// what `faulty_pool::end_fault` demands.
#include "fault_fixture.hpp"
#include "fault_program.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>

namespace steward::test {
namespace {

using ::testing::HasSubstr;

struct fault_case {
  const char* how;  ///< what the task does, see `fault_tasks`
  cause_class cls;
  int signal;
  int code;
};

std::ostream& operator<<(std::ostream& to, const fault_case& x) { return to << x.how; }

class each_fault : public faulty_pool, public ::testing::WithParamInterface<fault_case> {
protected:
  void expect_cause(const cause& why) {
    const auto& wanted = GetParam();
    EXPECT_EQ(why.cls, wanted.cls) << describe(why);
    EXPECT_EQ(why.signal, wanted.signal) << describe(why);
    if (wanted.cls == cause_class::exit) {
      EXPECT_EQ(why.code, wanted.code) << describe(why);
    }
  }
};

/// The fault strikes once: every task has its value, the crash names its cause, and who was in hand ran twice.
TEST_P(each_fault, that_strikes_once_costs_no_result) {
  start(spec_of(2));
  const auto before = submit_squares(1, 10);
  const auto struck = submit(fault_tasks().act, 7, GetParam().how);
  const auto after = submit_squares(1, 10);
  expect_squares(before, 1);
  expect_squares(after, 1);
  EXPECT_EQ(value(struck), 49);
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  const auto all = crashes();
  ASSERT_EQ(all.size(), 1u);
  expect_cause(*all[0].why);
  ASSERT_TRUE(all[0].task.has_value());
  EXPECT_THAT(all[0].task->args, HasSubstr(GetParam().how));
  EXPECT_EQ(all[0].task_fate, "requeued");
  EXPECT_EQ(events().all(event_kind::task_retry).size(), 1u);
}

/// The fault strikes in every attempt: this task is quarantined with each attempt's cause, and no other is touched.
TEST_P(each_fault, that_always_strikes_costs_that_task_alone) {
  start(spec_of(2));
  const auto before = submit_squares(1, 10);
  const auto struck = submit(fault_tasks().always, 7, GetParam().how);
  const auto after = submit_squares(1, 10);
  expect_squares(before, 1);
  expect_squares(after, 1);
  const auto& got = result(struck);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().kind, outcome_kind::quarantined);
  EXPECT_EQ(got.error().work, work_state::unknown);
  expect_cause(got.error().why);
  ASSERT_EQ(got.error().attempts.size(), 3u);
  for (const auto& attempt : got.error().attempts) expect_cause(attempt.why);
  ASSERT_EQ(events().all(event_kind::task_quarantine).size(), 1u);
  EXPECT_EQ(crashes().size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(
    fault_matrix, each_fault,
    ::testing::Values(
        fault_case{"terminate", cause_class::signal, SIGABRT, 0}, fault_case{"abort", cause_class::signal, SIGABRT, 0},
        fault_case{"uncaught", cause_class::signal, SIGABRT, 0}, fault_case{"segv", cause_class::signal, SIGSEGV, 0},
        fault_case{"fpe", cause_class::signal, SIGFPE, 0}, fault_case{"bus", cause_class::signal, SIGBUS, 0},
        fault_case{"ill", cause_class::signal, SIGILL, 0}, fault_case{"overflow", cause_class::signal, SIGSEGV, 0},
        fault_case{"kill", cause_class::signal, SIGKILL, 0}, fault_case{"exit0", cause_class::exit, 0, 0},
        fault_case{"exit3", cause_class::exit, 0, 3}, fault_case{"partial", cause_class::exit, 0, 5},
        fault_case{"garbage", cause_class::protocol, 0, 0}, fault_case{"bad_magic", cause_class::protocol, 0, 0},
        fault_case{"huge_length", cause_class::protocol, 0, 0}, fault_case{"wrong_kind", cause_class::protocol, 0, 0},
        fault_case{"wrong_id", cause_class::protocol, 0, 0}),
    [](const auto& one) { return std::string(one.param.how); });

class fault_matrix : public faulty_pool {};

TEST_F(fault_matrix, a_worker_killed_in_mid_task_is_told_from_one_that_we_killed) {
  gate go;
  start(spec_of(2));
  const auto held = submit(fault_tasks().hold, go.path());
  const int pid = busy_pid(go);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  go.open();
  EXPECT_EQ(value(held), 1);
  ASSERT_EQ(crashes().size(), 1u);
  EXPECT_EQ(crashes()[0].pid, pid);
  EXPECT_THAT(crashes()[0].why->message, HasSubstr("not sent by us"));
}

TEST_F(fault_matrix, every_worker_killed_at_once_while_idle_comes_back) {
  start(spec_of(4));
  for (const auto& w : workers()) ASSERT_EQ(::kill(w.pid, SIGKILL), 0);
  const auto squares = submit_squares(1, 50);
  expect_squares(squares, 1);
  ASSERT_TRUE(events().wait_for(event_kind::recover, 4));
  EXPECT_EQ(crashes().size(), 4u);
  for (const auto& e : crashes()) EXPECT_EQ(e.why->signal, SIGKILL);
}

TEST_F(fault_matrix, memory_that_is_refused_is_an_answer_or_a_crash_as_the_task_takes_it) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "sanitizers need more address space than any limit leaves";
  auto spec = spec_of(2);
  spec.process.memory_limit = std::uint64_t{512} << 20;
  start(spec);
  const auto thrown = submit(fault_tasks().act, 7, std::string("bad_alloc"));
  EXPECT_EQ(result(thrown).error().kind, outcome_kind::exception);
  EXPECT_EQ(result(thrown).error().why.exception, "std::bad_alloc");
  EXPECT_TRUE(crashes().empty()) << "a task that tells of it leaves its worker alive";
  EXPECT_EQ(value(submit(fault_tasks().act, 7, std::string("bad_alloc_uncaught"))), 49);
  EXPECT_EQ(value(submit(fault_tasks().act, 7, std::string("malloc_unchecked"))), 49);
  ASSERT_EQ(crashes().size(), 2u);
  EXPECT_EQ(crashes()[0].why->signal, SIGABRT);
  EXPECT_EQ(crashes()[1].why->signal, SIGSEGV);
}

TEST_F(fault_matrix, a_worker_whose_processor_time_is_used_up_dies_of_it) {
  auto spec = spec_of(2);
  spec.limits.attempts = 1;
  spec.process.cpu_limit = milliseconds(1'000);
  start(spec);
  const auto endless = submit(fault_tasks().act, 7, std::string("hang"));
  const auto squares = submit_squares(1, 20);
  expect_squares(squares, 1);
  const auto& got = result(endless);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().kind, outcome_kind::quarantined);
  // ThreadSanitizer holds the first signal back as long as the loop makes no call; the second limit kills it then.
  EXPECT_EQ(got.error().why.signal, STEWARD_SANITIZED && got.error().why.signal == SIGKILL ? SIGKILL : SIGXCPU);
  EXPECT_EQ(got.error().why.message, "processor time limit of 1 s");
  ASSERT_EQ(crashes().size(), 1u);
}

TEST_F(fault_matrix, an_endless_loop_ends_at_its_deadline_and_is_not_retried) {
  auto spec = spec_of(2);
  spec.limits.deadline = milliseconds(200);
  start(spec);
  const auto endless = submit(fault_tasks().act, 7, std::string("hang"));
  const auto squares = submit_squares(1, 20);
  expect_squares(squares, 1);
  const auto& got = result(endless);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().kind, outcome_kind::deadline);
  ASSERT_EQ(got.error().attempts.size(), 1u);
  EXPECT_GE(got.error().attempts[0].ran_ms, 200.0);
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  ASSERT_EQ(crashes().size(), 1u);
  EXPECT_EQ(crashes()[0].why->cls, cause_class::deadline);
  EXPECT_EQ(events().all(event_kind::hang).size(), 1u);
}

TEST_F(fault_matrix, a_worker_stopped_in_mid_task_is_found_frozen_and_its_task_runs_elsewhere) {
  gate go;
  auto spec = spec_of(2);
  spec.limits.heartbeat = milliseconds(300);
  start(spec);
  const auto held = submit(fault_tasks().hold, go.path());
  const int pid = busy_pid(go);
  const auto squares = submit_squares(1, 50);
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  expect_squares(squares, 1);
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  go.open();
  EXPECT_EQ(value(held), 1);
  ASSERT_EQ(crashes().size(), 1u);
  EXPECT_EQ(crashes()[0].pid, pid);
  EXPECT_EQ(crashes()[0].why->cls, cause_class::heartbeat) << describe(*crashes()[0].why);
  EXPECT_THAT(crashes()[0].why->message, HasSubstr("frozen"));
  for (const auto& e : events().all(event_kind::task_retry))
    EXPECT_EQ(e.task->name, "hold") << "no one else is charged";
  EXPECT_TRUE(is_gone(pid));
}

TEST_F(fault_matrix, a_worker_stopped_while_idle_is_found_when_it_is_sent_a_task) {
  auto spec = spec_of(1);
  spec.limits.heartbeat = milliseconds(300);
  start(spec);
  const int pid = workers()[0].pid;
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  ASSERT_TRUE(holds_soon([pid] { return state_of(pid) == 'T'; }));
  const auto squares = submit_squares(1, 20);
  expect_squares(squares, 1);
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  ASSERT_EQ(crashes().size(), 1u);
  EXPECT_EQ(crashes()[0].why->cls, cause_class::heartbeat) << describe(*crashes()[0].why);
  EXPECT_TRUE(events().all(event_kind::task_retry).empty()) << "it had begun none";
}

TEST_F(fault_matrix, a_worker_stopped_for_a_moment_goes_on) {
  gate go;
  start(spec_of(1));
  const auto held = submit(fault_tasks().hold, go.path());
  const int pid = busy_pid(go);
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  ASSERT_TRUE(holds_soon([pid] { return state_of(pid) == 'T'; }));
  ASSERT_EQ(::kill(pid, SIGCONT), 0);
  go.open();
  EXPECT_EQ(value(held), 1);
  EXPECT_TRUE(crashes().empty());
  EXPECT_EQ(workers()[0].pid, pid);
}

TEST_F(fault_matrix, a_task_that_is_deaf_to_sigterm_ends_with_the_time_of_the_stop) {
  auto spec = spec_of(2);
  spec.limits.shutdown = milliseconds(600);
  start(spec);
  const auto deaf = submit(fault_tasks().always, 7, std::string("deaf"));
  ASSERT_TRUE(holds_soon([this] {
    const auto all = workers();
    return std::any_of(all.begin(), all.end(), [](const auto& w) { return ignores_sigterm(w.pid); });
  }));
  const auto begun = std::chrono::steady_clock::now();
  victim().stop(false);
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_LT(took, std::chrono::milliseconds(600 + 500));
  EXPECT_EQ(result(deaf).error().kind, outcome_kind::pool_gone);
  expect_stopped();
}

TEST_F(fault_matrix, a_second_reply_to_the_same_task_ends_the_worker_and_not_the_task) {
  start(spec_of(1));
  const auto struck = submit(fault_tasks().act, 7, std::string("reply_twice"));
  EXPECT_EQ(value(struck), 49);
  ASSERT_TRUE(events().wait_for(event_kind::recover));
  ASSERT_EQ(crashes().size(), 1u);
  EXPECT_EQ(crashes()[0].why->cls, cause_class::protocol);
  EXPECT_TRUE(events().all(event_kind::task_retry).empty());
}

TEST_F(fault_matrix, a_reply_counts_though_its_worker_dies_right_after_it) {
  start(spec_of(1));
  for (const char* how : {"reply_then_die", "reply_then_kill"}) {
    for (std::int64_t n = 1; n <= 5; ++n) EXPECT_EQ(value(submit(fault_tasks().always, n, std::string(how))), n * n);
  }
  ASSERT_TRUE(events().wait_for(event_kind::recover, 10));
  ASSERT_EQ(crashes().size(), 10u);
  for (std::size_t i = 0; i < 10; ++i)
    EXPECT_EQ(crashes()[i].why->cls, i < 5 ? cause_class::exit : cause_class::signal);
  EXPECT_TRUE(events().all(event_kind::task_retry).empty()) << "no task ran twice";
}

TEST_F(fault_matrix, a_poison_task_leaves_a_thousand_others_alone) {
  start(spec_of(2));
  const auto before = submit_squares(1, 500);
  const auto poison = submit(fault_tasks().always, 7, std::string("segv"));
  const auto after = submit_squares(501, 500);
  expect_squares(before, 1);
  expect_squares(after, 501);
  EXPECT_EQ(result(poison).error().kind, outcome_kind::quarantined);
  for (const auto& e : events().all(event_kind::task_retry))
    EXPECT_EQ(e.task->name, "always") << "no one else is charged";
}

}  // namespace
}  // namespace steward::test
