#include "cli/views/events_file.hpp"

#include "cli/exit_codes.hpp"
#include "cli/views/runs.hpp"
#include "tests/views/history.hpp"

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <thread>

namespace {

using namespace steward;
using namespace steward::cli;
using testing::ElementsAre;
using testing::HasSubstr;

class events_files : public testing::Test {
protected:
  static std::vector<std::uint64_t> numbers_in(run_source& from, std::uint64_t after = 0) {
    std::vector<std::uint64_t> out;
    from.events_after(after, [&](const event& e) {
      out.push_back(e.seq);
      return true;
    });
    return out;
  }
  static test::history named(const std::string& run, const std::string& scenario) {
    test::history out{run};
    out.begins(scenario);
    out.ends(0);
    return out;
  }
  /// What is said where it cannot be looked at.
  static std::pair<std::string, int> fault_of(const std::string& path, const std::string& run = {}) {
    try {
      events_file{path, run};
    } catch (const cannot_look& x) {
      return {x.what(), x.code()};
    }
    return {};
  }

  test::scratch folder_;
};

}  // namespace

TEST_F(events_files, the_view_is_the_fold_of_all_events) {
  const auto told = test::usual_history();
  events_file file{folder_.write("e.jsonl", told.text())};
  EXPECT_EQ(file.view(), told.folded());
  EXPECT_TRUE(file.remarks().empty());
}

TEST_F(events_files, list_their_runs_with_times_ends_and_crashes) {
  auto first = test::usual_history();
  first.ends(1);
  test::history second{"r-2"};
  second.begins("later");
  second.adds("/root/a", "actor", "counter");
  const auto file = folder_.write("two.jsonl", first.text() + second.text());
  const auto all = runs_of(file);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, "r-1");
  EXPECT_EQ(all[0].scenario, "shop");
  EXPECT_EQ(all[0].crashes, 2U);
  EXPECT_EQ(all[0].code, 1);
  EXPECT_EQ(*all[0].ended - *all[0].started, std::chrono::seconds{17});
  EXPECT_FALSE(all[1].ended.has_value());
  const test::variable zone{"TZ", "UTC"};
  ::tzset();
  EXPECT_EQ(render_runs(all, *all[1].last, {0, false, true}),
            "RUN  SCENARIO  BEGAN                LASTED  END          CRASHES\n"
            "r-1  shop      2023-11-14 22:13:21  17.0 s  exit code 1        2\n"
            "r-2  later     2023-11-14 22:13:21   3.0 s  not told           0\n");
  EXPECT_EQ(events_file(file, "shop").view().run, "r-1") << "by its scenario, as of a run directory";
}

TEST_F(events_files, of_several_runs_the_last_one_counts_and_the_others_are_remarked) {
  const auto path = folder_.write("e.jsonl", named("r-1", "first").text() + named("r-2", "second").text());
  events_file last{path};
  EXPECT_EQ(last.view().run, "r-2");
  EXPECT_THAT(last.remarks(), ElementsAre(HasSubstr("1 run besides r-2: r-1 (first); --run ID names one, and ")));
  events_file first{path, "r-1"};
  EXPECT_EQ(first.view().scenario->name, "first");
  EXPECT_EQ(first.view().runs_before, 0U);
}

TEST_F(events_files, runs_that_wrote_at_the_same_time_are_told_apart) {
  const auto a = test::usual_history();
  auto b = named("r-2", "other");
  std::string text;
  test::history lines{"r-1"};
  for (std::size_t i = 0; i < a.events.size(); ++i) {
    lines.events = {a.events[i]};
    text += lines.text();
    if (i < b.events.size()) {
      lines.events = {b.events[i]};
      text += lines.text();
    }
  }
  events_file file{folder_.write("e.jsonl", text), "r-1"};
  EXPECT_EQ(file.view(), a.folded());
}

TEST_F(events_files, a_torn_end_is_left_out_and_remarked) {
  const auto told = test::usual_history();
  auto text = told.text();
  text.resize(text.size() - 10);
  events_file file{folder_.write("e.jsonl", text)};
  EXPECT_EQ(file.view().last_seq, told.events.size() - 1);
  EXPECT_THAT(file.remarks(), ElementsAre(HasSubstr("its last line is torn")));
}

TEST_F(events_files, a_line_that_is_no_event_is_left_out_and_remarked) {
  events_file file{folder_.write("e.jsonl", named("r-1", "a").text() + "{\"v\":1}\n" + named("r-1", "a").text())};
  EXPECT_THAT(file.remarks(), ElementsAre(HasSubstr("1 line is no events and left out; the first is line 3")));
}

TEST_F(events_files, what_is_no_events_file_is_refused_with_the_reason) {
  EXPECT_THAT(fault_of(folder_.write("a", "hello\nthere\n")).first, HasSubstr("it is no events file: line 1"));
  EXPECT_EQ(fault_of(folder_.path("a")).second, exit_usage);
  EXPECT_THAT(fault_of(folder_.write("empty", "")).first, HasSubstr("it has no events"));
  EXPECT_EQ(fault_of(folder_.path("none")).second, exit_no_such_run);
}

TEST_F(events_files, a_run_that_is_not_there_is_refused_with_those_that_are) {
  const auto path = folder_.write("e.jsonl", named("r-1111", "a").text() + named("r-2222", "b").text());
  const auto [why, code] = fault_of(path, "r-2223");
  EXPECT_THAT(why, HasSubstr("there is no run 'r-2223' (did you mean 'r-2222'?); it has r-1111, r-2222"));
  EXPECT_EQ(code, exit_no_such_run);
}

TEST_F(events_files, what_comes_through_a_pipe_is_read_to_its_end) {
  const auto told = test::usual_history();
  const auto path = folder_.path("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer{[&] { std::ofstream{path} << told.text(); }};
  events_file file{path};
  writer.join();
  EXPECT_EQ(file.view(), told.folded());
  EXPECT_EQ(numbers_in(file, 3).front(), 4U);
}

TEST_F(events_files, a_moment_is_the_fold_up_to_it) {
  const auto told = test::usual_history();
  events_file file{folder_.write("e.jsonl", told.text())};
  for (std::uint64_t seq = 1; seq <= told.events.size(); ++seq) {
    run_view expected;
    for (std::uint64_t i = 0; i < seq; ++i) fold(expected, told.events[i]);
    moment when;
    when.seq = seq;
    EXPECT_EQ(file.view_at(when), expected) << seq;
    moment then;
    then.at = told.events[seq - 1].ts;
    EXPECT_EQ(file.view_at(then), expected) << seq;
  }
  moment crash;
  crash.crash = "c-0002";
  EXPECT_EQ(file.view_at(crash).crash_count, 2U);
}

TEST_F(events_files, following_goes_on_through_growth_and_rotation_until_the_end_of_the_run) {
  auto told = test::usual_history();
  const auto half = told.events.size() / 2;
  test::history first{"r-1"};
  first.events.assign(told.events.begin(), told.events.begin() + static_cast<std::ptrdiff_t>(half));
  const auto path = folder_.write("e.jsonl", first.text());
  events_file file{path};
  std::vector<std::uint64_t> seen;
  int waits = 0;
  const auto wait = [&](std::chrono::milliseconds) {
    test::history more{"r-1"};
    ++waits;
    if (waits == 1) {  // it grows, with half a line
      more.events = {told.events[half]};
      std::ofstream{path, std::ios::app} << more.text().substr(0, 20);
    } else if (waits == 2) {
      more.events = {told.events[half]};
      std::ofstream{path, std::ios::app} << more.text().substr(20);
    } else if (waits == 3) {  // it is renamed, and a new one begins
      std::rename(path.c_str(), folder_.path("e.1.jsonl").c_str());
      auto rest = told;
      rest.events.erase(rest.events.begin(), rest.events.begin() + static_cast<std::ptrdiff_t>(half + 1));
      rest.events.push_back(told.events.back());
      rest.events.back().seq = told.events.size() + 1;
      rest.events.back().kind = event_kind::run_end;
      std::ofstream{path} << rest.text();
    }
    return waits < 10;
  };
  file.follow(
      2,
      [&](const event& e) {
        seen.push_back(e.seq);
        return true;
      },
      wait);
  ASSERT_EQ(seen.size(), told.events.size() - 1);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i + 3);
  EXPECT_LT(waits, 10) << "the end of the run ends it";
}
