#include "observe/console.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <string>

namespace {

using namespace steward;
using testing::HasSubstr;
using testing::Not;

class console_test : public testing::Test {
protected:
  // The view shows local time; the tests choose which.
  static void SetUpTestSuite() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }

  console_view view(console_detail detail = console_detail::normal, bool colour = false) {
    return console_view{console_options{detail, colour}, [this](std::string_view text) { shown_ += text; }};
  }

  static event at(int milliseconds_after_ten, event_kind kind, event_level level, std::string actor) {
    event e;
    e.ts = std::chrono::system_clock::time_point{std::chrono::hours{10} +
                                                 std::chrono::milliseconds{131'000 + milliseconds_after_ten}};
    e.kind = kind;
    e.level = level;
    e.actor = std::move(actor);
    return e;
  }

  static event segfault(std::string actor = "/root/squares/w2") {
    auto e = at(71, event_kind::crash, event_level::error, std::move(actor));
    e.pid = 4711;
    e.why.emplace();
    e.why->cls = cause_class::signal;
    e.why->signal = SIGSEGV;
    e.why->address = 0x10;
    e.task = event_task{17, "square", "7", 1, 3, 37.25};
    e.task_fate = "requeued";
    e.decision = event_decision{"restart", {}, 1, 3, 5000, 0, {}};
    return e;
  }

  static event recovered(std::string actor = "/root/squares/w2") {
    auto e = at(74, event_kind::recover, event_level::info, std::move(actor));
    e.incarnation = 2;
    e.pid = 4733;
    e.recovery_ms = 3.1;
    return e;
  }

  std::size_t lines() const { return static_cast<std::size_t>(std::count(shown_.begin(), shown_.end(), '\n')); }

  std::string shown_;
};

TEST_F(console_test, tells_a_crash_and_its_recovery_in_one_glance) {
  auto console = view();
  console.show(segfault());
  console.show(at(72, event_kind::restart, event_level::info, "/root/squares/w2"));
  auto retry = at(73, event_kind::task_retry, event_level::info, "/root/squares/w5");
  retry.task = event_task{17, "square", "7", 2, 3, 0.0};
  console.show(retry);
  console.show(recovered());
  EXPECT_EQ(shown_,
            "10:02:11.071  CRASH    /root/squares/w2    SIGSEGV at 0x10\n"
            "                       task 17 square(7), attempt 1 of 3, ran 37.2 ms; pid 4711\n"
            "                       restart 1 of 3 in 5 s, now; task 17 runs again on another worker\n"
            "10:02:11.074  RECOVER  /root/squares/w2#2  3.1 ms after the crash, pid 4733\n");
}

TEST_F(console_test, tells_a_first_start_that_is_tried_again_and_a_limit_that_ends_a_child) {
  auto console = view();
  auto e = segfault("/root/db");
  e.task.reset();
  e.decision = event_decision{"retry", "one_for_one", 2, 5, 0, 200, {}};
  console.show(e);
  EXPECT_THAT(shown_, HasSubstr("start again, 2 of 5, after 200 ms\n"));
  e.decision = event_decision{"end", "one_for_one", 1, 1, 60000, 0, {}};
  console.show(e);
  EXPECT_THAT(shown_, HasSubstr("ended for good: 1 restarts in 60 s are allowed\n"));
}

TEST_F(console_test, tells_what_it_has_folded_before_what_ends_the_work) {
  auto console = view();
  for (int i = 0; i < 8; ++i) {
    auto e = segfault("/root/db");
    e.task.reset();
    e.decision = event_decision{"restart", "one_for_one", 1, 10, 5000, 0, {}};
    console.show(e);
  }
  const auto before = lines();
  console.show(at(90, event_kind::give_up, event_level::error, "/root"));
  const auto more = shown_.find(" more");
  ASSERT_NE(more, std::string::npos) << shown_;
  EXPECT_LT(more, shown_.find("GIVE UP")) << shown_;
  EXPECT_GT(lines(), before + 1);
}

TEST_F(console_test, tells_each_crash_whose_restart_is_the_last_one_that_is_allowed) {
  auto console = view();
  auto e = segfault("/root/db");
  e.task.reset();
  e.decision = event_decision{"restart", "one_for_one", 3, 3, 5000, 0, {}};
  for (int i = 0; i < 8; ++i) console.show(e);
  std::size_t told = 0;
  for (auto i = shown_.find("restart 3 of 3"); i != std::string::npos; i = shown_.find("restart 3 of 3", i + 1)) ++told;
  EXPECT_EQ(told, 8U);
}

TEST_F(console_test, tells_who_intervened) {
  auto console = view();
  auto e = at(0, event_kind::operator_, event_level::info, "/root/counter");
  e.text = "kill of /root/counter";
  e.by = std::string{"uid 1000 (\x1b[31mann)"};
  console.show(e);
  EXPECT_EQ(shown_, "10:02:11.000  OPERATOR /root/counter       kill of /root/counter, by uid 1000 (\\x1b[31mann)\n");
}

TEST_F(console_test, tells_a_restart_that_no_crash_has_announced) {
  auto console = view();
  auto e = at(0, event_kind::restart, event_level::info, "/root/counter");
  e.incarnation = 3;
  console.show(e);
  EXPECT_EQ(shown_, "10:02:11.000  RESTART  /root/counter#3\n");
}

TEST_F(console_test, tells_a_task_retry_that_no_crash_has_announced) {
  auto console = view();
  auto e = at(0, event_kind::task_retry, event_level::info, "/root/squares");
  e.task = event_task{4, "flaky", "", 2, 3, 0.0};
  console.show(e);
  EXPECT_THAT(shown_, HasSubstr("RETRY    /root/squares"));
  EXPECT_THAT(shown_, HasSubstr("task 4 flaky(), attempt 2 of 3\n"));
}

TEST_F(console_test, tells_a_delayed_restart_within_the_block_of_the_crash) {
  auto console = view();
  auto e = segfault("/root/counter");
  e.task.reset();
  e.decision = event_decision{"restart", "one_for_one", 2, 3, 5000, 200, {"a", "b"}};
  console.show(e);
  console.show(at(72, event_kind::backoff, event_level::info, "/root/counter"));
  EXPECT_THAT(shown_, HasSubstr("restart 2 of 3 in 5 s, after 200 ms; also: a, b\n"));
  EXPECT_THAT(shown_, Not(HasSubstr("BACKOFF")));
}

TEST_F(console_test, shows_starts_and_stops_only_when_verbose) {
  const auto ready = at(0, event_kind::ready, event_level::info, "/root/list");
  auto console = view();
  console.show(ready);
  EXPECT_EQ(shown_, "");
  auto verbose = view(console_detail::verbose);
  verbose.show(ready);
  EXPECT_EQ(shown_, "10:02:11.000  READY    /root/list\n");
}

TEST_F(console_test, shows_warnings_of_any_kind) {
  auto console = view();
  auto e = at(0, event_kind::stop, event_level::warn, "/root/list");
  e.text = "did not stop in time";
  console.show(e);
  EXPECT_THAT(shown_, HasSubstr("STOP     /root/list          did not stop in time\n"));
}

TEST_F(console_test, shows_only_what_ends_work_when_quiet) {
  auto console = view(console_detail::quiet);
  console.show(segfault());
  console.show(recovered());
  EXPECT_EQ(shown_, "");
  console.show(at(80, event_kind::give_up, event_level::error, "/root"));
  EXPECT_EQ(shown_, "10:02:11.080  GIVE UP  /root\n");
}

TEST_F(console_test, leaves_the_output_of_the_run_to_the_run) {
  auto console = view(console_detail::verbose);
  auto e = at(0, event_kind::output, event_level::info, "/root");
  e.text = "Pool Size: 2";
  console.show(e);
  EXPECT_EQ(shown_, "");
}

TEST_F(console_test, folds_repeats_of_the_same_crash_in_one_pool_and_counts_them_by_five_seconds) {
  auto console = view();
  for (int i = 0; i < 20; ++i) {
    const auto worker = "/root/squares/w" + std::to_string(i % 4);
    auto crash = segfault(worker);
    crash.task->id = static_cast<std::uint64_t>(i);
    console.show(crash);
    console.show(at(72, event_kind::restart, event_level::info, worker));
    console.show(recovered(worker));
  }
  EXPECT_EQ(lines(), 3U * 4U);
  shown_.clear();
  console.show(at(90, event_kind::warn, event_level::warn, "/root"));
  EXPECT_EQ(shown_, "10:02:11.090  WARN     /root\n") << "the count is not due yet";
  shown_.clear();
  console.show(at(6'071, event_kind::warn, event_level::warn, "/root"));
  EXPECT_EQ(shown_,
            "10:02:17.071  CRASH    /root/squares       17 more in 6.0 s: SIGSEGV at 0x10\n"
            "10:02:17.071  WARN     /root\n");
}

TEST_F(console_test, tells_what_is_folded_at_the_end_and_only_once) {
  auto console = view();
  for (int i = 0; i < 4; ++i) {
    console.show(segfault());
  }
  shown_.clear();
  console.finish();
  EXPECT_THAT(shown_, HasSubstr("once more: SIGSEGV at 0x10\n"));
  shown_.clear();
  console.finish();
  EXPECT_EQ(shown_, "");
}

TEST_F(console_test, shows_a_repeat_after_a_calm_in_full) {
  auto console = view();
  for (int i = 0; i < 5; ++i) console.show(segfault());
  console.show(at(9'000, event_kind::ready, event_level::info, "/root/squares"));
  shown_.clear();
  auto later = segfault();
  later.ts += std::chrono::seconds(11);
  console.show(later);
  EXPECT_THAT(shown_, testing::StartsWith("10:02:22.071  CRASH    /root/squares/w2    SIGSEGV at 0x10\n"));
}

TEST_F(console_test, never_goes_back_in_time_whatever_is_folded) {
  auto console = view();
  for (int i = 0; i < 3'000; ++i) {
    auto crash = segfault("/root/p" + std::to_string(i % 3) + "/w1");
    crash.why->signal = i % 2 == 0 ? SIGSEGV : SIGBUS;
    crash.ts += std::chrono::milliseconds(10 * i);
    console.show(crash);
    if (i % 100 == 0) {
      auto other = at(0, event_kind::warn, event_level::warn, "/root");
      other.ts = crash.ts;
      console.show(other);
    }
  }
  console.finish();
  std::string last;
  std::istringstream in{shown_};
  std::uint64_t counted = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(' ')) continue;
    const auto time = line.substr(0, 12);
    EXPECT_GE(time, last) << line;
    last = time;
    if (line.find("CRASH") == std::string::npos) continue;
    const auto more = line.find(" more in ");
    counted += more == std::string::npos ? 1 : std::stoul(line.substr(line.rfind(' ', more - 1)));
  }
  EXPECT_EQ(counted, 3'000U) << "each crash is shown or counted";
}

TEST_F(console_test, names_each_lost_task_once_folded_or_not) {
  auto console = view();
  for (int i = 0; i < 90; ++i) {
    auto crash = segfault();
    crash.task->id = static_cast<std::uint64_t>(100 + i);
    crash.task_fate = i % 3 == 0 ? "quarantined" : "requeued";
    console.show(crash);
    auto fate = crash;
    fate.kind = i % 3 == 0 ? event_kind::task_quarantine : event_kind::task_retry;
    fate.decision.reset();
    console.show(fate);
  }
  console.finish();
  EXPECT_THAT(shown_, Not(HasSubstr("POISON"))) << "it is told with the crash";
  EXPECT_THAT(shown_, HasSubstr("task 100 is quarantined\n"));
  std::string named = ",";
  std::istringstream in{shown_};
  for (std::string line; std::getline(in, line);)
    if (const auto from = line.find("lost: tasks"); from != std::string::npos) named += line.substr(from + 11) + ",";
  for (int i = 3; i < 90; i += 3) {
    const auto id = " " + std::to_string(100 + i) + ",";
    const auto first = named.find(id);
    ASSERT_NE(first, std::string::npos) << id << named;
    EXPECT_EQ(named.find(id, first + 1), std::string::npos) << id;
  }
}

TEST_F(console_test, tells_a_deadline_and_what_follows_from_it_as_one_block) {
  auto console = view();
  auto hang = at(0, event_kind::hang, event_level::warn, "/root/p/w1");
  hang.task = event_task{17, "wait_ms", "60000", 1, 3, 300.0};
  hang.task_fate = "none";
  hang.why.emplace();
  hang.why->cls = cause_class::deadline;
  hang.why->message = "longer than 300ms";
  hang.pid = 4711;
  console.show(hang);
  EXPECT_EQ(shown_, "") << "its end is not known yet";
  auto crash = hang;
  crash.ts += std::chrono::milliseconds(5);
  crash.kind = event_kind::crash;
  crash.task_fate = "failed";
  crash.decision = event_decision{"restart", {}, 0, 3, 5000, 0, {}};
  console.show(crash);
  auto failed = crash;
  failed.kind = event_kind::task_fail;
  failed.decision.reset();
  console.show(failed);
  EXPECT_EQ(shown_,
            "10:02:11.005  HANG     /root/p/w1          ran past its deadline: longer than 300ms\n"
            "                       task 17 wait_ms(60000), attempt 1 of 3, ran 300 ms; pid 4711\n"
            "                       restart 0 of 3 in 5 s, now; task 17 is failed\n");
}

TEST_F(console_test, tells_of_a_hang_whose_worker_has_not_ended_at_the_end) {
  auto console = view();
  auto hang = at(0, event_kind::hang, event_level::warn, "/root/p/w1");
  hang.task = event_task{17, "wait_ms", "60000", 1, 3, 300.0};
  console.show(hang);
  console.finish();
  EXPECT_THAT(shown_, HasSubstr("HANG     /root/p/w1\n"));
}

TEST_F(console_test, ends_a_run_with_three_lines_of_what_its_events_come_to) {
  auto console = view();
  for (int i = 0; i < 3; ++i) {
    console.show(segfault());
    console.show(recovered());
  }
  auto exit = segfault("/root/cubes/w1");
  exit.why = cause{};
  exit.why->cls = cause_class::exit;
  exit.why->code = 3;
  console.show(exit);
  console.show(at(75, event_kind::task_retry, event_level::info, "/root/squares/w2"));
  console.show(at(75, event_kind::task_quarantine, event_level::error, "/root/squares/w2"));
  console.show(at(75, event_kind::task_fail, event_level::warn, "/root/squares/w2"));
  shown_.clear();
  console.show(at(80, event_kind::run_end, event_level::info, ""));
  EXPECT_EQ(shown_,
            "10:02:11.080  SUMMARY  4 crashes: /root/squares (3 SIGSEGV), /root/cubes (1 exit code 3)\n"
            "                       3 recoveries, p50 3.1 ms, p99 3.1 ms\n"
            "                       1 task retried, 2 tasks lost (1 quarantined, 1 failed)\n");
  shown_.clear();
  console.show(at(90, event_kind::run_end, event_level::info, ""));
  EXPECT_EQ(shown_,
            "10:02:11.090  SUMMARY  0 crashes\n"
            "                       0 recoveries\n"
            "                       0 tasks retried, 0 tasks lost\n");
}

TEST_F(console_test, sums_up_a_quiet_run_only_when_it_did_not_end_well) {
  auto console = view(console_detail::quiet);
  auto end = at(80, event_kind::run_end, event_level::info, "");
  end.code = 0;
  console.show(end);
  EXPECT_EQ(shown_, "");
  end.code = 1;
  console.show(end);
  EXPECT_THAT(shown_, HasSubstr("SUMMARY"));
}

TEST_F(console_test, shows_dates_when_asked_to_and_each_new_day_when_not) {
  console_view dated{console_options{console_detail::normal, false, true},
                     [this](std::string_view text) { shown_ += text; }};
  dated.show(segfault());
  EXPECT_THAT(shown_, testing::StartsWith("1970-01-01 10:02:11.071  CRASH"));
  EXPECT_THAT(shown_, HasSubstr("\n" + std::string(34, ' ') + "task 17"));
  shown_.clear();
  auto console = view();
  auto e = at(0, event_kind::warn, event_level::warn, "/root");
  console.show(e);
  e.ts += std::chrono::hours(14);
  console.show(e);
  EXPECT_EQ(shown_, "10:02:11.000  WARN     /root\n1970-01-02\n00:02:11.000  WARN     /root\n");
}

TEST_F(console_test, does_not_fold_what_differs_in_cause_place_or_decision) {
  auto console = view();
  for (unsigned i = 0; i < console_view::shown_repeats; ++i) {
    console.show(segfault());
  }
  shown_.clear();
  auto other_cause = segfault();
  other_cause.why->signal = SIGBUS;
  console.show(other_cause);
  console.show(segfault("/root/cubes/w2"));
  auto other_decision = segfault();
  other_decision.decision->action = "give_up";
  console.show(other_decision);
  EXPECT_THAT(shown_, HasSubstr("SIGBUS"));
  EXPECT_THAT(shown_, HasSubstr("/root/cubes/w2"));
  EXPECT_THAT(shown_, HasSubstr("gave up: 3 restarts in 5 s are allowed"));
  other_decision.decision->period_ms = 0;
  other_decision.why->signal = SIGILL;
  console.show(other_decision);
  EXPECT_THAT(shown_, HasSubstr("gave up: 3 failed starts in a row are allowed"));
}

TEST_F(console_test, folds_children_that_are_no_workers_one_by_one) {
  auto console = view();
  for (unsigned i = 0; i < console_view::shown_repeats; ++i) {
    console.show(segfault("/root/writer"));
  }
  shown_.clear();
  console.show(segfault("/root/web"));
  EXPECT_THAT(shown_, HasSubstr("CRASH    /root/web "));
}

TEST_F(console_test, folds_nothing_when_verbose) {
  auto console = view(console_detail::verbose);
  for (int i = 0; i < 20; ++i) {
    console.show(segfault());
  }
  EXPECT_EQ(lines(), 20U * 3U);
}

TEST_F(console_test, escapes_and_cuts_text_that_comes_from_a_worker) {
  auto console = view();
  auto e = segfault();
  e.why = cause{};
  e.why->cls = cause_class::exception;
  e.why->exception = "std::runtime_error";
  e.why->message = "\x1b[2J\nfake line" + std::string(5000, 'x');
  e.task->args = "\x07" + std::string(250, 'y');
  console.show(e);
  EXPECT_EQ(lines(), 3U);
  EXPECT_THAT(shown_, Not(HasSubstr("\x1b")));
  EXPECT_THAT(shown_, Not(HasSubstr("\x07")));
  EXPECT_THAT(shown_, HasSubstr("std::runtime_error: \\x1b[2J\\nfake line"));
  EXPECT_LT(shown_.size(), 900U);
}

TEST_F(console_test, colours_the_kind_only_when_asked_to) {
  auto console = view(console_detail::normal, true);
  console.show(segfault());
  EXPECT_THAT(shown_, HasSubstr("\x1b[31mCRASH    \x1b[0m/root/squares/w2"));
}

}  // namespace
