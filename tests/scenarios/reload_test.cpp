#include "tests/scenarios/program.hpp"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace steward::test {
namespace {

constexpr auto waiting = R"(scenario: waits
tree:
  children:
    - {id: list, actor: shared_list}
    - {id: adder, actor: adder, restart: transient, with: {list: list, count: 1000, interval: 1m}}
run:
  - wait_for: {children: [adder], within: 10m}
)";

class reload : public program_test {
protected:
  /// A run that waits, and whose file is gone.
  std::unique_ptr<running> start_and_remove() {
    file_ = write("waits.yaml", waiting);
    auto program = start_scenario(file_);
    EXPECT_FALSE(program->wait_for(of_kind("ready", "/root/adder")).is_null());
    std::filesystem::remove(file_);
    return program;
  }

  /// The run says why its file was not reloaded, and can be stopped as ever.
  void expect_refusal(running& program, const std::string& why) {
    program.signal(SIGHUP);
    const auto told = program.wait_for(of_kind("operator"), 1, milliseconds{5'000});
    program.signal(SIGTERM);
    const auto out = program.wait();
    EXPECT_TRUE(out.in_time);
    ASSERT_FALSE(told.is_null()) << out.err;
    EXPECT_NE(told.at("text").get<std::string>().find("was not reloaded: 1 fault; the old specs stay"),
              std::string::npos)
        << told;
    EXPECT_NE(out.err.find(why), std::string::npos) << out.err;
    EXPECT_EQ(out.code, 143) << out.err;
    expect_sound_events(out.events, 143);
  }

  std::string file_;
};

TEST_F(reload, of_a_fifo_that_nobody_writes_is_refused_and_does_not_hang_the_end) {
  const auto program = start_and_remove();
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  expect_refusal(*program, "this is not a regular file");
}

TEST_F(reload, of_an_endless_device_is_refused) {
  const auto program = start_and_remove();
  std::filesystem::create_symlink("/dev/zero", file_);
  expect_refusal(*program, "this is not a regular file");
}

TEST_F(reload, of_a_directory_is_refused) {
  const auto program = start_and_remove();
  std::filesystem::create_directory(file_);
  expect_refusal(*program, "this is a directory, not a file");
}

TEST_F(reload, of_a_file_that_is_gone_is_refused) {
  const auto program = start_and_remove();
  expect_refusal(*program, "No such file or directory");
}

TEST_F(reload, does_not_touch_a_scenario_that_came_through_a_pipe_at_the_start) {
  const auto pipe = path("pipe.yaml");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto program = start_scenario(pipe);
  std::ofstream{pipe} << waiting;
  ASSERT_FALSE(program->wait_for(of_kind("ready", "/root/adder")).is_null());
  expect_refusal(*program, "this is not a regular file");
}

}  // namespace
}  // namespace steward::test
