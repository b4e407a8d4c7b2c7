#include "steward/event.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace steward;

event warning(std::string text) {
  event e;
  e.text = std::move(text);
  return e;
}

TEST(event_log, numbers_events_from_one_without_gaps_and_stamps_run_and_time) {
  event_log log{"r-fixed"};
  std::vector<event> seen;
  log.add_sink([&](const event& e) { seen.push_back(e); });
  const auto before = std::chrono::system_clock::now();
  log.emit(warning("one"));
  log.emit(warning("two"));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].seq, 1U);
  EXPECT_EQ(seen[1].seq, 2U);
  EXPECT_EQ(seen[0].run, "r-fixed");
  EXPECT_EQ(seen[1].text, "two");
  EXPECT_GE(seen[0].ts, before);
  EXPECT_LE(seen[0].ts, seen[1].ts);
}

TEST(event_log, counts_what_nobody_heard) {
  event_log log;
  EXPECT_FALSE(log.heard());
  log.pass_over();
  log.emit(warning("nobody is there"));
  std::vector<event> seen;
  log.add_sink([&](const event& e) { seen.push_back(e); });
  EXPECT_TRUE(log.heard());
  log.emit(warning("one"));
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].seq, 3U);
}

TEST(event_log, hands_each_event_to_every_sink_in_order) {
  event_log log;
  std::string trace;
  log.add_sink([&](const event& e) { trace += "a" + e.text; });
  log.emit(warning("1"));
  log.add_sink([&](const event& e) { trace += "b" + e.text; });
  log.emit(warning("2"));
  EXPECT_EQ(trace, "a1a2b2");
}

TEST(event_log, makes_up_a_random_run_id_when_none_is_given) {
  std::set<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    const event_log log;
    EXPECT_THAT(log.run_id(), testing::MatchesRegex("r-[0-9a-f]{6}"));
    ids.insert(log.run_id());
  }
  EXPECT_GT(ids.size(), 15U);
}

TEST(event_log, cuts_texts_of_any_length_between_characters) {
  event_log log;
  std::vector<event> seen;
  log.add_sink([&](const event& e) { seen.push_back(e); });
  std::string euros;
  while (euros.size() < 2 * event_log::max_text_bytes) {
    euros += "\xe2\x82\xac";
  }
  auto e = warning(euros);
  e.task.emplace();
  e.task->args = euros;
  e.why.emplace();
  e.why->message = euros;
  e.why->exception = euros;
  e.why->frames.assign(1000, euros);
  log.emit(e);
  ASSERT_EQ(seen.size(), 1U);
  const auto& cut = seen.front();
  const auto fits = [](const std::string& text, std::size_t limit) {
    return text.size() <= limit && text.size() + 6 > limit && (text.size() - 3) % 3 == 0 && text.ends_with("\xac...");
  };
  EXPECT_TRUE(fits(cut.text, event_log::max_text_bytes));
  EXPECT_TRUE(fits(cut.why->message, event_log::max_text_bytes));
  EXPECT_TRUE(fits(cut.why->exception, event_log::max_text_bytes));
  EXPECT_TRUE(fits(cut.task->args, event_log::max_args_bytes));
  EXPECT_EQ(cut.why->frames.size(), 64U);
  EXPECT_TRUE(fits(cut.why->frames.front(), event_log::max_text_bytes));
}

TEST(event_log, keeps_numbers_in_order_when_many_threads_emit) {
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 500;
  event_log log;
  std::vector<std::uint64_t> numbers;
  log.add_sink([&](const event& e) { numbers.push_back(e.seq); });
  {
    std::vector<std::jthread> emitters;
    for (std::size_t t = 0; t < threads; ++t) {
      emitters.emplace_back([&log] {
        for (std::size_t i = 0; i < each; ++i) {
          log.emit(warning("x"));
        }
      });
    }
  }
  ASSERT_EQ(numbers.size(), threads * each);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    ASSERT_EQ(numbers[i], i + 1);
  }
}

TEST(event_log, names_every_kind_and_level_as_files_do) {
  const std::vector<std::string> expected{"run_start", "run_end",  "start",      "ready",       "stop",
                                          "crash",     "hang",     "restart",    "recover",     "backoff",
                                          "limit",     "escalate", "give_up",    "task_retry",  "task_quarantine",
                                          "task_fail", "park",     "quarantine", "dead_letter", "config",
                                          "operator",  "warn",     "output",     "log",         "child"};
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(event_kind::child); ++i) {
    names.emplace_back(to_string(static_cast<event_kind>(i)));
  }
  EXPECT_EQ(names, expected);
  EXPECT_STREQ(to_string(event_level::debug), "debug");
  EXPECT_STREQ(to_string(event_level::error), "error");
}

}  // namespace
