#include "cli/views/cause_words.hpp"
#include "cli/views/log.hpp"
#include "cli/views/ps.hpp"
#include "cli/views/report.hpp"
#include "cli/views/run_source.hpp"
#include "cli/views/show.hpp"
#include "cli/views/tree.hpp"
#include "tests/views/history.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <ctime>

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
  EXPECT_EQ(render_ps(view_, view_.now, false, wide),
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
  const auto text = render_ps(view_, view_.now, false, wide);
  EXPECT_THAT(text, HasSubstr("UP SINCE     CPU    MEMORY  WAITING\n"));
  EXPECT_THAT(text, HasSubstr("22:13:33                         12\n"));
  EXPECT_THAT(text, HasSubstr("22:13:37  97.5 %  20.0 MiB\n"));
}

TEST_F(rendered, ps_wide_has_the_budget_and_the_last_crash) {
  const auto text = render_ps(view_, view_.now, true, wide);
  EXPECT_THAT(text, HasSubstr("permanent  0 of 3 in 5 s   c-0001      std::runtime_error: boom\n"));
}

TEST_F(rendered, the_tree_has_lines_in_utf8_and_in_ascii) {
  EXPECT_EQ(render_tree(view_, view_.now, wide),
            "/root       supervisor one_for_one  up  for 7.0 s, budget 0 of 3 in 5 s\n"
            "├─ total    actor counter           up  for 4.0 s, incarnation 2, 1 restart, 1 crash\n"
            "└─ squares  pool square             up  for 9.0 s, 1 worker, budget 1 of 20 in 5 s\n"
            "   └─ w1    worker                  up  for 0.0 ms, pid 4243, incarnation 2, 1 restart, 1 crash\n");
  const auto ascii = render_tree(view_, view_.now, {0, false, false});
  EXPECT_THAT(ascii, HasSubstr("|- total "));
  EXPECT_THAT(ascii, HasSubstr("   `- w1 "));
}

TEST_F(rendered, the_tree_counts_a_back_off_down) {
  auto& e = history_.next(event_kind::backoff, "/root/total", 2);
  e.decision.emplace().delay_ms = 1'500;
  const auto view = history_.folded();
  EXPECT_THAT(render_tree(view, view.now + std::chrono::milliseconds{300}, wide), HasSubstr("restarting, in 1.2 s"));
  EXPECT_THAT(render_tree(view, view.now + std::chrono::seconds{2}, wide), HasSubstr("restarting  "));
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
  EXPECT_THAT(text, HasSubstr("POOL           SUBMITTED  DONE  RETRIED  QUARANTINED  FAILED  GIVEN UP\n"
                              "/root/squares          ?     ?        1            0       1         0\n"));
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
              testing::ElementsAre("it may be restarted 2 times more (used: 1 of 3 in 5 s)",
                                   "then /root gives up, and the run ends with exit code 4"));
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
    EXPECT_STREQ(x.what(), "there is no crash c-0020 (did you mean c-0002?); there are c-0001 to c-0002");
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
  EXPECT_EQ(author_of(why), "somebody else sent the signal, not steward");
  why.sender_pid = 99;
  why.sender_uid = 1'000;
  EXPECT_EQ(author_of(why), "pid 99 of uid 1000 sent the signal");
  why = {};
  why.cls = cause_class::deadline;
  why.signal = SIGKILL;
  EXPECT_EQ(author_of(why), "steward ended it: a task ran past its deadline");
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
