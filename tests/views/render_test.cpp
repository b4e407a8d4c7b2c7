#include "cli/explain.hpp"
#include "cli/views/child_name.hpp"
#include "cli/views/log.hpp"
#include "cli/views/ps.hpp"
#include "cli/views/report.hpp"
#include "cli/views/run_source.hpp"
#include "cli/views/runs.hpp"
#include "cli/views/scene.hpp"
#include "cli/views/show.hpp"
#include "cli/views/top_model.hpp"
#include "cli/views/tree.hpp"
#include "observe/cause_words.hpp"
#include "observe/frame_list.hpp"
#include "tests/views/history.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <ctime>
#include <sstream>

// What the views draw of histories that are made by hand, word for word.

namespace {

using namespace steward;
using namespace steward::cli;
using testing::HasSubstr;
using testing::Not;

const paper wide{0, false, true};

/// A run whose events are in memory.
class told_run : public run_source {
public:
  explicit told_run(test::history what) : what_(std::move(what)) {}

  run_view view() override { return what_.folded(); }
  void events_after(std::uint64_t after, const event_taker& f) override {
    for (const auto& e : what_.events)
      if (e.seq > after && !f(e)) return;
  }
  void follow(std::uint64_t, const event_taker&, const patience&) override {}
  bool is_live() const override { return false; }

private:
  test::history what_;
};

scene live(const run_view& view) { return {view, view.now, run_state::live}; }

class rendered : public testing::Test {
protected:
  rendered() : zone_("TZ", "UTC") { ::tzset(); }

  test::history history_ = test::usual_history();
  run_view view_ = history_.folded();

private:
  test::variable zone_;
};

}  // namespace

TEST_F(rendered, ps_has_a_line_for_each_child_in_the_order_of_the_tree) {
  EXPECT_EQ(render_ps(live(view_), false, wide),
            "PATH              KIND        IN       STATUS  INC   PID  RESTARTS  UP SINCE\n"
            "/root             supervisor           up        1               0  22:13:30\n"
            "/root/total       actor       thread   up        2               1  22:13:33\n"
            "/root/squares     pool        process  up        1               0  22:13:28\n"
            "/root/squares/w1  worker      process  up        2  4243         1  22:13:37\n");
}

TEST_F(rendered, ps_shows_figures_where_there_are_samples) {
  sample x;
  x.path = "/root/total";
  x.at = view_.now;
  x.waiting = 12;
  fold(view_, x);
  x = {};
  x.path = "/root/squares/w1";
  x.at = view_.now;
  x.cpu_percent = 97.5;
  x.rss_kib = 20'480;
  fold(view_, x);
  const auto text = render_ps(live(view_), false, wide);
  EXPECT_THAT(text, HasSubstr("UP SINCE     CPU    MEMORY  WAITING\n"));
  EXPECT_THAT(text, HasSubstr("22:13:33                         12\n"));
  EXPECT_THAT(text, HasSubstr("22:13:37  97.5 %  20.0 MiB\n"));
}

TEST_F(rendered, ps_wide_has_the_budget_and_the_last_crash) {
  const auto text = render_ps(live(view_), true, wide);
  EXPECT_THAT(text, HasSubstr("permanent  0 of 3 in 5 s   c-0001      std::runtime_error: boom\n"));
}

TEST_F(rendered, what_a_run_has_left_without_an_end_is_told_as_the_last_that_is_known) {
  const scene lost{view_, view_.now, state_of(view_, false)};
  const auto text = render_ps(lost, false, wide);
  EXPECT_THAT(text, HasSubstr("LAST STATUS"));
  EXPECT_THAT(text, HasSubstr("/root/total       actor       thread   was up "));
  EXPECT_THAT(text, Not(HasSubstr("  up ")));
  EXPECT_THAT(render_tree(lost, wide), HasSubstr("├─ total    actor counter           was up"));
  const auto json = nlohmann::json::parse(render_ps_json(lost));
  EXPECT_EQ(json.at("state"), "lost");
  EXPECT_EQ(json.at("as_of"), "2023-11-14T22:13:37.000000Z");
  EXPECT_EQ(json.at("run").at("run"), "r-1");
  EXPECT_EQ(json.at("children").size(), 4U);
  EXPECT_THAT(render_report_text({view_, false, view_.now, {}}, wide), HasSubstr("LAST STATUS"));
  history_.ends(0);
  const auto ended = history_.folded();
  EXPECT_EQ(state_of(ended, false), run_state::over);
}

TEST_F(rendered, workers_that_are_down_are_left_out_unless_they_are_asked_for) {
  auto& gone = history_.next(event_kind::stop, "/root/squares/w1", 2);
  gone.text = "idle";
  const auto view = history_.folded();
  auto shown = live(view);
  EXPECT_THAT(render_ps(shown, false, wide), Not(HasSubstr("/root/squares/w1")));
  EXPECT_THAT(render_ps_json(shown), Not(HasSubstr("/root/squares/w1")));
  EXPECT_THAT(render_tree(shown, wide), Not(HasSubstr("w1")));
  EXPECT_EQ(shown.left_out(), 1U);
  shown.all = true;
  EXPECT_THAT(render_ps(shown, false, wide), HasSubstr("/root/squares/w1  worker      process  stopped"));
  EXPECT_THAT(render_tree(shown, wide), HasSubstr("w1"));
  EXPECT_EQ(shown.left_out(), 0U);
}

namespace {

/// A crash of an actor whose restart waits.
void crashes_after(test::history& to, std::uint64_t incarnation, std::int64_t delay_ms) {
  to.crashes("/root/total", incarnation, 1, 3);
  to.events[to.events.size() - 3].decision->delay_ms = delay_ms;
}

}  // namespace

TEST_F(rendered, a_child_that_does_not_come_to_rest_is_flapping) {
  for (const std::int64_t delay : {0, 110, 200}) crashes_after(history_, history_.events.size(), delay);
  auto view = history_.folded();
  EXPECT_TRUE(flapping_children(view, view.now).empty()) << "three may be chance";
  crashes_after(history_, history_.events.size(), 400);
  view = history_.folded();
  EXPECT_THAT(flapping_children(view, view.now), testing::ElementsAre("/root/total"));
  EXPECT_THAT(render_ps(live(view), false, wide), HasSubstr("up, flapping"));
  EXPECT_THAT(render_tree(live(view), wide), HasSubstr("up, flapping"));
  EXPECT_THAT(render_ps_json(live(view)), HasSubstr("\"flapping\":[\"/root/total\"]"));
  const run_report report{view, true, view.now, {}};
  EXPECT_THAT(render_report_text(report, wide), HasSubstr("flapping, restarted again and again without coming to rest: "
                                                          "/root/total\n"));
  EXPECT_EQ(nlohmann::json::parse(render_report_json(report)).at("children").at(0).at("flapping"), true);
  EXPECT_TRUE(flapping_children(view, view.now + flapping_rest).empty()) << "it has come to rest";
  crashes_after(history_, history_.events.size(), 0);
  view = history_.folded();
  EXPECT_TRUE(flapping_children(view, view.now).empty()) << "its delays have begun anew";
}

TEST_F(rendered, the_tree_has_lines_in_utf8_and_in_ascii) {
  EXPECT_EQ(render_tree(live(view_), wide),
            "/root       supervisor one_for_one  up  for 7.0 s, budget of its children 0 of 3 in 5 s\n"
            "├─ total    actor counter           up  for 4.0 s, incarnation 2, 1 restart, 1 crash\n"
            "└─ squares  pool square             up  for 9.0 s, 1 worker, budget of its workers 1 of 20 in 5 s\n"
            "   └─ w1    worker                  up  for 0.0 ms, pid 4243, incarnation 2, 1 restart, 1 crash\n");
  const auto ascii = render_tree(live(view_), {0, false, false});
  EXPECT_THAT(ascii, HasSubstr("|- total "));
  EXPECT_THAT(ascii, HasSubstr("   `- w1 "));
}

TEST_F(rendered, the_tree_counts_a_back_off_down) {
  auto& e = history_.next(event_kind::backoff, "/root/total", 2);
  e.decision.emplace().delay_ms = 1'500;
  const auto view = history_.folded();
  EXPECT_THAT(render_tree({view, view.now + std::chrono::milliseconds{300}, run_state::live}, wide),
              HasSubstr("restarting, in 1.2 s"));
  EXPECT_THAT(render_tree({view, view.now + std::chrono::seconds{2}, run_state::live}, wide),
              HasSubstr("restarting  "));
}

TEST_F(rendered, a_report_counts_crashes_recoveries_and_tasks) {
  auto& lost = history_.next(event_kind::dead_letter, "/root/total");
  lost.lost = 4;
  auto& failed = history_.next(event_kind::task_fail, "/root/squares");
  failed.task = event_task{9, "square", "9", 1, 3, 1.0};
  history_.ends(1);
  const auto view = history_.folded();
  const run_report report{view, false, view.now, {"a gap"}};
  const auto text = render_report_text(report, wide);
  EXPECT_THAT(text, HasSubstr("shop, r-1, since 2023-11-14 22:13:21: over after 19.0 s, exit code 1\n"
                              "2 crashes of 2 kinds; 2 recoveries: p50 2000 ms, p99 3000 ms, max 3000 ms\n"
                              "2 restarts, 0 hangs, 0 interventions\n"
                              "tasks: 1 retried, 1 lost (0 quarantined, 1 failed, 0 given up)\n"
                              "4 messages lost\n"
                              "note: a gap\n"));
  EXPECT_THAT(text, HasSubstr("COUNT  WHERE          CAUSE\n"
                              "    1  /root/squares  SIGSEGV\n"
                              "    1  /root/total    std::runtime_error\n"));
  EXPECT_THAT(text,
              HasSubstr("CHILD          STATUS   RESTARTS  CRASHES  DOWN FOR  LOST MESSAGES  LAST CRASH  ITS CAUSE\n"
                        "/root/total    stopped         1        1     2.0 s              4  c-0001      "
                        "std::runtime_error: boom\n"));
  EXPECT_THAT(text, HasSubstr("POOL           SUBMITTED  DONE  RETRIED  QUARANTINED  FAILED  GIVEN UP  CANCELLED\n"
                              "/root/squares          ?     ?        1            0       1         0          ?\n"));
}

TEST_F(rendered, a_report_of_a_program_that_was_killed_tells_what_went_with_it) {
  auto view = history_.folded();
  sample one;
  one.at = view.now;
  one.path = "/root/total";
  one.waiting = 3;
  fold(view, one);
  one.path = "/root/squares";
  one.waiting = {};
  one.queued = 5;
  one.running = 1;
  fold(view, one);
  const run_report report{view, false, view.now, {}};
  EXPECT_EQ(report.state, run_state::lost);
  EXPECT_THAT(render_report_text(report, wide), HasSubstr("gone with the program, as last seen at "));
  EXPECT_THAT(render_report_text(report, wide), HasSubstr(": 3 messages that waited, 6 tasks that were not over\n"));
  EXPECT_EQ(nlohmann::json::parse(render_report_json(report)).at("unfinished").at("tasks"), 6);
  EXPECT_THAT(render_report_text({view, true, view.now, {}}, wide), Not(HasSubstr("gone with the program")));
}

TEST_F(rendered, a_report_as_json_and_markdown_and_junit_says_the_same) {
  history_.ends(1);
  const auto view = history_.folded();
  const run_report report{view, false, view.now, {}};
  const auto json = nlohmann::json::parse(render_report_json(report));
  EXPECT_EQ(json.at("recovery").at("max_ms"), 3'000.0);
  EXPECT_EQ(json.at("crashes").size(), 2U);
  EXPECT_EQ(json.at("pools").at(0).at("retried"), 1);
  EXPECT_EQ(json.at("run").at("run"), "r-1");
  EXPECT_THAT(render_report_markdown(report), HasSubstr("| 1 | /root/total | std::runtime\\_error |\n"));
  const auto junit = render_report_junit(report);
  EXPECT_THAT(junit, HasSubstr("<testsuite name=\"shop\" tests=\"4\" failures=\"1\""));
  EXPECT_THAT(junit, HasSubstr("name=\"run\"><failure message=\"exit code 1\"/>"));
}

TEST_F(rendered, junit_escapes_what_a_worker_sent) {
  auto& e = history_.next(event_kind::crash, "/root/total", 2);
  e.why.emplace().cls = cause_class::exception;
  e.why->exception = "evil<\"&>";
  e.decision.emplace().action = "end";
  const auto view = history_.folded();
  EXPECT_THAT(render_report_junit({view, false, view.now, {}}), HasSubstr("evil&lt;&quot;&amp;&gt;"));
}

TEST_F(rendered, a_gap_in_the_events_is_said) {
  history_.events.erase(history_.events.begin() + 3, history_.events.begin() + 5);
  const auto gaps = gaps_of(history_.folded());
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_THAT(gaps[0], HasSubstr("2 events are missing (numbers 4-5)"));
}

TEST_F(rendered, a_crash_is_shown_whole) {
  told_run run{history_};
  const auto crash = find_crash(run, "c-0002");
  const auto text = render_crash(crash, view_.now, "shop.jsonl", wide);
  EXPECT_THAT(text, HasSubstr("c-0002    /root/squares/w1, incarnation 1, worker of square, in a process, pid 4242\n"
                              "when      2023-11-14 22:13:34, event 14\n"
                              "alike     f-00000002: the only one of its kind\n"
                              "why       SIGSEGV at 0x10 in work at work.cpp:3"));
  EXPECT_THAT(text, HasSubstr("          Segmentation fault: nothing is mapped at that address (SEGV_MAPERR)\n"
                              "          a fault of its own; steward sent no signal\n"
                              "where     #0  work at work.cpp:3 (shop+0x1)\n"
                              "          #1  deeper at work.cpp:9 (shop+0x2)\n"
                              "              the same 2 times more\n"
                              "in hand   task 3 square(7), attempt 1 of 3, ran 0.9 ms\n"));
  EXPECT_THAT(text, HasSubstr("stderr    about to square 7\n"));
  EXPECT_THAT(text, HasSubstr("before    22:13:29.000  READY    /root/squares/w1    pid 4242\n"));
  EXPECT_THAT(text, HasSubstr("decided   restart 1 of 20 in 5 s, now; task 3 runs again on another worker\n"
                              "          ready again 3000 ms after the crash\n"));
  EXPECT_THAT(text, HasSubstr("after     22:13:35.000  RETRY "));
  EXPECT_THAT(text, HasSubstr("next      steward log shop.jsonl --actor '/root/squares/w1'\n"
                              "          steward tree shop.jsonl --at c-0002\n"));
}

TEST_F(rendered, the_ladder_leads_from_the_child_to_the_end_of_the_run) {
  told_run run{history_};
  EXPECT_THAT(find_crash(run, "1").ladder,
              testing::ElementsAre("it may be restarted 2 times more, after 100 ms, 200 ms (used: 1 of 3 in 5 s); "
                                   "after 30.0 s without a crash the delays begin anew",
                                   "then /root gives up, and the run ends with exit code 4"));
}

TEST_F(rendered, the_ladder_says_what_follows_when_a_budget_of_its_own_is_spent) {
  auto& what = history_.next(event_kind::child, "/root/total").child.emplace();
  what.own_limit = 2;
  what.own_period_ms = 60'000;
  what.on_spent = "park";
  what.backoff = event_backoff{500, 1'500, 2.0, 10'000};
  crashes_after(history_, 2, 500);
  history_.events[history_.events.size() - 3].decision->period_ms = 60'000;
  told_run run{history_};
  EXPECT_THAT(
      find_crash(run, "3").ladder,
      testing::ElementsAre("it may be restarted 2 times more, after 1.0 s, 1.5 s (used: 1 of 3 in 60 s); after 10.0 s "
                           "without a crash the delays begin anew",
                           "then it is parked: it stays down, its messages wait, and the rest goes on"));
}

TEST_F(rendered, of_many_frames_those_of_the_users_code_are_shown_first) {
  std::vector<std::string> frames{"abort+0x1 (libc.so.6+0x22)",
                                  "std::__throw_out_of_range(char const*)+0x3 (libstdc++.so.6+0x1)",
                                  "shop::price at shop.cpp:12 (shop+0x1)", "_ZN4shop5orderEi+0x4 (shop+0x2)"};
  frames.push_back("_ZSt13__invoke_implIlZN7steward6detail14task_signatureIPFlRKNS0_12task_context_+0x4e (shop+0x9)");
  for (int i = 0; i < 20; ++i) frames.push_back("caf::scheduled_actor::consume" + std::to_string(i) + " (shop+0x3)");
  const auto lines = frame_lines(frames, usual_frames);
  EXPECT_THAT(lines,
              testing::ElementsAre("#2  shop::price at shop.cpp:12 (shop+0x1)", "#3  shop::order(int)+0x4 (shop+0x2)",
                                   "#0  abort+0x1 (libc.so.6+0x22)", HasSubstr("#1  std::__throw_out_of_range"),
                                   "    21 frames are not shown; --frames all shows them"));
  for (const char* ours :
       {"main (shop+0x1)", "void shop::sort<int>(int*)+0x2 (shop+0x1)", "abort_order at shop.cpp:3 (shop+0x9)",
        "steward::ready_made::square at tasks.cpp:3 (shop+0x1)", "shop+0x41f2c"})
    EXPECT_TRUE(is_of_users(ours)) << ours;
  for (const char* theirs :
       {"void std::sort<int*>(int*, int*)+0x2 (shop+0x1)", "operator new(unsigned long)+0x1 (shop+0x1)",
        "steward::pooling::engine::run at engine.cpp:3 (shop+0x1)", "libc.so.6+0x22", "0x7f0000000000"})
    EXPECT_FALSE(is_of_users(theirs)) << theirs;
  const auto all = frame_lines(frames, 0);
  EXPECT_EQ(all.size(), frames.size());
  EXPECT_EQ(all[0], "#0  abort+0x1 (libc.so.6+0x22)");
  frames.erase(frames.begin() + 2, frames.begin() + 4);
  const auto foreign = frame_lines(frames, 3);
  EXPECT_EQ(foreign[0], "#0  abort+0x1 (libc.so.6+0x22)") << "there is nothing else";
  EXPECT_EQ(foreign[2], "#2  std::__invoke_impl<...>+0x4e (shop+0x9)");
}

TEST_F(rendered, what_a_worker_printed_stands_beside_its_standard_error) {
  auto& line = history_.next(event_kind::output, "/root/squares/w1", 2);
  line.text = "squaring 9";
  auto& other = history_.next(event_kind::output, "/root/squares/w2", 1);
  other.text = "not mine";
  auto& death = history_.next(event_kind::crash, "/root/squares/w1", 2);
  death.id = history_.next_crash();
  death.why.emplace().cls = cause_class::signal;
  death.decision.emplace().action = "restart";
  told_run run{history_};
  const auto crash = find_crash(run, "/root/squares/w1");
  EXPECT_THAT(render_crash(crash, view_.now, {}, wide), HasSubstr("stdout    squaring 9\n"));
  EXPECT_THAT(crash.printed, testing::ElementsAre("squaring 9"));
}

TEST(child_names, are_paths_or_their_ends) {
  test::history what;
  what.begins("shop");
  for (const char* path : {"/root/a/total", "/root/b/total", "/root/b/list"}) what.adds(path, "actor", "counter");
  const auto view = what.folded();
  EXPECT_EQ(child_named(view, "/root/a/total", 1), "/root/a/total");
  EXPECT_EQ(child_named(view, "list", 1), "/root/b/list");
  EXPECT_EQ(child_named(view, "a/total", 1), "/root/a/total");
  const auto fault = [&](const char* word) {
    try {
      child_named(view, word, 1);
    } catch (const cannot_look& x) {
      return std::string{x.what()};
    }
    return std::string{};
  };
  EXPECT_THAT(fault("total"),
              HasSubstr("several children are called 'total'; name one by its path: /root/a/total, /root/b/total"));
  EXPECT_THAT(fault("lisst"), HasSubstr("there is no child 'lisst' (did you mean '/root/b/list'?)"));
  EXPECT_THAT(fault("otal"), HasSubstr("there is no child 'otal'")) << "not a part of a name";
}

namespace {

/// The titles of a table: what is between two blanks or more.
std::vector<std::string> titles_of(const std::string& line) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < line.size();) {
    const auto end = std::min(line.find("  ", at), line.size());
    if (end > at) out.push_back(line.substr(at, end - at));
    at = std::min(line.find_first_not_of(' ', end), line.size());
  }
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

TEST_F(rendered, every_heading_and_status_is_explained) {
  std::vector<std::string> words;
  const auto add = [&](const std::string& line) {
    for (auto& one : titles_of(line)) words.push_back(std::move(one));
  };
  auto& hung = history_.next(event_kind::child, "/root/squares").child.emplace();
  hung.kind = "pool";
  sample x;
  x.path = "/root/total";
  x.at = view_.now;
  x.waiting = 12;
  x.cpu_percent = 1.0;
  x.rss_kib = 1;
  view_ = history_.folded();
  fold(view_, x);
  add(lines_of(render_ps(live(view_), true, wide)).front());
  add(lines_of(render_ps({view_, view_.now, run_state::lost}, true, wide)).front());
  add(lines_of(render_runs({{"r-1", "shop", view_.now, view_.now, view_.now, 0, 7, 1, false, false}}, view_.now, wide))
          .front());
  const auto report = lines_of(render_report_text({view_, true, view_.now, {}}, wide));
  for (std::size_t i = 1; i < report.size(); ++i)
    if (report[i - 1].find(" by ") != std::string::npos || report[i - 1].ends_with("alike")) add(report[i]);
  for (const auto& line : draw_top(view_, {}, {}, {}, view_.now, true, true)) {
    std::string text;
    for (const auto& one : line.parts) text += one.text;
    if (text.starts_with("CHILD") || text.starts_with("LAST CRASHES")) add(text);
  }
  told_run run{history_};
  for (const auto& line : lines_of(render_crash(find_crash(run, "2"), view_.now, {}, wide)))
    if (line.front() != ' ') words.push_back(line.substr(0, line.find("  ")));
  for (int i = 0; i <= int(view_status::gave_up); ++i) {
    words.emplace_back(to_string(static_cast<view_status>(i)));
    words.push_back("was " + words.back());
  }
  for (const auto state : {run_state::live, run_state::over, run_state::lost, run_state::past})
    words.emplace_back(to_string(state));
  words.emplace_back("flapping");
  EXPECT_GT(words.size(), 70U);
  for (const auto& one : words) EXPECT_TRUE(one.starts_with("c-") || is_explained(one)) << "'" << one << "'";
}

TEST_F(rendered, a_crash_is_found_by_number_and_by_fingerprint) {
  told_run run{history_};
  EXPECT_EQ(find_crash(run, "2").crash.id, "c-0002");
  EXPECT_EQ(find_crash(run, "f-00000002").crash.id, "c-0002");
  EXPECT_EQ(find_crash(run, "c-1").crash.id, "c-0001");
}

TEST_F(rendered, an_unknown_crash_is_refused_with_a_suggestion) {
  told_run run{history_};
  try {
    find_crash(run, "c-0020");
    FAIL() << "there is no such crash";
  } catch (const cannot_look& x) {
    EXPECT_STREQ(x.what(), "there is no crash 'c-0020' (did you mean 'c-0002'?); there are c-0001 to c-0002");
    EXPECT_EQ(x.code(), 2);
  }
}

TEST_F(rendered, a_crash_that_the_view_has_forgotten_is_found_in_the_events) {
  for (std::uint64_t i = 0; i < run_view::max_crashes + 5; ++i) history_.crashes("/root/total", 2 + i, 1, 3);
  told_run run{history_};
  EXPECT_EQ(run.view().crash("c-0002"), nullptr);
  const auto crash = find_crash(run, "c-0002");
  EXPECT_TRUE(crash.has_history);
  EXPECT_EQ(crash.crash.path, "/root/squares/w1");
}

TEST_F(rendered, a_crash_as_json_has_the_events_around_it) {
  told_run run{history_};
  const auto json = nlohmann::json::parse(render_crash_json(find_crash(run, "c-0001")));
  EXPECT_EQ(json.at("crash").at("id"), "c-0001");
  EXPECT_EQ(json.at("before").back().at("kind"), "ready");
  EXPECT_EQ(json.at("after").back().at("kind"), "recover");
  EXPECT_EQ(json.at("alike").at("count"), 1);
}

TEST(cause_words, say_what_a_signal_means_and_who_sent_it) {
  cause why;
  why.cls = cause_class::signal;
  why.signal = SIGKILL;
  EXPECT_EQ(meaning_of(why), "Killed");
  EXPECT_THAT(author_of(why, 7), HasSubstr("steward did not send it: another process did, or it did so itself"));
  why.sender_pid = 99;
  why.sender_uid = 1'000;
  EXPECT_EQ(author_of(why, 7), "pid 99 of uid 1000 sent the signal");
  EXPECT_EQ(author_of(why, 99), "it sent the signal to itself (kill, raise or abort)");
  why = {};
  why.cls = cause_class::deadline;
  why.signal = SIGKILL;
  EXPECT_EQ(author_of(why, 7), "steward ended it: a task ran past its deadline");
  why = {};
  why.cls = cause_class::exit;
  why.code = 139;
  EXPECT_EQ(meaning_of(why), "as shells tell of SIGSEGV");
}

TEST(log_filter, takes_paths_with_all_below_them_and_patterns) {
  const auto takes = [](const char* wanted, const char* actor) {
    log_filter filter;
    filter.actors = {wanted};
    event e;
    e.actor = actor;
    return filter.takes(e);
  };
  EXPECT_TRUE(takes("/root/a", "/root/a"));
  EXPECT_TRUE(takes("/root/a", "/root/a/w1"));
  EXPECT_FALSE(takes("/root/a", "/root/ab"));
  EXPECT_TRUE(takes("/root/*/w1", "/root/a/w1"));
  EXPECT_FALSE(takes("*/w2", "/root/a/w1"));
  EXPECT_TRUE(takes("a", "/root/a")) << "the end of a path is enough";
  EXPECT_TRUE(takes("a", "/root/a/w1"));
  EXPECT_TRUE(takes("root/a", "/root/a/w1"));
  EXPECT_FALSE(takes("a", "/root/ba"));
  EXPECT_FALSE(takes("nothing", ""));
  EXPECT_FALSE(takes("nothing", "program"));
}

TEST(log_filter, takes_kinds_levels_and_times) {
  log_filter filter;
  filter.kinds = {event_kind::crash};
  filter.least = event_level::warn;
  event e;
  e.kind = event_kind::crash;
  e.level = event_level::warn;
  EXPECT_TRUE(filter.takes(e));
  e.level = event_level::info;
  EXPECT_FALSE(filter.takes(e));
  e.level = event_level::error;
  e.kind = event_kind::warn;
  EXPECT_FALSE(filter.takes(e));
  e.kind = event_kind::crash;
  filter.since = e.ts + std::chrono::seconds{1};
  EXPECT_FALSE(filter.takes(e));
}
