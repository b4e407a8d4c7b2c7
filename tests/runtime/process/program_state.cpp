// What children get of what their program has become since the zygote was made, as the kernel shows it to them.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <tuple>

#include "process/bootstrap.hpp"
#include "process/keeper.hpp"
#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using test::exit_promise;
using test::test_pipe;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class program_state_test : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "takes root";
    if (!test::have_zygote() && GetParam() == "zygote") GTEST_SKIP() << "this process has a second thread";
  }

  // What a child of a program tells that has become something else.
  static std::string told(const std::string& what, const std::string& rest = "tell_state") {
    test_pipe pipe;
    start_request request;
    request.main = "change";
    request.fds = {pipe.write_end()};
    request.argument = GetParam() + " " + what + " " + rest;
    keeper k;
    exit_promise end;
    started child = k.start(request, end.handler());
    EXPECT_TRUE(child) << child.error;
    auto text = pipe.read_to_end().value_or("it did not end in time");
    EXPECT_THAT(text, testing::EndsWith("ended\n"));
    return text;
  }
};

INSTANTIATE_TEST_SUITE_P(each, program_state_test, testing::Values("zygote", "spawn"),
                         [](const auto& about) { return about.param; });

TEST_P(program_state_test, user_and_groups_reach_children) {
  EXPECT_THAT(told("user"), AllOf(HasSubstr("users 65534 65534\ngroups 65534 65534 more 7 8\n"),
                                  HasSubstr("any capability false\n")));
}

TEST_P(program_state_test, umask_reaches_children) { EXPECT_THAT(told("umask"), HasSubstr("umask 31\n")); }

TEST_P(program_state_test, limits_reach_children) { EXPECT_THAT(told("limits"), HasSubstr("files 61 62\n")); }

TEST_P(program_state_test, niceness_reaches_children) { EXPECT_THAT(told("nice"), HasSubstr("nice 7\n")); }

TEST_P(program_state_test, processors_reach_children) { EXPECT_THAT(told("processors"), HasSubstr("processors 1\n")); }

TEST_P(program_state_test, dropped_capabilities_are_dropped_for_children) {
  EXPECT_THAT(told("nothing"), HasSubstr("raw sockets 1\n"));
  EXPECT_THAT(told("capabilities"), AllOf(HasSubstr("raw sockets 0\n"), HasSubstr("any capability true\n")));
}

TEST_P(program_state_test, a_directory_that_cannot_be_searched_is_inherited) {
  const auto text = told("directory");
  EXPECT_THAT(text, AllOf(HasSubstr("users 65534"), HasSubstr("directory /tmp/steward-closed-")));
  const auto at = text.find("/tmp/steward-closed-");
  if (at != std::string::npos) std::filesystem::remove(text.substr(at, text.find('\n', at) - at));
}

TEST_P(program_state_test, children_have_a_session_of_their_own) {
  EXPECT_THAT(told("nothing"), HasSubstr("session true\n"));
}

// Nothing of a program can be started again where neither it nor /proc is to be seen, so only a zygote helps.
TEST_P(program_state_test, a_new_root_holds_for_children) {
  if (GetParam() != "zygote") GTEST_SKIP() << "there is no program in it";
  EXPECT_THAT(told("root"), AllOf(HasSubstr("directory /\n"), HasSubstr("passwd false\n")));
}

TEST_P(program_state_test, children_start_without_proc) {
  EXPECT_THAT(told("no_proc"), AllOf(HasSubstr("passwd true\n"), Not(HasSubstr("refused"))));
}

TEST_P(program_state_test, a_strict_sandbox_keeps_another_users_child_from_others) {
  const auto text = told("user", "try_others strict");
  if (text.find("refused: the strict sandbox cannot be had here") != std::string::npos) GTEST_SKIP() << text;
  for (const char* refused :
       {"shmget", "shmctl", "semget", "msgget", "mq_open", "priority of the parent", "priority of the user",
        "priority of the group", "processors of the parent", "scheduling of the parent", "parameters of the parent",
        "io priority of the parent", "io priority of the user", "limits of the parent", "signals for a file",
        "signal of a file", "owner of a file", "kill", "memory of the parent"})
    EXPECT_THAT(text, HasSubstr(std::string(refused) + " EPERM\n"));
  EXPECT_THAT(text, HasSubstr("mq_unlink EACCES\n")) << "so libc calls it";
  for (const char* free :
       {"own priority", "own processors", "own scheduling", "own io priority", "flags of a file", "thread"})
    EXPECT_THAT(text, HasSubstr(std::string(free) + " ok\n"));
}

TEST(guard, ends_though_it_was_stopped_before_its_program_was_killed) {
  if (!test::have_zygote()) GTEST_SKIP() << "this process has a second thread";
  // As in a container: then no rule on orphaned groups continues it.
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  test_pipe pipe;
  start_request request;
  request.main = "change";
  request.fds = {pipe.write_end()};
  request.argument = "zygote stop_zygote tell_state";
  keeper k;
  exit_promise end;
  started child = k.start(request, end.handler());
  ASSERT_TRUE(child) << child.error;
  EXPECT_EQ(end.wait().value_or(exit_report{}).signal, SIGKILL);
  const int zygote = std::stoi(pipe.read_to_end().value_or("0"));
  ASSERT_GT(zygote, 1);
  const bool ended = reap_within(zygote, static_cast<int>(std::chrono::milliseconds{test::patience}.count()));
  EXPECT_TRUE(ended);
  if (!ended) ::kill(zygote, SIGKILL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

class stopped_child : public testing::Test {
protected:
  // The signal, once it is there; 0 when it does not come.
  static int wait_for_stop(const keeper& k, child_id id) {
    const auto deadline = std::chrono::steady_clock::now() + test::patience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (const int signal = k.stop_signal(id); signal != 0) return signal;
      std::this_thread::yield();
    }
    return 0;
  }
};

TEST_F(stopped_child, is_told_by_its_signal) {
  test_pipe pipe;
  start_request request;
  request.main = "wait_forever";
  request.fds = {pipe.write_end()};
  keeper k;
  exit_promise end;
  started child = k.start(request, end.handler());
  ASSERT_TRUE(child) << child.error;
  EXPECT_EQ(pipe.read_some(1)->size(), 1u);
  EXPECT_EQ(k.stop_signal(child.id), 0);
  EXPECT_TRUE(k.kill(child.id, SIGSTOP));
  EXPECT_EQ(wait_for_stop(k, child.id), SIGSTOP);
  EXPECT_TRUE(k.kill(child.id, SIGCONT));
  EXPECT_EQ(k.stop_signal(child.id), 0);
  EXPECT_TRUE(k.kill(child.id, SIGKILL));
  EXPECT_EQ(end.wait().value_or(exit_report{}).signal, SIGKILL);
}

TEST_F(stopped_child, that_is_traced_can_be_killed) {
  test_pipe pipe;
  start_request request;
  request.main = "trace_me";
  request.fds = {pipe.write_end()};
  keeper k;
  exit_promise end;
  started child = k.start(request, end.handler());
  ASSERT_TRUE(child) << child.error;
  EXPECT_EQ(wait_for_stop(k, child.id), SIGUSR1);
  EXPECT_TRUE(k.kill(child.id, 0)) << "it lives";
  EXPECT_TRUE(k.kill(child.id, SIGKILL));
  EXPECT_EQ(end.wait().value_or(exit_report{}).signal, SIGKILL);
}

}  // namespace
}  // namespace steward::process
