#include "live_commands.hpp"

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// What a program finds around it.

namespace steward::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class surroundings : public live_commands {
protected:
  /// What it has written by the time that it says "done".
  std::vector<std::string> say(command_spec spec, std::string script) {
    spec.run = {"/bin/sh", "-c", std::move(script) + "; echo done; exec sleep 300"};
    spec.ready.line = "^done$";
    const auto started = begin(std::move(spec));
    EXPECT_TRUE(started) << describe(started.why);
    auto out = lines();
    if (!out.empty()) out.pop_back();
    return out;
  }
};

TEST_F(surroundings, has_no_descriptors_but_three_and_reads_nothing) {
  EXPECT_THAT(say({}, "ls /proc/$$/fd; readlink /proc/$$/fd/0; cat"), ElementsAre("0", "1", "2", "/dev/null"));
}

TEST_F(surroundings, sees_of_the_environment_what_it_is_given) {
  ::setenv("STEWARD_TEST_SECRET", "hidden", 1);
  ::setenv("STEWARD_TEST_NAMED", "named", 1);
  ::setenv("NOTIFY_SOCKET", "/nowhere", 1);
  EXPECT_THAT(say({.environment = {"STEWARD_TEST_NAMED", "OWN=a b"}}, "env"),
              testing::AllOf(testing::Contains("STEWARD_TEST_NAMED=named"), testing::Contains("OWN=a b"),
                             testing::Contains(testing::StartsWith("PATH=")),
                             Not(testing::Contains(HasSubstr("STEWARD_TEST_SECRET")))));
  end();
  EXPECT_THAT(say({.environment = {"*"}}, "env"), testing::AllOf(testing::Contains("STEWARD_TEST_SECRET=hidden"),
                                                                 Not(testing::Contains(HasSubstr("NOTIFY_SOCKET")))));
  for (const char* name : {"STEWARD_TEST_SECRET", "STEWARD_TEST_NAMED", "NOTIFY_SOCKET"}) ::unsetenv(name);
}

TEST_F(surroundings, is_where_it_is_told_and_as_it_is_told) {
  command_spec spec{.working_directory = "/usr", .umask = 027, .nice = 7};
  spec.rlimits.core = 0;
  spec.rlimits.nofile = 77;
  spec.rlimits.fsize = 512 * 1024;
  EXPECT_THAT(say(spec, "pwd; umask; nice; ulimit -n; ulimit -f"), ElementsAre("/usr", "0027", "7", "77", "1024"));
}

TEST_F(surroundings, is_another_user_and_can_open_its_own_output) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto all = say({.user = "nobody"}, "id -un; echo again > /dev/stdout; echo $HOME");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], "nobody");
  EXPECT_EQ(all[1], "again");
  EXPECT_EQ(all[2], "/nonexistent");
  end();
  EXPECT_EQ(events_of(event_kind::crash).size(), 0U) << "it is stopped in order all the same";
}

TEST_F(surroundings, is_a_group_of_its_own_without_signals_held_back) {
  say({}, "ps -o pgid= -p $$ > /dev/null; grep SigBlk /proc/self/status; grep SigIgn /proc/self/status");
  EXPECT_THAT(lines(), testing::Contains("SigBlk:\t0000000000000000"));
  EXPECT_THAT(lines(), testing::Contains("SigIgn:\t0000000000000000"));
  EXPECT_EQ(::getpgid(pid()), pid());
}

TEST_F(surroundings, runs_out_of_processor_time) {
  command_spec spec = shell("while :; do :; done");
  spec.rlimits.cpu = 1s;
  ASSERT_TRUE(begin(spec));
  ASSERT_TRUE(await(event_kind::crash, "/root/web"));
  EXPECT_THAT(describe(*last(event_kind::crash).why), HasSubstr("processor time limit of 1 s"));
}

}  // namespace
}  // namespace steward::test
