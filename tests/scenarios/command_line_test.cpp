#include "tests/scenarios/program.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace steward::test {
namespace {

constexpr auto five_mistakes = R"(scenario: mistakes
tree:
  strategi: one_for_one
  intensity: {restarts: many, within: 5s}
  children:
    - {id: squares, pool: {task: squar, workers: 0}}
    - {id: squares, actor: counter}
)";

struct place {
  int line;
  int col;
  const char* about;
};
constexpr place five_places[] = {{3, 3, "did you mean 'strategy'?"},
                                 {4, 25, "'many' is not an integer"},
                                 {6, 34, "did you mean 'square'?"},
                                 {6, 50, "0 is too small"},
                                 {7, 12, "another child is called 'squares', at line 6"}};

class command_line : public program_test {};

TEST_F(command_line, tells_five_mistakes_at_once_each_at_its_place_and_starts_nothing) {
  const auto file = write("mistakes.yaml", five_mistakes);
  const auto events = path("events.jsonl");
  const auto out = run({"run", file, "--events", events});
  EXPECT_EQ(out.code, 3);
  EXPECT_EQ(out.out, "");
  EXPECT_FALSE(std::filesystem::exists(events)) << "nothing was started, so there is nothing to tell";
  const auto lines = lines_of(out.err);
  EXPECT_EQ(std::ranges::count_if(lines, [](auto& x) { return x.find(": error: ") != std::string::npos; }), 5);
  for (const auto& [line, col, about] : five_places) {
    const auto at = file + ":" + std::to_string(line) + ":" + std::to_string(col) + ": error: ";
    const auto found = std::ranges::find_if(lines, [&](auto& x) { return x.starts_with(at); });
    ASSERT_NE(found, lines.end()) << at << " is not in\n" << out.err;
    EXPECT_NE(found->find(about), std::string::npos) << *found;
    ASSERT_GT(lines.end() - found, 2);
    EXPECT_NE((found + 2)->find('^'), std::string::npos) << "a caret below the line: " << *(found + 2);
  }
  EXPECT_EQ(lines.back(), "5 errors; nothing was started");
}

TEST_F(command_line, validates_to_json_with_the_same_five_mistakes) {
  const auto file = write("mistakes.yaml", five_mistakes);
  const auto out = run({"validate", file, "--format", "json"});
  EXPECT_EQ(out.code, 3);
  EXPECT_EQ(out.err, "");
  const auto faults = json::parse(out.out);
  ASSERT_EQ(faults.size(), std::size(five_places));
  for (std::size_t i = 0; i < faults.size(); ++i) {
    EXPECT_EQ(faults[i]["file"], file);
    EXPECT_EQ(faults[i]["line"], five_places[i].line) << faults[i];
    EXPECT_EQ(faults[i]["col"], five_places[i].col) << faults[i];
  }
  EXPECT_EQ(faults[0]["suggestion"], "strategy");
  EXPECT_EQ(faults[2]["suggestion"], "square");
}

TEST_F(command_line, finds_no_fault_in_what_ships) {
  const std::vector<std::string> names{"shared_list",  "factorial",  "square",        "threads_vs_processes",
                                       "shared_state", "pool_reuse", "crash_recovery"};
  std::vector<std::string> arguments{"validate"};
  arguments.insert(arguments.end(), names.begin(), names.end());
  const auto out = run(arguments);
  EXPECT_EQ(out.code, 0) << out.err;
  std::string expected;
  for (const auto& name : names) expected += name + ": ok\n";
  // Notes are no faults.
  std::string told;
  std::istringstream lines{out.out};
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("  note: ")) told += line + "\n";
  EXPECT_EQ(told, expected);
}

TEST_F(command_line, refuses_yaml_that_is_not_safe) {
  const std::pair<const char*, const char*> unsafe[] = {
      {"scenario: s\ntree: &here\n  children: []\n", "2:7: error: "},
      {"scenario: s\ntree: !!map\n  children: []\n", "2:7: error: "},
      {"scenario: s\nseed: 010\ntree:\n  children: []\n", "2:7: error: "},
      {"scenario: s\nscenario: t\ntree:\n  children: []\n", "2:1: error: "},
  };
  for (const auto& [yaml, at] : unsafe) {
    const auto file = write("unsafe.yaml", yaml);
    const auto out = run({"run", file});
    EXPECT_EQ(out.code, 3) << yaml;
    EXPECT_EQ(out.out, "");
    EXPECT_NE(out.err.find(file + ":" + at), std::string::npos) << out.err;
    EXPECT_NE(out.err.find("nothing was started"), std::string::npos) << out.err;
  }
}

TEST_F(command_line, overrides_pool_sizes) {
  const auto fresh = run_scenario("square", {"--set", "run.0.map.workers=[3, 1]"});
  EXPECT_EQ(fresh.code, 0) << fresh.err;
  EXPECT_NE(fresh.out.find("Pool Size: 3\n"), std::string::npos) << fresh.out;
  EXPECT_NE(fresh.out.find("Pool Size: 1\n"), std::string::npos) << fresh.out;
  EXPECT_EQ(fresh.out.find("Pool Size: 8\n"), std::string::npos) << fresh.out;

  const auto in_tree = run_scenario("factorial", {"--set", "tree.children.factorials.pool.workers=7"});
  EXPECT_EQ(in_tree.code, 0) << in_tree.err;
  EXPECT_TRUE(
      std::ranges::any_of(in_tree.events, [](const json& e) { return e.value("text", "").starts_with("7 workers"); }));

  const auto wrong = run({"run", "square", "--set", "tree.children.squares.pool.workrs=3"});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_NE(wrong.err.find("did you mean 'workers'?"), std::string::npos) << wrong.err;
}

/// The numbers that the adder drew; how adding and removing interleave is up to the clock.
std::vector<std::string> drawn(const finished& out) {
  std::vector<std::string> numbers;
  for (const auto& line : lines_of(out.out))
    if (line.starts_with("Added ")) numbers.push_back(line.substr(0, line.find(',')));
  return numbers;
}

TEST_F(command_line, takes_no_number_that_it_would_have_to_change) {
  for (const auto* seed : {"-1", "99999999999999999999", "9223372036854775808", "1x", "0x10", "1e3", "+1", "", "010"}) {
    const auto out = run({"run", "square", "--seed", seed});
    EXPECT_EQ(out.code, 2) << seed;
    EXPECT_EQ(out.out, "") << seed;
    EXPECT_NE(out.err.find("--seed: "), std::string::npos) << out.err;
    EXPECT_NE(out.err.find("(expected an integer from 0 on"), std::string::npos) << out.err;
  }
  EXPECT_NE(run({"run", "square", "--seed", "1e3"}).err.find("did you mean '1000'?"), std::string::npos);
  EXPECT_EQ(run({"run", "square", "--seed", "9223372036854775807"}).code, 0);
  for (const auto* option : {"--seed", "--workers", "--tasks", "--heartbeat-ms", "--deadline-ms"})
    EXPECT_EQ(run({"soak", option, "-1"}).code, 2) << option;
  for (const auto* seconds : {"nan", "-1", "inf", "1e999", "0"})
    EXPECT_EQ(run({"soak", "--seconds", seconds}).code, 2) << seconds;
}

TEST_F(command_line, draws_the_same_numbers_from_the_same_seed) {
  const auto run_with = [&](const char* seed) {
    return drawn(
        run({"run", "shared_list", "--seed", seed, "--set", "tree.children.numbers.with.announce=true", "--set",
             "tree.children.adder.with.interval=1ms", "--set", "tree.children.remover.with.interval=1ms"}));
  };
  const auto first = run_with("7");
  EXPECT_EQ(first.size(), 10U);
  EXPECT_EQ(run_with("7"), first);
  EXPECT_NE(run_with("8"), first);
}

TEST_F(command_line, prints_nothing_but_json_lines_when_told_to) {
  const auto out = run({"run", "square", "--json"});
  EXPECT_EQ(out.code, 0);
  EXPECT_EQ(out.err, "");
  const auto events = parse_lines(out.out);
  expect_sound_events(events, 0);
  std::vector<std::string> sizes;
  for (const auto& e : all_of_kind(events, "output"))
    if (e["text"].get<std::string>().starts_with("Pool Size")) sizes.push_back(e["text"]);
  EXPECT_EQ(sizes, (std::vector<std::string>{"Pool Size: 2", "Pool Size: 4", "Pool Size: 8"}));
}

TEST_F(command_line, says_on_stderr_as_much_as_it_is_told_to) {
  const auto scenario = write("crash.yaml", R"(scenario: crash
tree:
  children:
    - {id: fragile, pool: {task: square_unless, workers: 1}}
run:
  - map: {pool: fragile, inputs: [[2, segfault]], print: [results]}
)");
  const auto normal = run({"run", scenario});
  const auto quiet = run({"run", scenario, "--quiet"});
  const auto verbose = run({"run", scenario, "--verbose"});
  for (const auto* out : {&normal, &quiet, &verbose}) EXPECT_EQ(out->out, "Results: [4]\n") << out->err;
  EXPECT_NE(normal.err.find("CRASH    /root/fragile/w1"), std::string::npos) << normal.err;
  EXPECT_NE(normal.err.find("SIGSEGV at 0x10"), std::string::npos) << normal.err;
  EXPECT_NE(normal.err.find("RECOVER  /root/fragile/w1#2"), std::string::npos) << normal.err;
  EXPECT_EQ(quiet.err, "") << "nothing ended";
  EXPECT_GT(verbose.err.size(), normal.err.size());
}

TEST_F(command_line, refuses_what_it_does_not_know_and_says_what_was_meant) {
  const std::pair<std::vector<std::string>, const char*> wrong[] = {
      {{"rnu", "square"}, "did you mean 'run'?"},
      {{"run", "square", "--evnts=3"}, "did you mean '--events'?"},
      {{"actors", "addr"}, "did you mean 'adder'?"},
      {{"validate", "square", "--format", "xml"}, "--format"},
      {{"run", "square", "--quiet", "--verbose"}, "--verbose"},
      {{"run"}, "FILE"},
      {{}, "subcommand"},
  };
  for (const auto& [arguments, hint] : wrong) {
    const auto out = run(arguments);
    EXPECT_EQ(out.code, 2) << hint;
    EXPECT_EQ(out.out, "") << hint;
    EXPECT_NE(out.err.find(hint), std::string::npos) << out.err;
  }
}

TEST_F(command_line, tells_its_actors_tasks_and_version) {
  const auto listed = run({"actors", "--json"});
  EXPECT_EQ(listed.code, 0);
  std::vector<std::string> names;
  for (const auto& one : json::parse(listed.out)) names.push_back(one.at("name"));
  for (const std::string name : {"shared_list", "adder", "remover", "counter", "square", "factorial", "square_unless"})
    EXPECT_EQ(std::ranges::count(names, name), 1) << name;
  const auto one = run({"actors", "adder"});
  EXPECT_EQ(one.code, 0);
  EXPECT_NE(one.out.find("interval"), std::string::npos) << one.out;
  const auto version = json::parse(run({"version", "--json"}).out);
  EXPECT_TRUE(run({"version"}).out.starts_with("steward " + version.at("steward").get<std::string>() + " (CAF "));
}

}  // namespace
}  // namespace steward::test
