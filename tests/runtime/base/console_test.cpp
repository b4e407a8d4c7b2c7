#include "observe/console.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
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

TEST_F(console_test, folds_repeats_of_the_same_crash_in_one_pool_and_counts_them) {
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
  EXPECT_EQ(shown_,
            "10:02:11.071  CRASH    /root/squares       same as above, 17 times: SIGSEGV at 0x10\n"
            "10:02:11.090  WARN     /root\n");
}

TEST_F(console_test, tells_what_is_folded_at_the_end_and_only_once) {
  auto console = view();
  for (int i = 0; i < 4; ++i) {
    console.show(segfault());
  }
  shown_.clear();
  console.finish();
  EXPECT_THAT(shown_, HasSubstr("same as above, once: SIGSEGV at 0x10\n"));
  shown_.clear();
  console.finish();
  EXPECT_EQ(shown_, "");
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
