#include "store/database.hpp"
#include "tests/scenarios/program.hpp"

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

// What the commands that look at runs say of real ones: over, killed, torn, and live.

namespace steward::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* service = R"(scenario: counting
tree:
  intensity: {restarts: 100, within: 5s}
  children:
    - {id: total, actor: counter}
    - {id: list, actor: shared_list}
    - id: squares
      pool: {task: square, runs_in: processes, workers: 2}
)";

class looking : public program_test {
protected:
  looking() {
    std::filesystem::create_directory(path("runtime"));
    ::chmod(path("runtime").c_str(), 0700);
    ::setenv("XDG_RUNTIME_DIR", path("runtime").c_str(), 1);
    ::setenv("TZ", "UTC", 1);
  }
  ~looking() override { ::unsetenv("XDG_RUNTIME_DIR"); }

  /// The events of a scenario that was run to its end.
  std::string ran(const std::string& scenario) {
    run_scenario(scenario);
    return path("events" + std::to_string(++files_) + ".jsonl");
  }
  /// A service whose children are up.
  std::unique_ptr<running> serves() {
    auto out = start_scenario(write("counting.yaml", service));
    EXPECT_TRUE(out->has_said("counting is up"));
    return out;
  }
  json asked(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const auto out = run(std::move(arguments));
    EXPECT_EQ(out.code, 0) << out.err;
    return json::parse(out.out);
  }

private:
  int files_ = 0;
};

}  // namespace

TEST_F(looking, ps_and_tree_show_the_children_of_a_run_that_is_over) {
  const auto file = ran("supervision");
  const auto ps = run({"ps", file});
  EXPECT_EQ(ps.code, 0);
  EXPECT_THAT(ps.out, HasSubstr("/root/together/left   actor       thread  stopped    2         1\n"));
  EXPECT_THAT(ps.err, HasSubstr("exit code 0"));
  const auto names = lines_of(run({"ps", file, "-o", "name"}).out);
  EXPECT_EQ(names.front(), "/root");
  const auto whole = asked({"ps", file});
  EXPECT_EQ(whole.at("state"), "over");
  EXPECT_EQ(whole.at("children").size(), names.size());
  EXPECT_EQ(lines_of(run({"tree", file}).out).size(), names.size());
}

TEST_F(looking, workers_that_are_down_are_shown_when_they_are_asked_for) {
  const auto file = ran("square");
  const auto usual = run({"ps", file, "-o", "name"});
  const auto all = run({"ps", file, "-o", "name", "--all"});
  EXPECT_THAT(usual.out, Not(HasSubstr("/w1\n")));
  EXPECT_THAT(usual.err, HasSubstr("down left out; --all shows them"));
  EXPECT_THAT(all.out, HasSubstr("/w1\n"));
}

TEST_F(looking, the_tree_is_shown_as_it_was_at_an_event_a_crash_and_a_time) {
  const auto file = ran("supervision");
  const auto crash = run({"tree", file, "--at", "c-0001"});
  EXPECT_THAT(crash.out, HasSubstr("restarting  1 crash, std::runtime_error: crash requested\n"));
  const auto begun = asked({"tree", file, "--at", "3"});
  EXPECT_EQ(begun.at("last_seq"), 3);
  const auto whole = asked({"tree", file});
  const auto at_its_end = asked({"tree", file, "--at", whole.at("now").get<std::string>()});
  EXPECT_EQ(at_its_end, whole);
  const auto then = asked({"ps", file, "--at", "c-0001"});
  EXPECT_EQ(then.at("state"), "past");
  EXPECT_EQ(then.at("run").at("crash_count"), 1);
  EXPECT_THAT(run({"ps", file, "--at", "c-0001"}).out, HasSubstr("restarting"));
  EXPECT_EQ(run({"tree", file, "--at", "yesterday"}).code, 2);
  EXPECT_EQ(run({"tree", file, "--at", "999999"}).code, 2);
  EXPECT_EQ(run({"tree", file, "--at", "c-9999"}).code, 2);
}

TEST_F(looking, a_report_says_what_the_run_has_said_of_itself) {
  const auto out = run_crash_recovery();
  const auto report = asked({"report", path("events1.jsonl")});
  std::uint64_t crashes = 0;
  for (const auto& one : report.at("crashes")) crashes += one.at("count").get<std::uint64_t>();
  EXPECT_EQ(crashes, all_of_kind(out.events, "crash").size());
  EXPECT_EQ(report.at("recovery").at("count"), all_of_kind(out.events, "recover").size());
  double longest = 0;
  for (const auto& e : all_of_kind(out.events, "recover"))
    longest = std::max(longest, e.at("recovery_ms").get<double>());
  EXPECT_NEAR(report.at("recovery").at("max_ms").get<double>(), longest, 0.001);
  EXPECT_EQ(report.at("pools").at(0).at("retried"), all_of_kind(out.events, "task_retry").size());
  EXPECT_EQ(report.at("remarks").size(), 0U);
  for (const char* format : {"md", "junit", "text"})
    EXPECT_EQ(run({"report", path("events1.jsonl"), "--format", format}).code, 0);
}

TEST_F(looking, each_crash_of_a_run_is_shown_whole) {
  const auto out = run_crash_recovery();
  for (const auto& e : all_of_kind(out.events, "crash")) {
    const auto id = e.at("id").get<std::string>();
    const auto shown = run({"show", id, path("events1.jsonl")});
    EXPECT_EQ(shown.code, 0) << shown.err;
    EXPECT_THAT(shown.out, HasSubstr(id + "    " + e.at("actor").get<std::string>()));
    EXPECT_THAT(shown.out, HasSubstr("\ndecided   "));
    EXPECT_THAT(shown.out, HasSubstr("\nafter     "));
    const auto next = shown.out.find("steward tree ");
    ASSERT_NE(next, std::string::npos);
    EXPECT_EQ(run({"tree", path("events1.jsonl"), "--at", id}).code, 0) << "the command that it names";
  }
  const auto none = run({"show", "c-0100", path("events1.jsonl")});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("did you mean 'c-0001'?"));
}

TEST_F(looking, the_log_is_what_the_run_wrote_and_can_be_cut_down) {
  const auto out = run_crash_recovery();
  const auto file = path("events1.jsonl");
  EXPECT_EQ(lines_of(run({"log", file}).out), lines_of(out.err));
  const auto all = lines_of(run({"log", file, "--json"}).out);
  EXPECT_EQ(all, lines_of(read_file(file)));
  const auto crashes = parse_lines(run({"log", file, "--json", "--kind", "crash,hang"}).out);
  EXPECT_EQ(crashes.size(), all_of_kind(out.events, "crash").size());
  EXPECT_EQ(lines_of(run({"log", file, "--json", "-n", "3"}).out),
            (std::vector<std::string>{all.end() - 3, all.end()}));
  for (const auto& e : parse_lines(run({"log", file, "--json", "--actor", "/root/*/w1"}).out))
    EXPECT_EQ(e.at("actor"), "/root/fragile/w1");
  for (const auto& e : parse_lines(run({"log", file, "--json", "--level", "warn"}).out))
    EXPECT_THAT(e.at("level").get<std::string>(), testing::AnyOf("warn", "error"));
  EXPECT_TRUE(run({"log", file, "--since", "2100-01-01T00:00:00Z"}).out.empty());
  EXPECT_TRUE(run({"log", file, "--until", "2000-01-01T00:00:00Z"}).out.empty());
  const auto wrong = run({"log", file, "--kind", "carsh"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'crash'?"));
}

TEST_F(looking, a_run_that_was_killed_is_told_to_the_last_line) {
  const auto file = path("killed.jsonl");
  subprocess process{{program(), "run", write("counting.yaml", service), "--events", file}, environment()};
  ASSERT_TRUE(process.read_until([&] { return process.err().find("counting is up") != std::string::npos; },
                                 subprocess::clock::now() + run_limit));
  process.signal(SIGKILL);
  ASSERT_TRUE(process.wait(subprocess::clock::now() + run_limit).has_value());
  EXPECT_TRUE(reap_children(subprocess::clock::now() + run_limit).empty());
  const auto told = lines_of(read_file(file)).size();
  const auto report = asked({"report", file});
  EXPECT_EQ(report.at("run").at("last_seq"), told);
  EXPECT_THAT(run({"report", file}).out, HasSubstr("its end is not told; the last event is " + std::to_string(told)));
  const auto ps = run({"ps", file});
  EXPECT_THAT(ps.out, HasSubstr("/root/squares/w2  worker      process  was up"));
  EXPECT_THAT(ps.err, HasSubstr("steward ps: how the children were then is the last that is known of them\n"));
  EXPECT_EQ(asked({"ps", file}).at("state"), "lost");

  std::ofstream{file, std::ios::app} << R"({"v":1,"seq":)";
  const auto torn = run({"report", file});
  EXPECT_EQ(torn.code, 0);
  EXPECT_THAT(torn.out, HasSubstr("its last line is torn"));
  EXPECT_EQ(asked({"report", file}).at("run").at("last_seq"), told);
}

TEST_F(looking, a_run_directory_says_the_same_as_the_events_file) {
  const auto state = path("state");
  run_crash_recovery({"--state", state});
  const auto file = path("events1.jsonl");
  {  // a run that took longer than a second has been sampled, too, and no events file has samples
    store::database kept{state + "/steward.db", store::database::access::write};
    kept.run("DELETE FROM samples; DELETE FROM checkpoints");
  }
  for (const std::vector<std::string>& words : {std::vector<std::string>{"report", "--json"},
                                                {"ps", "-o", "wide"},
                                                {"tree", "--at", "c-0003"},
                                                {"tree", "--at", "20", "--json"},
                                                {"log", "--json"},
                                                {"show", "c-0002"}}) {
    const auto asked_of = [&](const std::string& run_of) {
      auto arguments = words;
      arguments.push_back(run_of);
      return run(std::move(arguments));
    };
    const auto of_file = asked_of(file);
    const auto of_directory = asked_of(state);
    EXPECT_EQ(of_directory.code, 0) << words.front() << ": " << of_directory.err;
    auto expected = of_file.out;
    if (const auto at = expected.find(file); at != std::string::npos && words.front() == "show")
      for (auto i = at; i != std::string::npos; i = expected.find(file)) expected.replace(i, file.size(), state);
    EXPECT_EQ(of_directory.out, expected) << words.front();
  }
  run_scenario("square", {"--state", state});
  EXPECT_THAT(run({"report", state}).out, HasSubstr("square, r-"));
  EXPECT_THAT(run({"report", state, "--run", "crash_recovery"}).out, HasSubstr("crash_recovery, r-"));
  const auto wrong = run({"report", state, "--run", "crash_recover"});
  EXPECT_EQ(wrong.code, 6);
  EXPECT_THAT(wrong.err, HasSubstr("(did you mean 'crash_recovery'?)"));
  const auto runs = asked({"runs", state});
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].at("scenario"), "crash_recovery");
  EXPECT_EQ(runs[0].at("crashes"), asked({"report", file}).at("run").at("crash_count"));
  EXPECT_EQ(runs[1].at("code"), 0);
  for (const auto& one : runs) EXPECT_THAT(wrong.err, HasSubstr(one.at("run").get<std::string>()));
  EXPECT_EQ(asked({"runs", file})[0].at("run"), runs[0].at("run"));
  EXPECT_EQ(lines_of(run({"runs", state}).out).size(), 3U);
}

TEST_F(looking, a_run_directory_of_a_run_that_was_killed_says_so) {
  const auto state = path("state");
  subprocess process{{program(), "run", write("counting.yaml", service), "--state", state}, environment()};
  ASSERT_TRUE(process.read_until([&] { return process.err().find("counting is up") != std::string::npos; },
                                 subprocess::clock::now() + run_limit));
  EXPECT_EQ(run({"kill", "/root/total"}).code, 0);
  const auto is_told = [&] { return !run({"log", state, "--kind", "recover", "--json"}).out.empty(); };
  const auto until = subprocess::clock::now() + run_limit;
  while (!is_told() && subprocess::clock::now() < until) continue;  // it is written within 50 ms
  process.signal(SIGKILL);
  ASSERT_TRUE(process.wait(subprocess::clock::now() + run_limit).has_value());
  EXPECT_TRUE(reap_children(subprocess::clock::now() + run_limit).empty());
  const auto report = run({"report", state});
  EXPECT_EQ(report.code, 0) << report.err;
  EXPECT_THAT(report.out, HasSubstr("1 crash; "));
  EXPECT_THAT(report.out, HasSubstr("is gone without an end of the run"));
  EXPECT_THAT(run({"ps", state}).out, HasSubstr("/root/total       actor       thread   was up"));
  EXPECT_EQ(asked({"ps", state}).at("state"), "lost");
  EXPECT_EQ(asked({"runs", state})[0].at("state"), "lost");
}

TEST_F(looking, what_comes_through_standard_input_is_a_run_as_well) {
  const auto file = ran("square");
  subprocess::options how = environment();
  subprocess process{{"/bin/sh", "-c", "'" + program() + "' ps - -o name < '" + file + "'"}, how};
  const auto status = process.wait(subprocess::clock::now() + run_limit);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code, 0) << process.err();
  EXPECT_EQ(process.out(), run({"ps", file, "-o", "name"}).out);
}

TEST_F(looking, without_a_run_to_look_at_the_exit_code_is_6) {
  for (const char* command : {"ps", "tree", "log", "report"}) {
    const auto out = run({command});
    EXPECT_EQ(out.code, 6) << command;
    EXPECT_THAT(out.err, HasSubstr("no run is live"));
  }
  EXPECT_EQ(run({"shutdown"}).code, 6);
  EXPECT_EQ(run({"ps", path("nothing.jsonl")}).code, 6);
  EXPECT_EQ(run({"restart", "/root/total", "nobody"}).code, 6);
}

TEST_F(looking, a_live_run_is_found_looked_into_and_steered) {
  const auto run_ = serves();
  const auto all = asked({"ps"});
  EXPECT_EQ(all.at("children").size(), 6U);
  EXPECT_EQ(all.at("state"), "live");
  const auto runs = asked({"runs"});
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].at("pid"), run_->pid());
  EXPECT_EQ(runs[0].at("run"), all.at("run").at("run"));
  EXPECT_THAT(run({"ps", "counting"}).out, HasSubstr("/root/total       actor       thread   up        1"));
  EXPECT_THAT(run({"tree", std::to_string(run_->pid())}).out, HasSubstr("total"));

  const auto restarted = run({"restart", "/root/total"});
  EXPECT_EQ(restarted.code, 0) << restarted.err;
  EXPECT_FALSE(run_->wait_for(of_kind("restart", "/root/total")).is_null());
  const auto scaled = run({"scale", "/root/squares", "3"});
  EXPECT_EQ(scaled.code, 0) << scaled.err;
  EXPECT_FALSE(
      run_->wait_for([](const json& e) { return e.at("actor") == "/root/squares/w3" && e.at("kind") == "ready"; })
          .is_null());
  const auto by_whom = run_->wait_for([](const json& e) { return e.at("kind") == "operator" && e.contains("by"); });
  ASSERT_FALSE(by_whom.is_null());
  EXPECT_THAT(by_whom.at("by").get<std::string>(), HasSubstr("uid "));

  const auto wrong = run({"restart", "/root/totl"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean '/root/total'?"));
  EXPECT_EQ(run({"scale", "/root/total", "3"}).code, 1);
  EXPECT_EQ(run({"scale", "/root/squares", "many"}).code, 2);
  EXPECT_EQ(run({"stop", "list"}).out, "/root/list was stopped\n") << "the end of a path is enough";
  EXPECT_EQ(run({"stop", "list"}).out, "/root/list is down already; nothing was done\n");
  EXPECT_EQ(run({"start", "list"}).out, "/root/list was started\n");
  const auto again = run({"start", "list"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, "/root/list is up already; nothing was done\n");
  const auto unknown = run({"stop", "lisst"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("steward stop: there is no child 'lisst' (did you mean '/root/list'?)"));
  EXPECT_EQ(run({"reload", "--dry-run"}).code, 0);

  EXPECT_EQ(run({"kill", "/root/total"}).code, 0);
  EXPECT_FALSE(run_->wait_for(of_kind("crash", "/root/total")).is_null());
  EXPECT_FALSE(run_->wait_for(of_kind("recover", "/root/total")).is_null());
  EXPECT_THAT(run({"show", "1"}).out, HasSubstr("c-0001    /root/total"));
  EXPECT_THAT(run({"show", "/root/total"}).out, HasSubstr("c-0001    /root/total"));
  const auto nobody = run({"show", "/root/nobody"});
  EXPECT_EQ(nobody.code, 2);
  EXPECT_THAT(nobody.err, HasSubstr("no crash of /root/nobody is known"));
  const auto other = run({"ps", "--run", "r-000000"});
  EXPECT_EQ(other.code, 6) << other.out;
  EXPECT_THAT(other.err, HasSubstr(", not r-000000"));
  const auto no_pool = run({"scale", "/root/total", "3"});
  EXPECT_EQ(no_pool.code, 1);
  EXPECT_THAT(no_pool.err, HasSubstr("/root/total is no pool"));
  EXPECT_EQ(run({"kill", "/root/squares/w1"}).code, 0);
  EXPECT_FALSE(run_->wait_for(of_kind("recover", "/root/squares/w1")).is_null());
  EXPECT_EQ(run({"park", "/root/list"}).code, 0);
  EXPECT_THAT(run({"ps"}).out, HasSubstr("/root/list        actor       thread   parked"));
  EXPECT_EQ(run({"revive", "/root/list"}).code, 0);
  EXPECT_THAT(run({"ps"}).out, HasSubstr("/root/list        actor       thread   up"));

  EXPECT_EQ(run({"shutdown"}).code, 0);
  EXPECT_TRUE(run_->wait().in_time);
  EXPECT_EQ(run({"ps"}).code, 6);
}

TEST_F(looking, of_two_live_runs_one_is_to_be_named) {
  const auto one = serves();
  const auto other = serves();
  const auto out = run({"ps"});
  EXPECT_EQ(out.code, 6);
  for (const auto* each : {&one, &other})
    EXPECT_THAT(out.err, HasSubstr("counting (pid " + std::to_string((*each)->pid()) + ")"));
  EXPECT_EQ(run({"ps", std::to_string(other->pid())}).code, 0);
  for (const auto* each : {&one, &other}) EXPECT_EQ(run({"shutdown", std::to_string((*each)->pid())}).code, 0);
  EXPECT_TRUE(one->wait().in_time);
  EXPECT_TRUE(other->wait().in_time);
}

TEST_F(looking, a_log_that_is_followed_ends_with_the_run_and_has_every_event) {
  const auto run_ = serves();
  auto how = environment();
  subprocess log{{program(), "log", "-f", "--json"}, how};
  ASSERT_TRUE(log.read_until([&] { return log.out().find("\"ready\"") != std::string::npos; },
                             subprocess::clock::now() + run_limit));
  EXPECT_EQ(run({"restart", "/root/total"}).code, 0);
  EXPECT_EQ(run({"shutdown"}).code, 0);
  const auto out = run_->wait();
  const auto status = log.wait(subprocess::clock::now() + run_limit);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code, 0) << log.err();
  const auto seen = parse_lines(log.out());
  ASSERT_LE(seen.size(), out.events.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], out.events[i]);
  EXPECT_FALSE(all_of_kind(seen, "restart").empty());
}

TEST_F(looking, a_log_that_is_followed_waits_for_the_run_to_begin) {
  for (const std::string& where : {path("state"), path("later.jsonl")}) {
    subprocess log{{program(), "log", "-f", "--json", where}, environment()};
    EXPECT_TRUE(log.read_until([&] { return log.err().find("waiting for a run") != std::string::npos; },
                               subprocess::clock::now() + run_limit))
        << log.err();
    const auto option = where.ends_with("state") ? "--state" : "--events";
    EXPECT_EQ(run({"run", "square", option, where}).code, 0);
    const auto status = log.wait(subprocess::clock::now() + run_limit);
    ASSERT_TRUE(status.has_value()) << "it goes on waiting";
    EXPECT_EQ(status->code, 0) << log.err();
    const auto seen = parse_lines(log.out());
    ASSERT_FALSE(seen.empty()) << log.err();
    EXPECT_EQ(seen.front().at("kind"), "run_start");
    EXPECT_EQ(seen.back().at("kind"), "run_end");
  }
}

TEST_F(looking, a_path_that_no_event_is_about_is_told) {
  run_crash_recovery();
  const auto file = path("events1.jsonl");
  const auto wrong = run({"log", file, "--actor", "/root/conter"});
  EXPECT_EQ(wrong.code, 0);
  EXPECT_TRUE(wrong.out.empty());
  EXPECT_THAT(wrong.err, HasSubstr("steward log: no event is about '/root/conter' (did you mean '/root/counter'?)"));
  const auto quiet = run({"log", file, "--actor", "/root/counter", "--kind", "hang"});
  EXPECT_TRUE(quiet.err.empty()) << "there are events about it, though none of that kind: " << quiet.err;
  EXPECT_FALSE(run({"log", file, "--actor", "counter"}).out.empty());
}

TEST_F(looking, top_and_orders_find_the_live_run_of_a_run_directory) {
  const auto state = path("state");
  const auto run_ = start_scenario(write("counting.yaml", service), {"--state", state});
  ASSERT_TRUE(run_->has_said("counting is up"));
  const auto other = serves();  // so that one is to be named
  EXPECT_EQ(run({"restart", "total"}).code, 6);
  EXPECT_EQ(run({"restart", "total", state}).out, "/root/total was restarted\n");
  EXPECT_FALSE(run_->wait_for(of_kind("restart", "/root/total")).is_null());
  EXPECT_EQ(run({"shutdown", state}).code, 0);
  EXPECT_TRUE(run_->wait().in_time);
  const auto late = run({"restart", "total", state});
  EXPECT_EQ(late.code, 6);
  EXPECT_THAT(late.err, HasSubstr("no run lives there, so there is nothing to steer"));
  EXPECT_EQ(run({"shutdown"}).code, 0);
  EXPECT_TRUE(other->wait().in_time);
}

TEST_F(looking, every_error_has_one_form) {
  const auto file = ran("square");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"ps", path("nothing.jsonl")},
                                                {"tree", file, "--at", "never"},
                                                {"tree", file, "--run", "r-1"},
                                                {"log", path("nothing/e.jsonl")},
                                                {"log", file, "--since", "never"},
                                                {"report", "nobody"},
                                                {"show", "c-0001", file},
                                                {"show", "/root/nobody", file},
                                                {"runs", path("nothing")},
                                                {"stop", "total"},
                                                {"ps", file, "--nonsense"},
                                                {"log", file, "--kind", "carsh"},
                                                {"explain", "nonsense"},
                                                {"actors", "nonsense"}}) {
    const auto out = run(words);
    EXPECT_NE(out.code, 0) << words.front();
    EXPECT_TRUE(out.out.empty()) << words.front();
    EXPECT_THAT(out.err, testing::StartsWith("steward " + words.front() + ": "));
  }
}

TEST_F(looking, a_reload_says_what_it_would_do_and_who_asked) {
  const auto file = write("counting.yaml", service);
  const auto run_ = start_scenario(file);
  ASSERT_TRUE(run_->has_said("counting is up"));
  EXPECT_THAT(run({"reload", "--dry-run"}).out, testing::EndsWith("would be reloaded: nothing in its tree differs\n"));
  auto next = std::string{service};
  next.replace(next.find("workers: 2"), 10, "workers: 3");
  write("counting.yaml", next + "    - {id: late, actor: counter}\n");
  const auto dry = run({"reload", "--dry-run"});
  EXPECT_THAT(dry.out, HasSubstr("part of what differs would count at once, and part would wait, as told\n"));
  EXPECT_THAT(dry.out, HasSubstr("  /root/squares: workers; at once\n"));
  EXPECT_THAT(dry.out, HasSubstr("  /root/late: a new child; waits for its start by hand\n"));
  for (const char* inner : {"restart_child", "terminate_child", "steps"}) EXPECT_THAT(dry.out, Not(HasSubstr(inner)));
  EXPECT_EQ(run({"reload"}).code, 0);
  EXPECT_EQ(run({"start", "late"}).out, "/root/late was started\n");
  EXPECT_EQ(run({"shutdown"}).code, 0);
  const auto out = run_->wait();
  std::size_t told = 0;
  for (const auto& e : all_of_kind(out.events, "config"))
    if (e.at("actor") != "/root") told += e.value("by", "").starts_with("uid ") ? 1U : 0U;
  EXPECT_EQ(told, 2U);
}

TEST_F(looking, a_log_whose_reader_goes_away_ends) {
  const auto run_ = serves();
  subprocess log{{"/bin/sh", "-c", "'" + program() + "' log -f --verbose | head -3"}, environment()};
  const auto status = log.wait(subprocess::clock::now() + run_limit);
  ASSERT_TRUE(status.has_value()) << "it does not end";
  EXPECT_EQ(lines_of(log.out()).size(), 3U);
  EXPECT_EQ(run({"shutdown"}).code, 0);
  EXPECT_TRUE(run_->wait().in_time);
}

}  // namespace steward::test
