#include "live_commands.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

// By what a program is found ready, with real ones.

namespace steward::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ready_by : public live_commands {
protected:
  static std::string file_name() { return "/tmp/" + fresh_word(); }
};

TEST_F(ready_by, running) {
  ASSERT_TRUE(begin(shell("exec sleep 300")));
  EXPECT_GT(pid(), 0);
  const auto told = last(event_kind::ready);
  EXPECT_EQ(told.runs_in, "process");
}

TEST_F(ready_by, a_line_on_either_stream) {
  for (const char* where : {"", " >&2"}) {
    auto spec = shell(std::string{"echo not yet; echo 'listening on port 80'"} + where + "; exec sleep 300");
    spec.ready.line = "port [0-9]+$";
    ASSERT_TRUE(begin(spec));
    end();
  }
}

TEST_F(ready_by, a_port) {
  const auto port = free_port();
  command_spec spec{.run = {"python3", "-u", "-m", "http.server", std::to_string(port), "--bind", "127.0.0.1"},
                    .ready = {.port = port}};
  const auto started = begin(spec, [] {
    auto out = policy();
    out.start_within = 60s;
    return out;
  }());
  ASSERT_TRUE(started) << describe(started.why);
}

TEST_F(ready_by, an_answer_over_http) {
  const auto port = free_port();
  command_spec spec{.run = {"python3", "-u", "-m", "http.server", std::to_string(port), "--bind", "127.0.0.1"},
                    .ready = {.http = "http://127.0.0.1:" + std::to_string(port) + "/"},
                    .working_directory = "/tmp"};
  auto with = policy();
  with.start_within = 60s;
  const auto started = begin(spec, with);
  ASSERT_TRUE(started) << describe(started.why);
}

TEST_F(ready_by, a_file_that_is_made) {
  const auto name = file_name();
  auto spec = shell("sleep 0.05; echo x > " + name + "; exec sleep 300");
  spec.ready.file = name;
  ASSERT_TRUE(begin(spec));
  end();
  // It is there by now: only a change counts.
  auto with = policy();
  with.start_within = 300ms;
  auto never = shell("exec sleep 300");
  never.ready.file = name;
  EXPECT_FALSE(begin(never, with));
  end();
  EXPECT_TRUE(begin(spec));
  ::unlink(name.c_str());
}

TEST_F(ready_by, its_own_word) {
  command_spec spec{.run = {"python3", "-c",
                            "import os, socket, time\n"
                            "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                            "to = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)\n"
                            "s.sendto(b'STATUS=warming up', to)\n"
                            "s.sendto(b'READY=1', to)\n"
                            "time.sleep(300)\n"},
                    .ready = {.notify = true}};
  auto with = policy();
  with.start_within = 60s;
  const auto started = begin(spec, with);
  ASSERT_TRUE(started) << describe(started.why);
  EXPECT_THAT(lines("status"), testing::ElementsAre("warming up"));
}

TEST_F(ready_by, time) {
  auto spec = shell("exec sleep 300");
  spec.ready.after = 50ms;
  ASSERT_TRUE(begin(spec));
}

TEST_F(ready_by, nothing_in_time_is_a_failed_start_that_says_what_was_missing) {
  auto with = policy();
  with.start_within = 300ms;
  const auto port = free_port();
  auto spec = shell("echo some trouble >&2; exec sleep 300");
  spec.ready.port = port;
  const auto started = begin(spec, with);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.why.message, HasSubstr("not ready within 300ms: port " + std::to_string(port)));
  EXPECT_THAT(started.why.stderr_tail, testing::ElementsAre("some trouble"));
}

TEST_F(ready_by, a_port_that_is_taken_is_a_failed_start) {
  const auto port = free_port();
  command_spec server{.run = {"python3", "-u", "-m", "http.server", std::to_string(port), "--bind", "127.0.0.1"},
                      .ready = {.port = port}};
  auto other = shell("exec sleep 300");
  other.ready.port = port;
  auto with = policy();
  with.start_within = 60s;
  supervisor_spec tree;
  tree.children = {child::command("first", server, with), child::command("web", other, with)};
  const auto started = begin(tree);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.why.message, HasSubstr("is taken"));
}

TEST_F(ready_by, none_that_ends_before_it_is) {
  auto spec = shell("exit 3");
  spec.ready.line = "never";
  auto started = begin(spec);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.why.code, 3);
  end();
  spec.run.back() = "exit 0";
  started = begin(spec);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.why.message, HasSubstr("must not go into the background"));
}

TEST_F(ready_by, none_that_there_is_not) {
  auto started = begin(command_spec{.run = {"/nowhere/at/all"}});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.why.message, "cannot run '/nowhere/at/all': No such file or directory");
  end();
  started = begin(command_spec{.run = {"no-such-program-anywhere"}});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.why.message, HasSubstr("cannot run 'no-such-program-anywhere'"));
  end();
  command_spec spec{.run = {"true"}, .user = "no-such-user"};
  started = begin(spec);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.why.message, HasSubstr("no user 'no-such-user'"));
}

}  // namespace
}  // namespace steward::test
