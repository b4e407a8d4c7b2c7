#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "process/keeper.hpp"
#include "process/order.hpp"
#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using test::exit_promise;
using test::test_pipe;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class start_options : public testing::TestWithParam<start_method> {
protected:
  void SetUp() override {
    if (!test::have_zygote() && GetParam() == start_method::zygote) GTEST_SKIP() << "this process has a second thread";
    request_.fds = {pipe_.write_end()};
  }

  exit_report run() {
    keeper k{{GetParam()}};
    exit_promise end;
    started child = k.start(request_, end.handler());
    EXPECT_TRUE(child) << child.error;
    return child ? end.wait().value_or(exit_report{}) : exit_report{};
  }
  std::string told() {
    EXPECT_EQ(run().code, 0);
    return pipe_.read_to_end().value_or("nothing");
  }
  std::string refusal() {
    keeper k{{GetParam()}};
    return k.start(request_, nullptr).error;
  }

  test_pipe pipe_;
  start_request request_;
};

INSTANTIATE_TEST_SUITE_P(each, start_options, testing::Values(start_method::zygote, start_method::spawn),
                         [](const auto& about) { return about.param == start_method::zygote ? "zygote" : "spawn"; });

TEST_P(start_options, give_a_child_a_standard_error_of_its_own) {
  request_.main = "write_stderr";
  request_.argument = "oh dear";
  request_.fds = {};
  request_.stderr_fd = pipe_.write_end();
  EXPECT_EQ(run().code, 0);
  EXPECT_EQ(pipe_.read_to_end(), "oh dear");
}

TEST_P(start_options, keep_the_descriptors_apart_when_one_is_standard_error) {
  test_pipe other;
  request_.main = "tell_self";
  request_.fds = {pipe_.write_end(), other.read_end()};
  request_.stderr_fd = other.write_end();
  EXPECT_THAT(told(), HasSubstr("fds 0 1 2 3 4 \n"));
}

TEST_P(start_options, refuse_a_standard_error_that_is_not_open) {
  request_.main = "write_stderr";
  request_.stderr_fd = 1000000;
  EXPECT_THAT(refusal(), HasSubstr("standard error of a child is not open"));
}

TEST_P(start_options, limit_processor_time_and_open_files) {
  request_.main = "tell_limits";
  request_.cpu_seconds = 7;
  request_.open_files = 40;
  EXPECT_THAT(told(), HasSubstr("cpu 7 8 files 40 40 in "));
}

TEST_P(start_options, refuse_more_open_files_than_there_can_be) {
  request_.main = "tell_limits";
  request_.open_files = ~0U;
  EXPECT_THAT(refusal(), HasSubstr("4294967295 open files for a child, more than the hard limit of"));
}

TEST_P(start_options, tell_that_a_child_ran_out_of_processor_time) {
  request_.main = "burn";
  request_.cpu_seconds = 1;
  exit_report report = run();
  EXPECT_TRUE(report.signaled);
  EXPECT_EQ(report.signal, SIGXCPU);
  EXPECT_GE(report.cpu_ms, 500U);
  cause why = cause_of(report);
  EXPECT_EQ(why.cls, cause_class::signal);
  EXPECT_EQ(why.message, "processor time limit of 1 s");
  EXPECT_GT(why.rss_peak_kib, 0U);
}

TEST_P(start_options, kill_a_child_that_ignores_the_limit_of_processor_time) {
  request_.main = "burn";
  request_.argument = "stubborn";
  request_.cpu_seconds = 1;
  exit_report report = run();
  EXPECT_EQ(report.signal, SIGKILL);
  EXPECT_EQ(cause_of(report).message, "processor time limit of 1 s");
}

TEST_P(start_options, start_a_child_in_the_programs_directory_of_now) {
  request_.main = "tell_limits";
  fs::path before = fs::current_path();
  fs::current_path("/usr");
  std::string text = told();
  fs::current_path(before);
  EXPECT_THAT(text, testing::EndsWith(" in /usr"));
}

TEST_P(start_options, start_a_child_in_the_directory_that_is_named) {
  request_.main = "tell_limits";
  request_.working_directory = "/usr/lib";
  EXPECT_THAT(told(), testing::EndsWith(" in /usr/lib"));
}

TEST_P(start_options, name_a_directory_that_is_missing_or_none) {
  request_.main = "tell_limits";
  request_.working_directory = "/no/such/place";
  EXPECT_EQ(refusal(), "working directory '/no/such/place': No such file or directory");
  request_.working_directory = "/etc/passwd";
  EXPECT_EQ(refusal(), "working directory '/etc/passwd': Not a directory");
}

// The variable is there from the start of this program, so that it lies in the memory that /proc shows.
TEST_P(start_options, hide_all_variables_but_the_allowed_and_the_named) {
  ASSERT_STREQ(std::getenv("STEWARD_TEST_SECRET"), "from the very beginning");
  ::setenv("STEWARD_TEST_LATE", "set late", 1);
  request_.main = "tell_environment";
  request_.clean_environment = true;
  request_.environment = {"STEWARD_TEST_LATE", "MODE=fast=yes", "HOME=/nowhere", "STEWARD_TEST_UNSET"};
  std::string text = told();
  ::unsetenv("STEWARD_TEST_LATE");
  EXPECT_THAT(text, HasSubstr("STEWARD_TEST_LATE=set late\n"));
  EXPECT_THAT(text, HasSubstr("MODE=fast=yes\n"));
  EXPECT_THAT(text, HasSubstr("HOME=/nowhere\n"));
  EXPECT_THAT(text, HasSubstr("PATH="));
  EXPECT_THAT(text, HasSubstr("LC_STEWARD=seen\n"));
  EXPECT_THAT(text, Not(HasSubstr("SECRET")));
  EXPECT_THAT(text, Not(HasSubstr("from the very beginning")));
  EXPECT_THAT(text, Not(HasSubstr("STEWARD_TEST_MARK")));
  EXPECT_THAT(text, Not(HasSubstr("UNSET")));
  EXPECT_THAT(text, Not(HasSubstr("SAN_OPTIONS")));
  // What stays is still shown.
  EXPECT_THAT(text.substr(text.find("--\n")), HasSubstr("PATH="));
}

TEST_P(start_options, add_variables_to_the_programs_own) {
  request_.main = "tell_environment";
  request_.environment = {"STEWARD_TEST_MARK=changed", "EXTRA="};
  std::string text = told();
  text.resize(text.find("--\n"));
  EXPECT_THAT(text, HasSubstr("STEWARD_TEST_SECRET=from the very beginning\n"));
  EXPECT_THAT(text, HasSubstr("STEWARD_TEST_MARK=changed\n"));
  EXPECT_THAT(text, Not(HasSubstr("STEWARD_TEST_MARK=kept\n")));
  EXPECT_THAT(text, HasSubstr("EXTRA=\n"));
}

TEST_P(start_options, give_each_child_its_own_environment_in_any_order) {
  keeper k{{GetParam()}};
  auto text_of = [&](bool clean, std::vector<std::string> environment) {
    test_pipe pipe;
    start_request request;
    request.main = "tell_environment";
    request.fds = {pipe.write_end()};
    request.clean_environment = clean;
    request.environment = std::move(environment);
    exit_promise end;
    EXPECT_TRUE(k.start(request, end.handler()));
    EXPECT_TRUE(end.wait());
    return pipe.read_to_end().value_or("nothing");
  };
  const std::string secret = "STEWARD_TEST_SECRET=from the very beginning\n";
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(text_of(true, {"A=1"}), AllOf(HasSubstr("A=1\n"), Not(HasSubstr(secret))));
    EXPECT_THAT(text_of(true, {"A=1"}), AllOf(HasSubstr("A=1\n"), Not(HasSubstr(secret))));
    EXPECT_THAT(text_of(true, {"B=2"}), AllOf(HasSubstr("B=2\n"), Not(HasSubstr("A=1\n"))));
    EXPECT_THAT(text_of(false, {}), AllOf(HasSubstr(secret), Not(HasSubstr("B=2\n"))));
    EXPECT_THAT(text_of(false, {"C=3"}), AllOf(HasSubstr(secret), HasSubstr("C=3\n")));
    EXPECT_THAT(text_of(true, {}), AllOf(HasSubstr("PATH="), Not(HasSubstr("C=3\n")), Not(HasSubstr(secret))));
  }
}

TEST_P(start_options, refuse_an_environment_over_its_limits) {
  request_.main = "tell_environment";
  request_.environment.assign(65, "A=1");
  EXPECT_THAT(refusal(), HasSubstr("65 entries for the environment of a child, more than the limit of 64"));
  request_.environment = {"A=" + std::string(16 * 1024, 'x')};
  EXPECT_THAT(refusal(), HasSubstr("16387 bytes for the environment of a child, more than the limit of 16384"));
  request_.environment = {"=1"};
  EXPECT_THAT(refusal(), HasSubstr("'=1' names no environment variable"));
  request_.environment = {std::string("A=1\0B=2", 7)};
  EXPECT_THAT(refusal(), HasSubstr("holds a NUL"));
}

TEST_P(start_options, carry_the_largest_request_that_is_allowed) {
  request_.main = "tell_environment";
  request_.clean_environment = true;
  request_.argument.assign(max_argument_bytes, 'a');
  request_.environment.assign(1, "BIG=" + std::string(max_environment_bytes - 5, 'x'));
  EXPECT_THAT(told(), HasSubstr(request_.environment.front()));
}

}  // namespace
}  // namespace steward::process
