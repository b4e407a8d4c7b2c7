#include "tests/scenarios/program.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>

namespace steward::test {
namespace {

constexpr auto crowd = R"(scenario: crowd
tree:
  children:
    - {id: total, actor: counter}
    - {id: gone, actor: counter, restart: temporary}
    - id: conns
      supervisor: {strategy: simple_one_for_one, initial: 1, children: [{id: conn, actor: counter}]}
run:
)";

/// A run that goes on until it is stopped.
constexpr auto waiting = R"(scenario: waits
tree:
  children:
    - {id: list, actor: shared_list}
    - {id: adder, actor: adder, restart: transient, with: {list: list, count: 1000, interval: 1m}}
run:
  - wait_for: {children: [adder], within: 10m}
)";

class supervision : public program_test {
protected:
  static bool has_line(const finished& out, const std::string& line) {
    const auto lines = lines_of(out.out);
    return std::ranges::find(lines, line) != lines.end();
  }

  /// Signals a waiting run whose file has this text by then, and returns the event that tells what came of it.
  json reload_with(const std::string& yaml, const std::string& kind, finished& out) {
    const auto file = write("waits.yaml", waiting);
    const auto program = start_scenario(file);
    EXPECT_FALSE(program->wait_for(of_kind("ready", "/root/adder")).is_null());
    write("waits.yaml", yaml);
    program->signal(SIGHUP);
    auto told = program->wait_for(of_kind(kind));
    program->signal(SIGTERM);
    out = program->wait();
    return told;
  }
};

TEST_F(supervision, restarts_groups_and_parks_and_makes_children_in_the_shipped_scenario) {
  const auto out = run_scenario("supervision");
  EXPECT_EQ(out.code, 0) << out.out << out.err;
  expect_sound_events(out.events, 0);
  for (const auto* line :
       {"After it, left answers again: 10", "The other one starts anew as well: 20", "After it, fragile is parked",
        "restart_child /root/fragile: ok", "Revived: 0", "start_child /root/conns/conn-4: ok",
        "start_child /root/conns/conn-5: ok", "Made at run time: 7", "terminate_child /root/conns/conn-2: ok",
        "  id     status   restart    incarnation  handled  waiting  dead",
        "  left   running  permanent            2        1        0     0",
        "  right  running  permanent            2        1        0     0",
        "  first   running  permanent            1        0        0     0"})
    EXPECT_TRUE(has_line(out, line)) << line << " is not in\n" << out.out;
  EXPECT_EQ(all_of_kind(out.events, "park").size(), 1U);
}

TEST_F(supervision, fails_a_run_whose_administration_does_not_do_what_is_expected) {
  const auto out = run({"run", write("crowd.yaml", std::string{crowd} + R"(
  - restart_child: total
)"),
                        "--quiet"});
  EXPECT_EQ(out.code, 1) << out.out;
  EXPECT_TRUE(has_line(out, "restart_child /root/total: running")) << out.out;
  EXPECT_TRUE(has_line(out, "FAILED: restart_child /root/total was expected to be ok and is running")) << out.out;
}

TEST_F(supervision, takes_results_that_are_expected) {
  const auto out = run({"run", write("crowd.yaml", std::string{crowd} + R"(
  - {restart_child: total, expect: running}
  - {restart_child: conn-1, expect: unsupported}
  - {terminate_child: /root/conns/conn-9, expect: not_found}
  - {terminate_child: total, expect: ok}
  - restart_child: total
  - start_child: {supervisor: conns, count: 3}
  - {terminate_child: conns}
  - {start_child: {supervisor: conns}, expect: noproc}
)"),
                        "--quiet"});
  EXPECT_EQ(out.code, 0) << out.out << out.err;
  EXPECT_TRUE(has_line(out, "start_child /root/conns/conn-4: ok")) << out.out;
}

TEST_F(supervision, tells_of_an_actor_that_is_not_restarted_after_a_crash) {
  const auto out = run({"run", write("crowd.yaml", std::string{crowd} + "  - crash: {actor: gone}\n"), "--quiet"});
  EXPECT_EQ(out.code, 0) << out.out << out.err;
  EXPECT_TRUE(has_line(out, "After it, gone is over")) << out.out;
}

TEST_F(supervision, reloads_its_file_on_sighup) {
  finished out;
  std::string changed = waiting;
  changed.replace(changed.find("1000"), 4, "2000");
  const auto told = reload_with(changed, "config", out);
  ASSERT_FALSE(told.is_null()) << out.err;
  EXPECT_EQ(told.at("actor"), "/root/adder");
  EXPECT_EQ(told.at("text"), "with: waits for its next restart");
  EXPECT_EQ(out.code, 143) << out.err;
  expect_sound_events(out.events, 143);
}

TEST_F(supervision, keeps_the_old_specs_when_the_file_has_faults) {
  finished out;
  const auto told = reload_with("scenario: waits\ntree: {children: [{id: a, actor: cuonter, restrat: permanent}]}\n",
                                "operator", out);
  ASSERT_FALSE(told.is_null()) << out.err;
  EXPECT_TRUE(told.at("text").get<std::string>().ends_with("was not reloaded: 2 faults; the old specs stay")) << told;
  EXPECT_EQ(told.at("level"), "warn");
  EXPECT_NE(out.err.find("did you mean 'counter'?"), std::string::npos) << out.err;
  EXPECT_NE(out.err.find("did you mean 'restart'?"), std::string::npos) << out.err;
  EXPECT_EQ(out.code, 143) << out.err;
}

TEST_F(supervision, stops_on_sighup_when_it_runs_several_files) {
  const auto file = write("waits.yaml", waiting);
  const auto program = start_scenario(file, {file});
  ASSERT_FALSE(program->wait_for(of_kind("ready", "/root/adder")).is_null());
  program->signal(SIGHUP);
  EXPECT_EQ(program->wait().code, 129);
}

TEST_F(supervision, is_planned_without_a_start) {
  const auto out = run({"plan", "supervision", "--set", "tree.children.conns.supervisor.initial=2"});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_NE(out.out.find("/root/together  supervisor, one_for_all\n"), std::string::npos) << out.out;
  EXPECT_NE(out.out.find("dynamic: 2 at the start, more by start_child\n"), std::string::npos) << out.out;
  EXPECT_EQ(json::parse(run({"plan", "square", "--json"}).out).at("scenario"), "square");
  const auto wrong = run({"plan", "square", "--set", "tree.strategi=one_for_one"});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_EQ(wrong.out, "");
  EXPECT_NE(wrong.err.find("did you mean 'strategy'?"), std::string::npos) << wrong.err;
}

}  // namespace
}  // namespace steward::test
