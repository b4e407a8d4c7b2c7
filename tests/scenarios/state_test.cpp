#include "observe/event_reader.hpp"
#include "observe/run_view.hpp"
#include "store/reader.hpp"
#include "tests/scenarios/program.hpp"
#include "tests/support/sanitized.hpp"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// What a run of the real program leaves in its state directory.

namespace steward::test {
namespace {

constexpr const char* long_run = R"(scenario: long_run
tree:
  children:
    - {id: total, actor: counter}
    - id: workers
      pool: {task: wait_ms, runs_in: processes, workers: 3}
run:
  - map: {pool: workers, inputs: {value: 30000, times: 6}}
)";

class kept_state : public program_test {
protected:
  std::string state() const { return path("state"); }

  static std::vector<event> events_of(const std::vector<json>& lines) {
    std::vector<event> out;
    for (const auto& line : lines) {
      std::string problem;
      auto e = event_of_line(line.dump(), problem);
      EXPECT_TRUE(e.has_value()) << problem;
      if (e) out.push_back(std::move(*e));
    }
    return out;
  }
  /// Figures come from samples, of which the events file knows nothing.
  static run_view without_figures(run_view x) {
    x.figures.reset();
    for (auto& [path, child] : x.children) child.figures.reset();
    return x;
  }
  static run_view folded(const std::vector<event>& events, std::uint64_t until) {
    run_view out;
    for (const auto& e : events)
      if (e.seq <= until) fold(out, e);
    return out;
  }
};

TEST_F(kept_state, of_a_run_is_what_its_events_file_says) {
  const auto out = run_crash_recovery({"--state", state()});
  ASSERT_EQ(out.code, 0) << out.err;
  const auto events = events_of(out.events);
  store::reader in{state()};
  const auto run = *in.find_run();
  EXPECT_EQ(run.status, store::run_status::ended);
  EXPECT_EQ(run.scenario, "crash_recovery");
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.id, events.front().run);
  std::vector<event> kept;
  in.events(run, {}, [&](const event& e) {
    kept.push_back(e);
    return true;
  });
  EXPECT_TRUE(kept == events);
  for (std::uint64_t seq = 0; seq <= events.size(); seq += 1 + events.size() / 20)
    EXPECT_TRUE(without_figures(in.view_at(run, seq)) == folded(events, seq)) << seq;
  EXPECT_TRUE(in.view_at(run).ended.has_value());
}

TEST_F(kept_state, of_a_run_that_was_killed_is_what_the_events_file_says_up_to_the_last_commit) {
  const auto program = start_scenario(write("scenario.yaml", long_run), {"--state", state()});
  ASSERT_FALSE(program->wait_for(of_kind("ready", "/root/workers")).is_null());
  const int worker = children_of(program->pid()).back();
  ::kill(worker, SIGKILL);
  const auto crash = program->wait_for(of_kind("crash"));
  ASSERT_FALSE(crash.is_null());
  store::reader in{state()};
  const auto deadline = subprocess::clock::now() + run_limit;
  while (in.find_run()->last_seq < crash.at("seq").get<std::uint64_t>())
    ASSERT_LT(subprocess::clock::now(), deadline) << "it is never committed";
  EXPECT_EQ(in.find_run()->status, store::run_status::live);
  EXPECT_EQ(in.find_run()->pid, program->pid());
  program->signal(SIGKILL);
  const auto out = program->wait();
  const auto events = events_of(out.events);

  const auto run = *in.find_run();
  EXPECT_EQ(run.status, store::run_status::died);
  EXPECT_FALSE(run.ended.has_value());
  EXPECT_LE(run.last_seq, events.size());
  EXPECT_TRUE(without_figures(in.view_at(run)) == folded(events, run.last_seq));
  EXPECT_EQ(in.view_at(run).crash_count, 1U);
  EXPECT_TRUE(without_figures(store::reader{state()}.view_at(run)) == folded(events, run.last_seq))
      << "and for who looks later";
  EXPECT_TRUE(reap_children(subprocess::clock::now() + run_limit).empty());
}

TEST_F(kept_state, is_refused_to_a_second_run_and_nothing_is_started) {
  const auto first = start_scenario(write("scenario.yaml", long_run), {"--state", state()});
  ASSERT_FALSE(first->wait_for(of_kind("ready", "/root/workers")).is_null());
  const auto second = run({"run", "square", "--state", state()});
  EXPECT_EQ(second.code, 5);
  EXPECT_EQ(second.out, "");
  EXPECT_NE(second.err.find("state directory " + state() + ": it is in use by process " + std::to_string(first->pid()) +
                            "; nothing was started"),
            std::string::npos)
      << second.err;
  first->signal(SIGTERM);
  EXPECT_EQ(first->wait().code, 143);
  EXPECT_EQ(run({"run", "square", "--state", state()}).code, 0) << "it is free again";
  EXPECT_EQ(store::reader{state()}.runs().size(), 2U);
}

TEST_F(kept_state, may_be_named_by_the_file_relative_to_it) {
  const auto file = write("scenario.yaml", R"(scenario: named
state: {dir: kept, max_age: 24h, max_size: 64MiB}
tree: {children: [{id: total, actor: counter}]}
run: []
)");
  const auto out = run({"run", file});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(store::reader{path("kept")}.find_run()->scenario, "named");
  struct stat found {};
  ASSERT_EQ(::stat(path("kept").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0700U);
  EXPECT_EQ(run({"run", file, "--state", state()}).code, 0);
  EXPECT_EQ(store::reader{path("kept")}.runs().size(), 1U) << "the command line has the last word";
  EXPECT_EQ(store::reader{state()}.runs().size(), 1U);
}

TEST_F(kept_state, of_several_files_must_be_one) {
  const auto file = [&](const std::string& name) {
    return write(name + ".yaml", "scenario: " + name + "\nstate: {dir: " + name +
                                     "}\ntree: {children: [{id: total, actor: counter}]}\nrun: []\n");
  };
  const auto two = run({"run", file("one"), file("two")});
  EXPECT_EQ(two.code, 2);
  EXPECT_NE(two.err.find("different state directories"), std::string::npos) << two.err;
  EXPECT_EQ(run({"run", file("one"), file("two"), "--state", state()}).code, 0);
  const auto runs = store::reader{state()}.runs();
  ASSERT_EQ(runs.size(), 1U) << "one program, one line of numbers";
  EXPECT_EQ(runs[0].scenario, "two");
}

TEST_F(kept_state, that_cannot_be_kept_stops_nothing_and_is_said_once) {
  const auto program = start_scenario(write("scenario.yaml", long_run), {"--state", state()});
  ASSERT_FALSE(program->wait_for(of_kind("ready", "/root/workers")).is_null());
  std::filesystem::remove_all(state());
  std::ofstream{state()} << "in the way";
  const auto provoke = [&] {
    ::kill(children_of(program->pid()).back(), SIGKILL);
    return program->wait_for(of_kind("recover"));
  };
  json told;
  for (int i = 0; i < 10 && told.is_null(); ++i) {
    provoke();
    told = program->wait_for(of_kind("warn"), 1, milliseconds{1'500});
  }
  ASSERT_FALSE(told.is_null());
  EXPECT_NE(told.at("text").get<std::string>().find("the state cannot be written"), std::string::npos);
  program->signal(SIGTERM);
  const auto out = program->wait();
  EXPECT_EQ(out.code, 143) << out.err;
  std::size_t seen = 0;
  for (auto at = out.err.find("the state cannot be written"); at != std::string::npos;
       at = out.err.find("the state cannot be written", at + 1))
    ++seen;
  EXPECT_EQ(seen, 1U) << out.err;
  EXPECT_NE(out.err.find("the last events are not in the state directory"), std::string::npos);
}

#if !STEWARD_SANITIZED

TEST_F(kept_state, has_the_last_words_of_a_program_that_dies_of_a_signal) {
  const auto file = write("scenario.yaml",
                          "scenario: s\ntree: {children: [{id: p, pool: {task: die, runs_in: threads, workers: 1}}]}\n"
                          "run: [{map: {pool: p, inputs: [segfault]}}]\n");
  subprocess program{{STEWARD_FRAGILE, "main", "run", file, "--state", state()}, {}};
  const auto ended = program.wait(subprocess::clock::now() + run_limit);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->signal, SIGSEGV);
  EXPECT_TRUE(reap_children(subprocess::clock::now() + run_limit).empty());
  const auto expect_told = [&] {
    store::reader in{state()};
    const auto run = in.runs().front();
    EXPECT_EQ(run.status, store::run_status::ended);
    EXPECT_EQ(run.code, 128 + SIGSEGV);
    const auto view = in.view_at(run);
    EXPECT_TRUE(view.died);
    EXPECT_EQ(view.missing, 0U);
    ASSERT_EQ(view.crashes.size(), 1U);
    EXPECT_EQ(view.crashes[0].path, "/root/p");
    EXPECT_EQ(view.crashes[0].why.signal, SIGSEGV);
  };
  expect_told();
  EXPECT_EQ(run({"run", "square", "--state", state()}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(state() + "/last_words.jsonl")) << "the next run has taken them in";
  expect_told();
}

#endif

TEST_F(kept_state, of_somebody_else_or_behind_a_link_is_refused) {
  std::filesystem::create_directory(path("elsewhere"));
  std::filesystem::create_directory_symlink(path("elsewhere"), state());
  const auto out = run({"run", "square", "--state", state()});
  EXPECT_EQ(out.code, 5);
  EXPECT_NE(out.err.find("it is a symbolic link; nothing was started"), std::string::npos) << out.err;
  EXPECT_EQ(run({"run", "square", "--state", ""}).code, 2);
}

}  // namespace
}  // namespace steward::test
