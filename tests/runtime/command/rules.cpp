#include "base/command_rules.hpp"

#include "steward/child.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace steward {
namespace {

using namespace std::chrono_literals;

using ladder = std::vector<stop_step>;

TEST(command_rules, end_each_ladder_with_sigkill) {
  const auto of = [](ladder x) { return ladder_of({.run = {"x"}, .stop = std::move(x)}, 7s); };
  EXPECT_EQ(of({}), (ladder{SIGTERM, 7s, SIGKILL}));
  EXPECT_EQ(of({SIGQUIT}), (ladder{SIGQUIT, 7s, SIGKILL}));
  EXPECT_EQ(of({SIGINT, 2s}), (ladder{SIGINT, 2s, SIGKILL}));
  EXPECT_EQ(of({SIGINT, 2s, SIGTERM}), (ladder{SIGINT, 2s, SIGTERM, 7s, SIGKILL}));
  EXPECT_EQ(of({SIGINT, stop_step::shutdown(), SIGKILL}), (ladder{SIGINT, 7s, SIGKILL}));
  EXPECT_EQ(of({SIGKILL}), (ladder{SIGKILL}));
}

TEST(command_rules, give_the_ladder_time_before_the_supervisor_loses_patience) {
  auto x = child::command("web", {.run = {"x"}, .stop = {SIGQUIT, 2s, SIGTERM, 3s, SIGKILL}});
  EXPECT_EQ(stop_limit_of(x), 5s + kill_takes_at_most);
  EXPECT_EQ(start_limit_of(x), infinity) << "its own life looks after that";
  x.shutdown = brutal_kill;
  EXPECT_EQ(stop_limit_of(x), brutal_kill);
  auto y = child::command("web", {.run = {"x"}});
  EXPECT_EQ(shutdown_of(y), 10s);
  EXPECT_EQ(start_within_of(y), 10s);
  y.shutdown = infinity;
  EXPECT_EQ(stop_limit_of(y), infinity);
}

TEST(command_rules, read_urls_that_need_no_name_service) {
  EXPECT_EQ(parse_http_url("http://127.0.0.1:8080/health?x=1#top"),
            (http_url{"127.0.0.1", false, 8080, "/health?x=1", "127.0.0.1:8080"}));
  EXPECT_EQ(parse_http_url("http://localhost"), (http_url{"127.0.0.1", false, 80, "/", "localhost"}));
  EXPECT_EQ(parse_http_url("http://[::1]:80?x"), (http_url{"::1", true, 80, "/?x", "[::1]:80"}));
  for (const char* bad : {"", "127.0.0.1:80", "https://127.0.0.1/", "http://example.org/", "http://127.0.0.1:0/",
                          "http://127.0.0.1:65536/", "http://127.0.0.1:8x/", "http://[::1", "http://127.0.0.1/a b",
                          "http://127.0.0.1/\r\nX: y"})
    EXPECT_EQ(parse_http_url(bad), std::nullopt) << bad;
}

TEST(command_rules, take_patterns_as_grep_does) {
  EXPECT_EQ(line_pattern::fault_of("listening on (port|socket) [0-9]+$"), "");
  EXPECT_NE(line_pattern::fault_of("a(b"), "");
  EXPECT_THAT(line_pattern::fault_of("\\d+"), testing::HasSubstr("[0-9]"));
  EXPECT_NE(line_pattern::fault_of("(a)\\1"), "");
  EXPECT_EQ(line_pattern::fault_of("\\\\d"), "") << "a backslash and a letter";
  const line_pattern x{"port [0-9]+"};
  EXPECT_TRUE(x.matches("listening on port 80"));
  EXPECT_FALSE(x.matches("listening on port"));
  EXPECT_TRUE(x.matches(std::string_view{"\0 port 1", 9})) << "a NUL is a byte like others";
  EXPECT_FALSE(x.matches(std::string_view{"port 12"}.substr(0, 5)));
}

TEST(command_rules, know_signals_by_name) {
  EXPECT_EQ(signal_number("SIGTERM"), SIGTERM);
  EXPECT_EQ(signal_number("TERM"), 0);
  EXPECT_EQ(signal_number("signal 12"), 0);
}

std::vector<std::string> faults(command_spec spec, child_spec policy = {}) {
  supervisor_spec tree;
  tree.children = {child::command("web", std::move(spec), std::move(policy))};
  std::vector<std::string> out;
  for (const auto& one : validate(tree)) out.push_back(describe(one));
  return out;
}

TEST(command_rules, find_no_fault_with_a_sound_spec) {
  EXPECT_THAT(faults({.run = {"nginx", "-g", "daemon off;"},
                      .ready = {.port = 8080},
                      .stop = {SIGQUIT, 5s, SIGKILL},
                      .ok_codes = {0, 3},
                      .environment = {"*", "A=b"},
                      .user = "www-data:adm",
                      .umask = 022,
                      .nice = -5}),
              testing::IsEmpty());
}

TEST(command_rules, name_each_fault_and_its_place) {
  const std::pair<command_spec, const char*> cases[] = {
      {{}, "command: there is no program"},
      {{.run = {""}}, "command: the program's name is empty"},
      {{.run = {"x"}, .ready = {.line = "a", .port = 1}}, "ready: 2 conditions"},
      {{.run = {"x"}, .ready = {.line = "("}}, "ready.line: not a regular expression"},
      {{.run = {"x"}, .ready = {.port = 70'000}}, "ready.port: 70000 is too large"},
      {{.run = {"x"}, .ready = {.http = "ftp://x"}}, "ready.http: 'ftp://x' is no URL"},
      {{.run = {"x"}, .ready = {.after = 10s}}, "ready.after: it is not less than start_within"},
      {{.run = {"x"}, .stop = {1s}}, "stop: a wait comes first"},
      {{.run = {"x"}, .stop = {SIGTERM, 1s, 1s}}, "stop: two waits in a row"},
      {{.run = {"x"}, .stop = {SIGKILL, 1s}}, "stop: something comes after SIGKILL"},
      {{.run = {"x"}, .stop = {SIGSTOP}}, "stop: SIGSTOP does not end a program"},
      {{.run = {"x"}, .stop = {99}}, "stop: 99 is no signal"},
      {{.run = {"x"}, .ok_codes = {256}}, "ok_codes: 256 is no exit code"},
      {{.run = {"x"}, .environment = {"=x"}}, "environment: a variable without a name"},
      {{.run = {"x"}, .user = "a:b:c"}, "user: 'a:b:c' names no user"},
      {{.run = {"x"}, .umask = 01000}, "umask: 1000 is too large"},
      {{.run = {"x"}, .nice = 20}, "nice: 20 is too large"},
      {{.run = {"x"}, .rlimits = {.cpu = 1500ms}}, "rlimits.cpu: 1500ms is no whole number of seconds"},
      {{.run = {"x"}, .logs = {.lines_a_second = 200'000}}, "logs.lines_a_second: 200000 is too large"},
      {{.run = {"x"}, .logs = {.line_length = 10}}, "logs.line_length: 10 is too small"},
  };
  for (const auto& [spec, wanted] : cases)
    EXPECT_THAT(faults(spec), testing::Contains(testing::HasSubstr(wanted))) << wanted;
}

TEST(command_rules, refuse_what_belongs_to_actors) {
  child_spec policy;
  policy.redeliver = 1;
  EXPECT_THAT(faults({.run = {"x"}}, policy), testing::ElementsAre(testing::HasSubstr("this child is a command")));
}

}  // namespace
}  // namespace steward
