#include "config/loader.hpp"

#include "base/command_rules.hpp"
#include "test_catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <ostream>

namespace steward::config {
namespace {

using namespace std::chrono_literals;

// The mistake stands at 5:7.
std::string command_with(const std::string& fields) {
  return "scenario: t\ntree:\n  children:\n    - id: c\n      " + fields + "\n      command: [sleep, \"300\"]\n";
}

command_spec loaded(const std::string& fields) {
  auto got = load(command_with(fields));
  EXPECT_TRUE(got.value) << render_all(got.problems);
  return got.value ? std::get<command_spec>(got.value->tree.children.at(0).what) : command_spec{};
}

TEST(command, has_the_defaults_of_its_spec) {
  const auto got = loaded("shutdown: 3s");
  const command_spec plain;
  EXPECT_EQ(got.run, (std::vector<std::string>{"sleep", "300"}));
  EXPECT_EQ(got.ok_codes, plain.ok_codes);
  EXPECT_TRUE(got.stop.empty());
  EXPECT_EQ(got.rlimits, plain.rlimits);
  EXPECT_EQ(got.logs.lines_a_second, plain.logs.lines_a_second);
  EXPECT_EQ(got.logs.line_length, plain.logs.line_length);
  EXPECT_FALSE(got.umask);
  EXPECT_FALSE(got.nice);
}

TEST(command, is_read_with_all_its_keys) {
  const auto got = loaded(
      "ready: {http: \"http://127.0.0.1:80/\"}\n"
      "      stop: [SIGQUIT, 2s, SIGTERM, shutdown, SIGKILL]\n"
      "      ok_codes: [0, 3]\n"
      "      environment: [HOSTNAME, \"A=b c\", \"*\"]\n"
      "      working_directory: /tmp\n"
      "      user: nobody\n"
      "      umask: 027\n"
      "      nice: -3\n"
      "      rlimits: {as: 1GiB, core: unlimited, cpu: 2s, nofile: 64, nproc: unlimited}\n"
      "      logs: {lines_a_second: 7, line_length: 80B}");
  EXPECT_EQ(got.ready.http, "http://127.0.0.1:80/");
  EXPECT_EQ(got.stop, (std::vector<stop_step>{SIGQUIT, 2s, SIGTERM, stop_step::shutdown(), SIGKILL}));
  EXPECT_EQ(got.ok_codes, (std::vector<int>{0, 3}));
  EXPECT_EQ(got.environment, (std::vector<std::string>{"HOSTNAME", "A=b c", "*"}));
  EXPECT_EQ(got.working_directory, "/tmp");
  EXPECT_EQ(got.user, "nobody");
  EXPECT_EQ(got.umask, 027U);
  EXPECT_EQ(got.nice, -3);
  EXPECT_EQ(got.rlimits.as, std::uint64_t{1} << 30U);
  EXPECT_EQ(got.rlimits.core, command_rlimits::unlimited);
  EXPECT_EQ(got.rlimits.cpu, 2s);
  EXPECT_EQ(got.rlimits.nofile, 64U);
  EXPECT_EQ(got.rlimits.nproc, command_rlimits::unlimited);
  EXPECT_EQ(got.logs.lines_a_second, 7U);
  EXPECT_EQ(got.logs.line_length, 80U);
}

TEST(command, has_one_condition_of_readiness) {
  EXPECT_EQ(loaded("ready: {line: up}").ready.line, "up");
  EXPECT_EQ(loaded("ready: {port: 80}").ready.port, 80U);
  EXPECT_EQ(loaded("ready: {file: /tmp/x}").ready.file, "/tmp/x");
  EXPECT_TRUE(loaded("ready: {notify: true}").ready.notify);
  EXPECT_EQ(loaded("ready: {after: 2s}").ready.after, 2s);
}

struct bad_command {
  std::string name;
  std::string fields;
  std::string told;
};

std::ostream& operator<<(std::ostream& out, const bad_command& x) { return out << x.name; }

std::vector<bad_command> bad_commands() {
  return {
      {"two_conditions", "ready: {port: 80, line: up}", "ready.port: there is 'line' already"},
      {"no_port", "ready: {port: 70000}", "ready.port: 70000 is too large"},
      {"no_pattern", "ready: {line: \"(\"}", "ready.line: not a regular expression"},
      {"no_url", "ready: {http: example.org}", "ready.http: 'example.org' is no URL"},
      {"no_condition", "ready: {prot: 80}", "did you mean 'port'?"},
      {"no_signal", "stop: [SIGTREM]", "did you mean 'SIGTERM'?"},
      {"short_signal", "stop: [term]", "did you mean 'SIGTERM'?"},
      {"a_time_first", "stop: [5s, SIGTERM]", "stop: a wait comes first"},
      {"a_time_without_unit", "stop: [SIGTERM, 5]", "stop[1]"},
      {"no_codes", "ok_codes: [300]", "300 is too large"},
      {"no_umask", "umask: 9", "umask: '9' is no umask (expected three octal digits, such as 022)"},
      {"too_nice", "nice: 20", "nice: 20 is too large"},
      {"no_user", "user: \"a b\"", "user: 'a b' names no user"},
      {"no_limit", "rlimits: {nofiles: 3}", "did you mean 'nofile'?"},
      {"key_of_supervisord", "stopsignal: QUIT", "did you mean 'stop'?"},
      {"directory_of_supervisord", "directory: /tmp", "did you mean 'working_directory'?"},
      {"key_of_an_actor", "hang_after: 1s", "hang_after: belongs to an actor, and this child is a command"},
      {"a_second_kind", "actor: counter", "command: the child has 'actor' already"},
  };
}

class commands : public testing::TestWithParam<bad_command> {};

TEST_P(commands, with_a_mistake_are_refused_with_advice) {
  const auto got = load(command_with(GetParam().fields));
  EXPECT_FALSE(got.value);
  ASSERT_EQ(got.problems.size(), 1U) << render_all(got.problems);
  EXPECT_THAT(render(got.problems.front()), testing::HasSubstr(GetParam().told));
}

INSTANTIATE_TEST_SUITE_P(all, commands, testing::ValuesIn(bad_commands()), [](const auto& x) { return x.param.name; });

TEST(command, alone_has_the_keys_of_commands) {
  const auto got = load("scenario: t\ntree:\n  children:\n    - id: c\n      actor: counter\n      user: nobody\n");
  ASSERT_EQ(got.problems.size(), 1U);
  EXPECT_THAT(render(got.problems.front()), testing::HasSubstr("belongs to a command, and this child is an actor"));
}

TEST(command, may_be_waited_for) {
  const auto text = [](const char* restart) {
    return "scenario: t\ntree: {children: [{id: c, command: [\"true\"], restart: " + std::string{restart} +
           "}]}\nrun: [{wait_for: {children: [c]}}]\n";
  };
  EXPECT_TRUE(load(text("temporary")).value);
  EXPECT_FALSE(load(text("permanent")).value);
}

}  // namespace
}  // namespace steward::config
