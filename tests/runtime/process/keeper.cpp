#include "process/keeper.hpp"

#include <dirent.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using test::exit_promise;
using test::test_pipe;
using testing::HasSubstr;

start_request request_for(std::string main, std::string argument = {}, std::vector<int> fds = {}) {
  start_request request;
  request.main = std::move(main);
  request.fds = std::move(fds);
  request.argument = std::move(argument);
  return request;
}

int open_fd_count() {
  int count = 0;
  DIR* all = ::opendir("/proc/self/fd");
  while (::readdir(all) != nullptr) ++count;
  ::closedir(all);
  return count;
}

// Every test runs once for each way to start a child.
class keeper_by : public testing::TestWithParam<start_method> {
protected:
  void SetUp() override {
    if (!test::have_zygote() && GetParam() == start_method::zygote) GTEST_SKIP() << "this process has a second thread";
  }
  keeper_options options() const { return {GetParam()}; }

  exit_report run(const start_request& request) {
    keeper k{options()};
    exit_promise end;
    started child = k.start(request, end.handler());
    EXPECT_TRUE(child) << child.error;
    if (!child) return {};
    auto report = end.wait();
    EXPECT_TRUE(report.has_value());
    EXPECT_EQ(report.value_or(exit_report{}).pid, child.pid);
    return report.value_or(exit_report{});
  }
};

INSTANTIATE_TEST_SUITE_P(each, keeper_by, testing::Values(start_method::zygote, start_method::spawn),
                         [](const auto& about) { return about.param == start_method::zygote ? "zygote" : "spawn"; });

TEST_P(keeper_by, tells_the_exit_code) {
  for (int code : {0, 1, 3, 255}) {
    exit_report report = run(request_for("exit_with", std::to_string(code)));
    EXPECT_FALSE(report.signaled);
    EXPECT_EQ(report.code, code);
    EXPECT_EQ(report.sent_signal, 0);
    EXPECT_GT(report.rss_peak_kib, 0u);
    cause why = cause_of(report);
    EXPECT_EQ(why.cls, cause_class::exit);
    EXPECT_EQ(why.code, code);
  }
}

TEST_P(keeper_by, tells_the_name_of_each_fatal_signal) {
  const std::pair<int, const char*> signals[] = {
      {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},   {SIGABRT, "SIGABRT"},
      {SIGSYS, "SIGSYS"},   {SIGXCPU, "SIGXCPU"}, {SIGKILL, "SIGKILL"}, {SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}};
  for (auto [number, name] : signals) {
    exit_report report = run(request_for("raise_signal", std::to_string(number)));
    EXPECT_TRUE(report.signaled) << name;
    EXPECT_EQ(report.signal, number);
    cause why = cause_of(report);
    EXPECT_EQ(why.cls, cause_class::signal);
    EXPECT_EQ(signal_name(why.signal), name);
  }
}

TEST_P(keeper_by, tells_a_strangers_kill_from_its_own) {
  keeper k{options()};
  exit_promise strange;
  exit_promise own;
  started first = k.start(request_for("wait_forever"), strange.handler());
  started second = k.start(request_for("wait_forever"), own.handler());
  ASSERT_TRUE(first && second);
  EXPECT_NE(first.id, second.id);
  EXPECT_EQ(k.running(), 2u);
  ASSERT_EQ(::kill(first.pid, SIGKILL), 0);
  EXPECT_TRUE(k.kill(second.id, SIGKILL));
  auto by_stranger = strange.wait();
  auto by_us = own.wait();
  ASSERT_TRUE(by_stranger && by_us);
  EXPECT_EQ(by_stranger->signal, SIGKILL);
  EXPECT_EQ(by_stranger->sent_signal, 0);
  EXPECT_EQ(by_us->signal, SIGKILL);
  EXPECT_EQ(by_us->sent_signal, SIGKILL);
  EXPECT_FALSE(k.kill(second.id, SIGKILL));
  EXPECT_FALSE(k.kill(first.id, 0));
  EXPECT_EQ(k.running(), 0u);
}

TEST_P(keeper_by, ends_a_stopped_child) {
  keeper k{options()};
  exit_promise end;
  test_pipe ready;
  started child = k.start(request_for("wait_forever", {}, {ready.write_end()}), end.handler());
  ASSERT_TRUE(child);
  ASSERT_EQ(ready.read_some(1), "r");
  EXPECT_TRUE(k.kill(child.id, SIGSTOP));
  EXPECT_TRUE(k.kill(child.id, SIGKILL));
  auto report = end.wait();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->signal, SIGKILL);
}

TEST_P(keeper_by, passes_every_byte_of_the_argument) {
  std::string argument = "100% \"a b\"\n%0";
  argument += '\0';
  argument += "\xff end";
  argument.resize(max_argument_bytes, 'x');
  test_pipe pipe;
  exit_report report = run(request_for("tell_argument", argument, {pipe.write_end()}));
  EXPECT_EQ(report.code, 0);
  EXPECT_EQ(pipe.read_to_end(), argument);
}

TEST_P(keeper_by, gives_a_child_a_clean_state) {
  // What must not get through: other descriptors, even without close-on-exec, a blocked and an ignored signal.
  int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  int stray = ::fcntl(null, F_DUPFD, 40);
  ::close(null);
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGINT);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto* old_handler = ::signal(SIGUSR1, SIG_IGN);
  if (!test::under_thread_sanitizer) {
    // A fresh zygote, which inherits all of this.
    stop_zygote();
    test::have_zygote();
  }
  test_pipe pipe;
  test_pipe other;
  // In an order that a naive dup2 in a row gets wrong.
  exit_report report = run(request_for("tell_self", {}, {pipe.write_end(), other.read_end(), pipe.read_end()}));
  ::signal(SIGUSR1, old_handler);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(stray);
  EXPECT_EQ(report.code, 0);
  EXPECT_EQ(pipe.read_to_end(),
            "fds 0 1 2 3 4 5 \nblocked 0\nignored \nown group true\nnull input true\ncore 0\nno new privileges 1\n"
            "close on exec true\nmark kept\n");
}

TEST_P(keeper_by, places_descriptors_whatever_their_numbers) {
  // Every pair of the lowest free numbers, in both orders: some lie where the child's are meant to go.
  std::vector<int> all;
  for (int i = 0; i < 6; ++i) all.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (std::size_t i = 0; i < all.size(); ++i) {
    test_pipe pipe;
    std::string text = "from " + std::to_string(i);
    // The pipe takes the place of one of them, lowest first.
    ASSERT_EQ(::dup3(pipe.write_end(), all[i], O_CLOEXEC), all[i]);
    std::vector<int> fds{all[i], all[(i + 1) % 6], all[(i + 2) % 6], all[(i + 3) % 6]};
    EXPECT_EQ(run(request_for("tell_argument", text, fds)).code, 0);
    int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup3(null, all[i], O_CLOEXEC);
    ::close(null);
    EXPECT_EQ(pipe.read_to_end(), text);
  }
  for (int fd : all) ::close(fd);
}

TEST_P(keeper_by, kills_a_grandchild_with_the_worker) {
  for (const char* what : {"stay", "exit"}) {
    keeper k{options()};
    exit_promise end;
    test_pipe held;
    started child = k.start(request_for("leave_grandchild", what, {held.write_end()}), end.handler());
    ASSERT_TRUE(child);
    ASSERT_EQ(held.read_some(1), "r");
    if (std::string{what} == "stay") {
      EXPECT_TRUE(k.kill(child.id, SIGTERM));
    }
    auto report = end.wait();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->signaled, std::string{what} == "stay");
    // The end of the pipe: the grandchild, which held it, is dead, too.
    EXPECT_EQ(held.read_to_end(), "");
  }
}

TEST_P(keeper_by, kills_and_reaps_what_runs_when_it_ends) {
  test_pipe held;
  std::atomic<int> ended{0};
  {
    keeper k{options()};
    for (int i = 0; i < 4; ++i) {
      started child = k.start(request_for("wait_forever", {}, {held.write_end()}), [&](const exit_report& report) {
        EXPECT_EQ(report.signal, SIGKILL);
        EXPECT_EQ(report.sent_signal, SIGKILL);
        ++ended;
      });
      ASSERT_TRUE(child) << child.error;
    }
  }
  EXPECT_EQ(ended, 4);
  EXPECT_TRUE(held.read_to_end().has_value());
}

TEST_P(keeper_by, leaves_no_zombie_and_no_descriptor_after_200_children) {
  keeper k{options()};
  // The first one may make the keeper start a guard, which it keeps.
  exit_promise first;
  ASSERT_TRUE(k.start(request_for("exit_with", "0"), first.handler()));
  ASSERT_TRUE(first.wait());
  int before = open_fd_count();
  for (int i = 0; i < 200; ++i) {
    exit_promise end;
    ASSERT_TRUE(k.start(request_for("exit_with", "7"), end.handler()));
    auto report = end.wait();
    ASSERT_TRUE(report);
    ASSERT_EQ(report->code, 7);
    // Reaped before it was told: the pid is no child of ours any more.
    siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(report->pid), &info, WEXITED | WNOHANG | WNOWAIT), -1);
  }
  EXPECT_EQ(open_fd_count(), before);
}

TEST_P(keeper_by, starts_children_for_many_threads_at_once) {
  keeper k{options()};
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        exit_promise end;
        started child = k.start(request_for("exit_with", std::to_string(10 * t + i)), end.handler());
        auto report = child ? end.wait() : std::nullopt;
        if (report && report->pid == child.pid && report->code == 10 * t + i) ++right;
      }
    });
  }
  for (auto& one : threads) one.join();
  EXPECT_EQ(right, 40);
}

TEST_P(keeper_by, starts_many_children_at_once) {
  keeper k{options()};
  constexpr int count = 60;
  std::vector<exit_promise> ends(count);
  std::vector<keeper::start_call> calls;
  for (int i = 0; i < count; ++i) {
    auto request = request_for(i == 7 ? "no_such_main" : "exit_with", std::to_string(i));
    // Large enough that not all fit in the queue to the zygote at once.
    request.environment = {"BIG=" + std::string(12'000, 'x')};
    calls.push_back({request, ends[static_cast<std::size_t>(i)].handler()});
  }
  auto all = k.start_all(std::move(calls));
  ASSERT_EQ(all.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const auto& one = all[static_cast<std::size_t>(i)];
    EXPECT_EQ(static_cast<bool>(one), i != 7) << one.error;
    if (!one) {
      EXPECT_THAT(one.error, HasSubstr("no_such_main"));
      continue;
    }
    auto report = ends[static_cast<std::size_t>(i)].wait();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->code, i);
    EXPECT_EQ(report->pid, one.pid);
  }
  EXPECT_EQ(k.running(), 0u);
  EXPECT_TRUE(k.start_all({}).empty());
}

TEST_P(keeper_by, starts_a_child_from_an_exit_handler) {
  keeper k{options()};
  exit_promise end;
  started second;
  started first = k.start(request_for("exit_with", "1"),
                          [&](const exit_report&) { second = k.start(request_for("exit_with", "2"), end.handler()); });
  ASSERT_TRUE(first);
  auto report = end.wait();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->code, 2);
}

TEST_P(keeper_by, refuses_a_request_that_cannot_be_right) {
  keeper k{options()};
  auto never = [](const exit_report&) { ADD_FAILURE() << "called for a child that was not started"; };
  started child = k.start(request_for("no_such_main"), never);
  EXPECT_FALSE(child);
  EXPECT_THAT(child.error, HasSubstr("no_such_main"));
  EXPECT_THAT(k.start(request_for("exit_with", std::string(max_argument_bytes + 1, 'x')), never).error,
              HasSubstr("4097 bytes"));
  EXPECT_THAT(k.start(request_for("exit_with", "0", std::vector<int>(9, 0)), never).error, HasSubstr("limit of 8"));
  EXPECT_THAT(k.start(request_for("exit_with", "0", {1000000}), never).error, HasSubstr("not open"));
  EXPECT_EQ(k.running(), 0u);
}

TEST_P(keeper_by, tells_why_a_start_failed_and_goes_on) {
  keeper k{options()};
  auto never = [](const exit_report&) { ADD_FAILURE() << "called for a child that was not started"; };
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  int lowest_free = ::open("/dev/null", O_RDONLY);
  ::close(lowest_free);
  rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  started child = k.start(request_for("exit_with", "0"), never);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(child);
  EXPECT_THAT(child.error, HasSubstr("Too many open files"));
  EXPECT_EQ(k.running(), 0u);
  exit_promise end;
  EXPECT_TRUE(k.start(request_for("exit_with", "0"), end.handler()));
  EXPECT_TRUE(end.wait());
}

TEST_P(keeper_by, children_die_with_a_killed_parent) {
  // A spawned harness, since only a program that was started afresh may have threads under every sanitizer.
  keeper k{{start_method::spawn}};
  exit_promise end;
  test_pipe held;
  std::string method = GetParam() == start_method::zygote ? "zygote" : "spawn";
  started harness = k.start(request_for("keep_children", method, {held.write_end()}), end.handler());
  ASSERT_TRUE(harness);
  held.close_write();
  std::string ready;
  while (ready.size() < 2) {
    auto part = held.read_some(1);
    ASSERT_TRUE(part && !part->empty());
    ready += *part;
  }
  // The harness alone, by pid: its children have groups of their own.
  ASSERT_EQ(::kill(harness.pid, SIGKILL), 0);
  ASSERT_TRUE(end.wait());
  EXPECT_EQ(held.read_to_end(), "");
}

class zygote : public testing::Test {
protected:
  void SetUp() override {
    if (!test::have_zygote()) GTEST_SKIP() << "this process has a second thread";
  }
};

TEST_P(keeper_by, tells_the_end_of_a_child_where_sigchld_was_ignored) {
  ::signal(SIGCHLD, SIG_IGN);
  exit_report report = run(request_for("exit_with", "3"));
  EXPECT_EQ(report.code, 3);
  EXPECT_EQ(::signal(SIGCHLD, SIG_DFL), SIG_DFL);
}

TEST(keeper, says_so_when_somebody_else_reaped_a_child) {
  exit_report report;
  report.code = -1;
  EXPECT_TRUE(report.is_lost());
  EXPECT_THAT(describe(cause_of(report)), testing::HasSubstr("not known"));
}

TEST_F(zygote, is_replaced_by_spawn_when_it_was_killed) {
  keeper k;
  EXPECT_EQ(k.method(), start_method::zygote);
  ASSERT_EQ(::kill(zygote_pid(), SIGKILL), 0);
  for (int i = 0; i < 3; ++i) {
    exit_promise end;
    started child = k.start(request_for("exit_with", "5"), end.handler());
    ASSERT_TRUE(child) << child.error;
    auto report = end.wait();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->code, 5);
  }
  EXPECT_EQ(k.method(), start_method::spawn);
  EXPECT_EQ(zygote_pid(), 0);
}

TEST_F(zygote, is_replaced_by_spawn_when_it_is_wedged) {
  keeper k;
  ASSERT_EQ(::kill(zygote_pid(), SIGSTOP), 0);
  test_pipe pipe;
  exit_promise end;
  const auto begun = std::chrono::steady_clock::now();
  started child = k.start(request_for("tell_argument", "once", {pipe.write_end()}), end.handler());
  ASSERT_TRUE(child) << child.error;
  // Who starts a child may have deadlines to keep.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(zygote_reply_limit_ms / 2));
  ASSERT_TRUE(end.wait());
  // Once, not twice: the request that the zygote never read was not carried out later.
  EXPECT_EQ(pipe.read_to_end(), "once");
  EXPECT_EQ(zygote_pid(), 0);
}

TEST_F(zygote, killed_amid_starts_leaves_no_child_that_nobody_knows) {
  // Children that read to the pipe's end hold the other side of it: one too many would keep the pipe open for ever.
  keeper k;
  test_pipe pipe;
  std::vector<exit_promise> ends(20);
  std::thread killer{[pid = zygote_pid()] { ::kill(pid, SIGKILL); }};
  for (auto& end : ends) {
    started child = k.start(request_for("tell_argument", "x", {pipe.write_end()}), end.handler());
    EXPECT_TRUE(child) << child.error;
  }
  killer.join();
  for (auto& end : ends) EXPECT_TRUE(end.wait());
  EXPECT_EQ(pipe.read_to_end(), std::string(20, 'x'));
}

TEST_F(zygote, killed_amid_many_starts_leaves_no_child_that_nobody_knows) {
  keeper k;
  test_pipe pipe;
  constexpr std::size_t count = 40;
  std::vector<exit_promise> ends(count);
  std::vector<keeper::start_call> calls;
  for (auto& end : ends) calls.push_back({request_for("tell_argument", "x", {pipe.write_end()}), end.handler()});
  std::thread killer{[pid = zygote_pid()] { ::kill(pid, SIGKILL); }};
  auto all = k.start_all(std::move(calls));
  killer.join();
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(all[i]) << all[i].error;
    EXPECT_TRUE(ends[i].wait());
  }
  // Not one more and not one less.
  EXPECT_EQ(pipe.read_to_end(), std::string(count, 'x'));
}

TEST_F(zygote, serves_one_keeper_after_the_other) {
  for (int i = 0; i < 3; ++i) {
    keeper k{{start_method::zygote}};
    exit_promise end;
    ASSERT_TRUE(k.start(request_for("exit_with", "0"), end.handler()));
    ASSERT_TRUE(end.wait());
  }
  EXPECT_TRUE(zygote_alive());
}

TEST_F(zygote, ignores_the_terminals_signals) {
  ASSERT_EQ(::kill(zygote_pid(), SIGINT), 0);
  ASSERT_EQ(::kill(zygote_pid(), SIGTERM), 0);
  keeper k{{start_method::zygote}};
  exit_promise end;
  EXPECT_TRUE(k.start(request_for("exit_with", "0"), end.handler()));
  EXPECT_TRUE(end.wait());
}

TEST_F(zygote, stops_and_may_be_stopped_again) {
  stop_zygote();
  stop_zygote();
  EXPECT_FALSE(zygote_alive());
  keeper k{{start_method::zygote}};
  EXPECT_THAT(k.start(request_for("exit_with", "0"), nullptr).error, HasSubstr("no zygote"));
}

TEST_F(zygote, is_refused_to_a_process_with_a_second_thread) {
  stop_zygote();
  keeper second_thread;
  EXPECT_FALSE(start_zygote());
  EXPECT_EQ(second_thread.method(), start_method::spawn);
}

}  // namespace
}  // namespace steward::process
