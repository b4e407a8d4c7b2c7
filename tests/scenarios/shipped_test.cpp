#include "tests/scenarios/program.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <regex>
#include <set>
#include <utility>

namespace steward::test {
namespace {

class shipped_scenario : public program_test {
protected:
  /// Runs it and checks what every good run has in common.
  finished run_well(const std::string& name, const std::vector<std::string>& more = {}) {
    auto out = run_scenario(name, more);
    expect_well(out);
    return out;
  }
  static void expect_well(const finished& out) {
    EXPECT_EQ(out.code, 0) << out.out << out.err;
    expect_sound_events(out.events, 0);
    expect_prints_as_events(out);
  }

private:
  static void expect_prints_as_events(const finished& out) {
    std::vector<std::string> printed;
    for (const auto& e : all_of_kind(out.events, "output")) printed.push_back(e.at("text"));
    EXPECT_EQ(printed, lines_of(out.out));
  }
};

/// Plays back what a shared list announced, and returns the list's end; checks each line against it.
std::string play_back(const std::vector<std::string>& lines, std::size_t& added, std::size_t& asked) {
  static const std::regex change{R"((Added|Removed) (-?\d+), List: (\[.*\]))"};
  std::deque<std::string> numbers;
  const auto shown = [&] {
    std::string out = "[";
    for (const auto& n : numbers) out += (out.size() > 1 ? ", " : "") + n;
    return out + "]";
  };
  for (const auto& line : lines) {
    std::smatch found;
    if (line == "Nothing to remove, List: []") {
      EXPECT_TRUE(numbers.empty()) << line;
      ++asked;
    } else if (std::regex_match(line, found, change)) {
      if (found[1] == "Added") {
        numbers.push_back(found[2]);
        ++added;
      } else {
        EXPECT_FALSE(numbers.empty()) << line;
        if (numbers.empty()) continue;
        EXPECT_EQ(numbers.front(), found[2]);
        numbers.pop_front();
        ++asked;
      }
      EXPECT_EQ(shown(), found[3]) << line;
    }
  }
  return shown();
}

/// What crashes last may still be on its way up when the others have done all there was to do, and the run ends.
void expect_recovery_unless_the_run_is_done(const std::vector<json>& events, const json& crash) {
  const auto& who = crash.at("actor");
  for (const auto& e : events) {
    if (e.at("seq") <= crash.at("seq")) continue;
    const auto actor = e.value("actor", "");
    if (e.at("kind") == "stop" && who.get<std::string>().starts_with(actor + "/")) return;
    if (actor != who) continue;
    EXPECT_NE(e.at("kind"), "crash") << "twice, and never up between: " << e;
    if (e.at("kind") == "recover") return;
  }
  ADD_FAILURE() << "nothing came of " << crash;
}

TEST_F(shipped_scenario, shared_list_prints_every_change_and_the_final_list) {
  const auto out = run_well("shared_list");
  const auto lines = lines_of(out.out);
  std::size_t added = 0;
  std::size_t asked = 0;
  const auto end = play_back(lines, added, asked);
  EXPECT_EQ(added, 10U) << out.out;
  EXPECT_EQ(asked, 10U) << out.out;
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back(), "Final list: " + end);
}

TEST_F(shipped_scenario, factorial_prints_one_line_each_in_order) {
  const auto out = run_well("factorial");
  std::string expected;
  long value = 1;
  for (int n = 1; n <= 10; ++n) {
    value *= n;
    expected += "Factorial of " + std::to_string(n) + " is " + std::to_string(value) + "\n";
  }
  EXPECT_EQ(out.out, expected);
  for (const auto& e : out.events) EXPECT_NE(e.value("runs_in", ""), "process") << e;
}

TEST_F(shipped_scenario, square_prints_size_results_and_time_for_each_pool) {
  const auto out = run_well("square");
  const std::regex expected{R"((Pool Size: (2|4|8)\nResults: \[1, 4, 9, 16, 25, 36, 49, 64, 81, 100\]\n)"
                            R"(Time Taken: \d+\.\d{4} seconds\n){3})"};
  EXPECT_TRUE(std::regex_match(out.out, expected)) << out.out;
  const auto lines = lines_of(out.out);
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_EQ(lines[0], "Pool Size: 2");
  EXPECT_EQ(lines[3], "Pool Size: 4");
  EXPECT_EQ(lines[6], "Pool Size: 8");
}

TEST_F(shipped_scenario, threads_vs_processes_measures_four_kinds_of_work_and_says_what_survived) {
  const auto out = run_well("threads_vs_processes");
  const auto lines = lines_of(out.out);
  ASSERT_EQ(lines.size(), 9U) << out.out;
  EXPECT_TRUE(std::regex_match(lines[0], std::regex{"Work +threads +processes"})) << lines[0];
  const std::pair<const char*, const char*> rows[] = {
      {"I/O-bound", "20 of 20 results"}, {"CPU-bound", "8 of 8 results"}, {"chatty", "3000 of 3000 results"}};
  const std::string time = R"(\d+\.\d{4} s, )";
  for (std::size_t i = 0; i < 3; ++i) {
    const std::regex row{rows[i].first + (" +" + time) + rows[i].second + " +" + time + rows[i].second};
    EXPECT_TRUE(std::regex_match(lines[i + 1], row)) << lines[i + 1];
  }
  const std::regex crashing{"crashing +" + time + "0 of 6: the program died, SIGSEGV +" + time + "6 of 6 results"};
  EXPECT_TRUE(std::regex_match(lines[4], crashing)) << lines[4];
  // The advice is what the table says.
  const std::regex times{R"((\S+) +(\d+\.\d+) s, (\d+) of .* (\d+\.\d+) s, (\d+) of .*)"};
  for (std::size_t i = 1; i < 5; ++i) {
    std::smatch row;
    ASSERT_TRUE(std::regex_match(lines[i], row, times)) << lines[i];
    const double threads = std::stod(row[2]);
    const double processes = std::stod(row[4]);
    const auto& advice = lines[i + 4];
    EXPECT_TRUE(advice.starts_with(row[1].str())) << advice;
    const auto name = advice.substr(12, advice.find(':') - 12);
    if (row[3] != row[5] || processes * 1.2 < threads) {
      EXPECT_EQ(name, "processes") << lines[i];
    } else if (threads * 1.2 < processes) {
      EXPECT_EQ(name, "threads") << lines[i];
    }
    if (name == "either") {
      EXPECT_LT(std::max(threads, processes), 1.2 * std::min(threads, processes)) << lines[i];
    }
  }
}

TEST_F(shipped_scenario, pool_reuse_shows_that_a_process_per_task_costs_more) {
  const auto out = run_well("pool_reuse");
  const auto lines = lines_of(out.out);
  ASSERT_EQ(lines.size(), 4U) << out.out;
  const std::regex row{R"(squares +(\d+\.\d+) s, 100 of 100 results +(\d+\.\d+) s, 100 of 100 results)"};
  std::smatch times;
  ASSERT_TRUE(std::regex_match(lines[1], times, row)) << lines[1];
  EXPECT_LT(std::stod(times[1]), std::stod(times[2]));
  const std::regex ratio{R"(Time, reused processes to one process per task: 1 : (\d+\.\d))"};
  std::smatch factor;
  ASSERT_TRUE(std::regex_match(lines[2], factor, ratio)) << lines[2];
  EXPECT_GT(std::stod(factor[1]), 1.0);
  EXPECT_TRUE(all_of_kind(out.events, "crash").empty()) << "a worker that is replaced has not crashed";
}

TEST_F(shipped_scenario, shared_state_proves_that_no_update_was_lost) {
  const auto out = run_well("shared_state");
  for (const std::string line :
       {"Produced 100 items", "Consumed 100 items in order, sum 5050", "Totals: {processes: 100, threads: 100}",
        "Appended: [25, 25, 25, 25, 25, 25, 25, 25]"})
    EXPECT_EQ(std::ranges::count(lines_of(out.out), line), 1) << line << " in\n" << out.out;
}

/// What a crash event must tell about the worker that this input killed.
struct expected_death {
  const char* cls;
  const char* signal;
};
const std::map<std::string, expected_death> deaths{
    {"3, uncaught", {"signal", "SIGABRT"}},
    {"4, segfault", {"signal", "SIGSEGV"}},
    {"5, stack_overflow", {"signal", "SIGSEGV"}},
    {"6, abort", {"signal", "SIGABRT"}},
    {"7, exit", {"exit", ""}},
    {"8, kill", {"signal", "SIGKILL"}},
};

TEST_F(shipped_scenario, service_starts_a_killed_server_again_and_has_its_lines_in_the_log) {
  const auto out = run_well("service");
  std::vector<std::string> starts;
  bool said = false;
  for (const auto& e : all_of_kind(out.events, "log")) {
    const std::string text = e.at("text");
    if (e.at("actor") == "/root/web" && text.starts_with("Serving HTTP on 127.0.0.1")) starts.push_back(text);
    said = said || (e.at("actor") == "/root/intruder" && e.at("stream") == "stdout" && text.starts_with("kill -9 "));
  }
  EXPECT_TRUE(said);
  EXPECT_GE(starts.size(), 1U);
  const auto crashes = all_of_kind(out.events, "crash");
  ASSERT_EQ(crashes.size(), 1U);
  EXPECT_EQ(crashes[0].at("actor"), "/root/web");
  EXPECT_EQ(crashes[0].at("cause").at("signal"), "SIGKILL");
  EXPECT_GT(crashes[0].at("pid").get<int>(), 0);
  EXPECT_EQ(all_of_kind(out.events, "restart").size(), 1U);
}

TEST_F(shipped_scenario, process_actors_are_shared_and_survive_a_kill_in_mid_run) {
  const auto out = run_well("process_actors");
  EXPECT_EQ(std::ranges::count(lines_of(out.out), "Totals: {processes: 100, threads: 100}"), 1) << out.out;
  EXPECT_EQ(std::ranges::count(lines_of(out.out), "kill /root/words: ok"), 1) << out.out;
  std::set<int> pids;
  int ready = 0;
  for (const auto* kind : {"ready", "recover"})
    for (const auto& e : all_of_kind(out.events, kind))
      if (e.at("actor") == "/root/words" || e.at("actor") == "/root/numbers") {
        EXPECT_EQ(e.at("runs_in"), "process");
        pids.insert(e.at("pid").get<int>());
        ++ready;
      }
  EXPECT_EQ(ready, 3);
  EXPECT_EQ(pids.size(), 3U) << "each incarnation is a process of its own";
  const auto crashes = all_of_kind(out.events, "crash");
  ASSERT_GE(crashes.size(), 1U);
  EXPECT_EQ(crashes[0].at("actor"), "/root/words");
  EXPECT_EQ(crashes[0].at("cause").at("class"), "killed");
}

TEST_F(shipped_scenario, crash_recovery_gets_every_result_and_names_every_cause) {
  const auto out = run_crash_recovery();
  expect_well(out);
  const std::string faults[] = {"none",  "exception", "uncaught", "segfault", "stack_overflow",
                                "abort", "exit",      "kill",     "memory",   "none"};
  std::string expected;
  for (int n = 1; n <= 10; ++n) {
    const auto& fault = under_asan && n == 9 ? faults[0] : faults[n - 1];
    expected +=
        "Square of " + std::to_string(n) + " is " + std::to_string(n * n) + " (first attempt met: " + fault + ")\n";
  }
  expected +=
      "Results: [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]\n"
      "Crash of counter: the request was answered with \"crashed: std::runtime_error: crash requested\"\n"
      "After it, counter answers again: 0\n";
  EXPECT_EQ(out.out, expected);

  std::map<std::string, json> by_task;
  for (const auto& e : all_of_kind(out.events, "crash"))
    if (e.contains("task")) by_task[e["task"]["args"]] = e;
  EXPECT_EQ(by_task.size(), deaths.size());
  for (const auto& [args, how] : deaths) {
    ASSERT_TRUE(by_task.contains(args)) << args;
    const auto& e = by_task[args];
    EXPECT_EQ(e.at("cause").at("class"), how.cls) << e;
    EXPECT_EQ(e.at("cause").value("signal", ""), how.signal) << e;
    EXPECT_EQ(e.at("task_fate"), "requeued") << e;
    EXPECT_GT(e.at("pid").get<int>(), 0) << e;
  }
  EXPECT_EQ(by_task["3, uncaught"]["cause"]["exception"], "std::logic_error");
  EXPECT_EQ(by_task["4, segfault"]["cause"]["address"], "0x10");
  EXPECT_EQ(by_task["5, stack_overflow"]["cause"]["message"], "stack overflow");
  EXPECT_EQ(by_task["7, exit"]["cause"]["code"], 0);
  for (const auto& e : all_of_kind(out.events, "crash")) expect_recovery_unless_the_run_is_done(out.events, e);
}

}  // namespace
}  // namespace steward::test
