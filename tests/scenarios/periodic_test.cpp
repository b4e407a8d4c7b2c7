// Steps with a time of their own: `every` and `at: start`.
#include "tests/scenarios/program.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

namespace steward::test {
namespace {

using testing::HasSubstr;

constexpr auto head = R"(scenario: periodic
tree:
  children:
    - {id: total, actor: counter}
    - {id: list, actor: shared_list}
    - id: waits
      pool: {task: wait_ms, runs_in: processes, workers: 1}
)";

std::string with_steps(const std::string& steps) { return std::string{head} + "run:\n" + steps; }

class periodic : public program_test {
protected:
  /// The `nth` line that begins so.
  static bool prints(running& program, const std::string& line, std::size_t nth = 1) {
    const auto wanted = [&](const json& e) {
      return e.at("kind") == "output" && e.value("text", "").starts_with(line);
    };
    return !program.wait_for(wanted, nth).is_null();
  }
  static std::vector<std::string> warnings(const finished& out) {
    std::vector<std::string> found;
    for (const auto& e : all_of_kind(out.events, "warn")) found.push_back(e.value("text", ""));
    return found;
  }
  finished stop(running& program, int signal = SIGTERM) {
    program.signal(signal);
    return program.wait();
  }
};

TEST_F(periodic, steps_are_done_again_and_again_while_the_service_is_up) {
  const auto program = start_scenario(write("a.yaml", with_steps("  - {show: {actor: total}, every: 20ms}\n")));
  EXPECT_TRUE(program->has_said("steward: periodic is up\n"));
  EXPECT_TRUE(prints(*program, "total: ", 5));
  const auto out = stop(*program);
  EXPECT_EQ(out.code, 143);
  expect_sound_events(out.events, 143);
}

TEST_F(periodic, steps_at_start_are_done_once_and_first) {
  const auto program =
      start_scenario(write("a.yaml", with_steps("  - {show: {actor: total}, every: 20ms}\n"
                                                "  - {show: {actor: list, label: first}, at: start}\n")));
  EXPECT_TRUE(prints(*program, "total: ", 3));
  const auto lines = lines_of(stop(*program).out);
  ASSERT_GE(lines.size(), 4U);
  EXPECT_THAT(lines[0], HasSubstr("first: "));
  EXPECT_EQ(std::ranges::count_if(lines, [](const auto& x) { return x.starts_with("first: "); }), 1);
}

TEST_F(periodic, a_step_may_be_done_at_the_start_and_then_every_hour) {
  const auto program =
      start_scenario(write("a.yaml", with_steps("  - {show: {actor: total}, at: start, every: 1h}\n")));
  EXPECT_TRUE(prints(*program, "total: "));
  EXPECT_EQ(stop(*program).code, 143);
}

TEST_F(periodic, each_step_is_done_once_with_once) {
  const auto out = run_scenario(write("a.yaml", with_steps("  - {show: {actor: total}, every: 1h}\n"
                                                           "  - {show: {actor: list}, at: start}\n")),
                                {"--once"});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(lines_of(out.out).size(), 2U) << out.out;
}

TEST_F(periodic, steps_are_done_beside_others_which_end_the_run) {
  const auto out = run_scenario(write("a.yaml", with_steps("  - {show: {actor: total}, every: 10ms}\n"
                                                           "  - map: {pool: waits, inputs: [[300]], print: []}\n")));
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_GE(lines_of(out.out).size(), 3U) << out.out;
}

TEST_F(periodic, a_long_step_holds_up_no_other_and_what_is_due_meanwhile_is_left_out) {
  const auto program = start_scenario(
      write("a.yaml", with_steps("  - {map: {pool: waits, inputs: [[400]], print: [each], each: long}, every: 20ms}\n"
                                 "  - {show: {actor: total}, every: 20ms}\n")));
  EXPECT_TRUE(prints(*program, "long"));
  EXPECT_TRUE(prints(*program, "long", 2));
  const auto out = stop(*program);
  const auto lines = lines_of(out.out);
  const auto first = std::ranges::find_if(lines, [](const auto& x) { return x.starts_with("long"); });
  EXPECT_GE(first - lines.begin(), 3) << "the others went on: " << out.out;
  std::size_t told = 0;
  for (const auto& text : warnings(out))
    if (text.find("a.yaml:9 takes longer than its 20ms") != std::string::npos) ++told;
  EXPECT_EQ(told, 1U) << testing::PrintToString(warnings(out));
}

TEST_F(periodic, a_step_that_fails_is_told_and_counted_and_the_service_goes_on) {
  const auto program = start_scenario(
      write("a.yaml", with_steps("  - {parallel: [{show: {actor: total, expect: never}}], every: 20ms}\n")));
  const auto third = [](const json& e) {
    return e.at("kind") == "warn" && e.value("text", "").find("has failed, 3 of 3 times so far") != std::string::npos;
  };
  EXPECT_FALSE(program->wait_for(third).is_null());
  EXPECT_EQ(stop(*program).code, 143);
}

TEST_F(periodic, a_step_that_has_failed_shows_in_the_exit_code_of_a_run_that_ends) {
  const auto out = run_scenario(write("a.yaml", with_steps("  - {show: {actor: total, expect: never}, every: 10ms}\n"
                                                           "  - map: {pool: waits, inputs: [[200]], print: []}\n")));
  EXPECT_EQ(out.code, 1);
}

TEST_F(periodic, steps_are_cut_off_at_once_by_a_signal) {
  const auto program = start_scenario(
      write("a.yaml", with_steps("  - {map: {pool: waits, inputs: [[60000]]}, every: 10ms}\n"
                                 "  - {map: {pool: waits, inputs: [[60000]]}, at: start, every: 1h}\n")));
  EXPECT_FALSE(program->wait_for(of_kind("ready", "/root/waits")).is_null());
  const auto begun = std::chrono::steady_clock::now();
  const auto cut = stop(*program);
  EXPECT_EQ(cut.code, 143);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{15});
}

}  // namespace
}  // namespace steward::test
