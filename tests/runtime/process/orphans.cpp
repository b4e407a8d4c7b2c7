#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "process/guard.hpp"
#include "process/keeper.hpp"
#include "process/proc_files.hpp"
#include "process/tracking.hpp"
#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using test::exit_promise;
using test::test_pipe;

std::string method_name(start_method method) { return method == start_method::zygote ? "zygote" : "spawn"; }

// A program that starts workers each of which starts a process: what is left of it all when the program is killed?
class orphans : public testing::TestWithParam<start_method> {
protected:
  // The harness is a program of its own, started afresh, with a keeper in it.
  void kill_a_program_of(const std::string& how, const char* main = "keep_grandchildren", int signal = SIGKILL) {
    keeper k{{start_method::spawn}};
    exit_promise end;
    test_pipe held;
    start_request request;
    request.main = main;
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
    ASSERT_EQ(::kill(harness.pid, signal), 0);
    if (signal == SIGKILL) {
      ASSERT_TRUE(end.wait());
    }
    auto begun = std::chrono::steady_clock::now();
    // The pipe ends when the last process that holds it is gone.
    EXPECT_EQ(held.read_to_end(), "");
    auto limit = test::sanitized ? std::chrono::seconds{10} : std::chrono::seconds{1};
    EXPECT_LT(std::chrono::steady_clock::now() - begun, limit);
    if (signal != SIGKILL) {
      EXPECT_EQ(::waitpid(harness.pid, nullptr, WNOHANG), 0) << "it lives on";
    }
  }

  void kill_a_program_with_strays(const std::string& how) {
    if (new_program_mark() == 0) GTEST_SKIP() << "this program cannot mark its children";
    kill_a_program_of(method_name(GetParam()) + how, "keep_strays");
  }
};

INSTANTIATE_TEST_SUITE_P(each, orphans, testing::Values(start_method::zygote, start_method::spawn),
                         [](const auto& about) { return method_name(about.param); });

TEST_P(orphans, of_orphans_die_with_a_killed_program) { kill_a_program_of(method_name(GetParam())); }

TEST_P(orphans, die_though_their_parent_died_with_the_program) {
  // The workers end with the program, at once; only the guard knows of what they have left.
  kill_a_program_of(method_name(GetParam()) + " closed");
}

TEST_P(orphans, that_left_their_group_die_with_a_killed_program) { kill_a_program_with_strays(" group"); }

TEST_P(orphans, that_left_their_session_die_with_a_killed_program) { kill_a_program_with_strays(" session"); }

TEST_P(orphans, that_became_daemons_of_another_program_die_with_a_killed_program) {
  kill_a_program_with_strays(" daemon");
}

TEST_P(orphans, that_hand_over_to_others_all_the_time_die_with_a_killed_program) {
  kill_a_program_with_strays(" chain");
}

TEST_P(orphans, die_though_the_program_becomes_another_one) {
  if (new_program_mark() == 0) GTEST_SKIP() << "this program cannot mark its children";
  kill_a_program_of(method_name(GetParam()) + " session", "keep_strays", SIGUSR1);
}

TEST_P(orphans, of_a_program_in_a_program_die_with_the_outer_one) {
  kill_a_program_with_strays(" nested spawn daemon");
}

// One child of two dies, or ends; the program lives.
class strays : public testing::TestWithParam<start_method> {
protected:
  void SetUp() override {
    if (new_program_mark() == 0) GTEST_SKIP() << "this program cannot mark its children";
    if (GetParam() == start_method::zygote && !test::have_zygote()) GTEST_SKIP() << "no zygote";
    keeper_.emplace(keeper_options{GetParam()});
  }

  started start(const char* main, const std::string& what, test_pipe& held, exit_promise& end, std::size_t count = 1) {
    start_request request;
    request.main = main;
    request.argument = what;
    request.fds = {held.write_end()};
    started child = keeper_->start(request, end.handler());
    EXPECT_TRUE(child) << child.error;
    held.close_write();
    for (std::string ready; ready.size() < count;) {
      auto part = held.read_some(1);
      if (!part || part->empty()) {
        ADD_FAILURE() << "no stray";
        break;
      }
      ready += *part;
    }
    return child;
  }

  static bool is_held(const test_pipe& held) {
    pollfd one{held.read_end(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 0;
  }

  std::optional<keeper> keeper_;
  test_pipe first_;
  test_pipe second_;
  exit_promise first_end_;
  exit_promise second_end_;
};

INSTANTIATE_TEST_SUITE_P(each, strays, testing::Values(start_method::zygote, start_method::spawn),
                         [](const auto& about) { return method_name(about.param); });

TEST_P(strays, of_one_child_die_with_it_and_those_of_others_live) {
  started one = start("leave_stray", "daemon", first_, first_end_);
  start("leave_stray", "daemon", second_, second_end_);
  ASSERT_TRUE(keeper_->kill(one.id, SIGKILL));
  EXPECT_EQ(first_.read_to_end(), "");
  ASSERT_TRUE(first_end_.wait());
  EXPECT_TRUE(is_held(second_));
  // The rest before the keeper's destructor returns.
  keeper_.reset();
  EXPECT_FALSE(is_held(second_));
  EXPECT_EQ(second_.read_to_end(), "");
}

TEST_P(strays, of_a_child_that_exits_die_with_it) {
  for (const char* what : {"group exit", "session exit", "daemon exit"}) {
    SCOPED_TRACE(what);
    test_pipe held;
    exit_promise end;
    start("leave_stray", what, held, end);
    auto report = end.wait();
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->signaled);
    EXPECT_EQ(report->code, 0);
    EXPECT_EQ(held.read_to_end(), "");
  }
}

TEST_P(strays, that_hand_over_to_others_all_the_time_die) {
  started child = start("leave_stray", "chain", first_, first_end_);
  auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(keeper_->kill(child.id, SIGKILL));
  EXPECT_EQ(first_.read_to_end(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{10}) << "that is when it ends by itself";
}

TEST_P(strays, that_are_another_user_die) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  started child = start("leave_stray", "nobody", first_, first_end_);
  ASSERT_TRUE(keeper_->kill(child.id, SIGKILL));
  EXPECT_EQ(first_.read_to_end(), "");
}

TEST_P(strays, of_a_program_in_a_child_die_with_it) {
  started outer = start("keep_strays", "spawn daemon", first_, first_end_, 3);
  started other = start("leave_stray", "session", second_, second_end_);
  ASSERT_TRUE(keeper_->kill(outer.id, SIGKILL));
  EXPECT_EQ(first_.read_to_end(), "");
  EXPECT_TRUE(is_held(second_));
  ASSERT_TRUE(keeper_->kill(other.id, SIGKILL));
}

TEST_P(strays, of_a_program_in_another_child_are_not_taken_for_this_ones) {
  // Both count their children from 1.
  std::array<test_pipe, 3> held;
  std::array<exit_promise, 3> ends;
  std::array<started, 3> others;
  for (std::size_t i = 0; i < 3; ++i) others[i] = start("leave_stray", "session", held[i], ends[i]);
  started outer = start("keep_strays", "spawn session", first_, first_end_, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(keeper_->kill(others[i].id, SIGKILL));
    EXPECT_EQ(held[i].read_to_end(), "");
  }
  // Had the inner program lost its children, it would have looked for their strays by the end of this.
  for (int i = 0; i < 3; ++i) {
    test_pipe last;
    exit_promise end;
    started one = start("leave_stray", "session", last, end);
    ASSERT_TRUE(keeper_->kill(one.id, SIGKILL));
    EXPECT_EQ(last.read_to_end(), "");
  }
  EXPECT_TRUE(is_held(first_));
  ASSERT_TRUE(keeper_->kill(outer.id, SIGKILL));
  EXPECT_EQ(first_.read_to_end(), "");
}

TEST_P(strays, that_lower_their_limit_are_left_alone) {
  start_request request;
  request.main = "leave_stray";
  request.argument = "heir";
  request.fds = {first_.write_end()};
  started child = keeper_->start(request, first_end_.handler());
  ASSERT_TRUE(child) << child.error;
  first_.close_write();
  std::string text;
  while (!text.ends_with('\n')) {
    auto part = first_.read_some(16);
    ASSERT_TRUE(part && !part->empty());
    text += *part;
  }
  int heir = std::stoi(text);
  ASSERT_TRUE(keeper_->kill(child.id, SIGKILL));
  ASSERT_TRUE(first_end_.wait());
  keeper_.reset();
  EXPECT_TRUE(is_held(first_));
  ASSERT_EQ(::kill(heir, SIGKILL), 0);
  EXPECT_EQ(first_.read_to_end(), "");
}

constexpr std::uint64_t unlimited = RLIM_INFINITY;

TEST(tracking, marks_a_program_within_the_one_that_started_it) {
  std::uint64_t outer = program_mark_within(unlimited, 12345);
  EXPECT_EQ(outer >> 62, 1U);
  EXPECT_NE(outer, program_mark_within(unlimited, 12346));
  std::uint64_t inner = program_mark_within(outer, 999);
  EXPECT_LT(inner, outer) << "the kernel lets nobody raise it";
  EXPECT_EQ(inner >> 31, outer >> 31);
  EXPECT_NE(inner, program_mark_within(outer, 1000));
  EXPECT_EQ(program_mark_within(inner, 7), 0U) << "no third level";
  EXPECT_EQ(program_mark_within(200'000, 7), 0U) << "somebody else's limit";
  // All ones, which mean no program, are never drawn.
  EXPECT_NE(program_mark_within(unlimited, ~std::uint64_t{0}), ~std::uint64_t{0} >> 1);
  EXPECT_NE(program_mark_within(outer, ~std::uint64_t{0}), outer);
}

TEST(tracking, gives_each_child_a_mark_below_that_of_the_program) {
  std::uint64_t inner = program_mark_within(program_mark_within(unlimited, 0), 0);
  tracking_mark one = next_child_mark(inner);
  tracking_mark two = next_child_mark(inner);
  EXPECT_NE(one.child, two.child);
  EXPECT_LT(one.child, inner);
  EXPECT_EQ(one.program, inner);
  EXPECT_EQ(next_child_mark(0).program, 0U);
}

TEST(stray_search, looks_for_all_that_ended_within_the_delay_at_once) {
  stray_search search;
  stray_search::clock::time_point start{std::chrono::hours{1}};
  EXPECT_EQ(search.due_in_ms(start), -1);
  search.add({}, start);
  EXPECT_TRUE(search.empty()) << "a child without a mark cannot be searched for";
  // A mark that nobody wears.
  std::uint64_t program = program_mark_within(unlimited, 0);
  search.add(next_child_mark(program), start);
  EXPECT_EQ(search.due_in_ms(start), stray_look_delay.count());
  search.add(next_child_mark(program), start + stray_look_delay / 2);
  EXPECT_EQ(search.due_in_ms(start + stray_look_delay / 2), stray_look_delay.count() / 2);
  search.look(start + stray_look_delay / 2);
  EXPECT_FALSE(search.empty());
  auto now = start + stray_look_delay;
  search.look(now);
  EXPECT_FALSE(search.empty()) << "once may be too soon";
  now += std::chrono::milliseconds{search.due_in_ms(now)};
  search.look(now);
  EXPECT_TRUE(search.empty());
  EXPECT_EQ(search.due_in_ms(now), -1);
}

TEST(tracking, does_not_give_up_a_stray_for_want_of_descriptors) {
  const auto program = program_mark_within(unlimited, 54321);
  const auto mark = next_child_mark(program);
  const std::array children{mark.child};
  const int proc = open_proc();
  ASSERT_GE(proc, 0);
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t stray = ::fork();
  if (stray == 0) {
    wear_mark(mark);
    if (::write(ready[1], "r", 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto found = kill_marked(proc, program, children);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(found, 1u);
  EXPECT_EQ(::waitpid(stray, nullptr, WNOHANG), 0) << "it lives";
  EXPECT_EQ(kill_marked(proc, program, children), 1u);
  int status = 0;
  EXPECT_EQ(::waitpid(stray, &status, 0), stray);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(kill_marked(proc, program, children), 0u);
  for (const int fd : {proc, ready[0], ready[1]}) ::close(fd);
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
