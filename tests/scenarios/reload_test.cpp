#include "tests/scenarios/program.hpp"

#include <sys/stat.h>

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

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

constexpr auto pool_of = R"(scenario: resized
tree:
  children:
    - {id: total, actor: counter}
    - id: workers
      shutdown: 2s
      pool: {task: wait_ms, runs_in: processes, workers: 2, attempts: 2}
run:
  - map: {pool: workers, inputs: {value: 60000, times: 8}}
)";

std::string changed(std::string text, const std::string& what, const std::string& with) {
  text.replace(text.find(what), what.size(), with);
  return text;
}

TEST_F(reload, gives_a_pool_its_new_number_of_workers_at_once_and_says_what_waits) {
  const auto file = write("pool.yaml", pool_of);
  const auto program = start_scenario(file);
  ASSERT_FALSE(program->wait_for(of_kind("ready", "/root/workers")).is_null());
  EXPECT_EQ(children_of(program->pid()).size(), 3U) << "the zygote and two workers";
  auto next = changed(changed(pool_of, "workers: 2", "workers: 4"), "attempts: 2", "attempts: 1");
  next = changed(changed(next, "shutdown: 2s", "shutdown: 1s"), "- {id: total, actor: counter}",
                 "- {id: late, actor: counter}");
  write("pool.yaml", next);
  program->signal(SIGHUP);
  const auto told = program->wait_for([](const json& e) {
    return e.at("kind") == "config" && e.at("text").get<std::string>().find("was reloaded") != std::string::npos;
  });
  EXPECT_FALSE(program->wait_for(of_kind("ready", "/root/workers/w4")).is_null());
  EXPECT_EQ(children_of(program->pid()).size(), 5U);
  program->signal(SIGTERM);
  const auto out = program->wait();
  ASSERT_FALSE(told.is_null()) << out.err;
  EXPECT_NE(told.at("text").get<std::string>().find("part of what differs counts from now on, and part waits"),
            std::string::npos)
      << told;
  std::vector<std::string> changes;
  for (const auto& e : all_of_kind(out.events, "config"))
    if (e != told) changes.push_back(e.value("actor", "") + ": " + e.at("text").get<std::string>());
  EXPECT_THAT(
      changes,
      testing::UnorderedElementsAre(
          "/root/workers: shutdown and workers: new from now on", "/root/workers: attempts: waits for its next restart",
          "/root/late: a new child: waits for its start by hand",
          "/root/total: not listed any more: waits for its stop by hand, or the end of its supervisor"));
}

TEST_F(reload, of_the_same_file_says_that_nothing_differs) {
  const auto program = start_scenario(write("waits.yaml", waiting));
  ASSERT_FALSE(program->wait_for(of_kind("ready", "/root/adder")).is_null());
  program->signal(SIGHUP);
  const auto told = program->wait_for(of_kind("config"));
  program->signal(SIGTERM);
  EXPECT_EQ(program->wait().code, 143);
  ASSERT_FALSE(told.is_null());
  EXPECT_NE(told.at("text").get<std::string>().find("nothing in its tree differs"), std::string::npos) << told;
}

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
