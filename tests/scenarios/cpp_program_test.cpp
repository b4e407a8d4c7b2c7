#include "tests/scenarios/program.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>

// The command line of a program whose tree is written in C++.

namespace steward::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class a_program_in_cpp : public program_test {
protected:
  /// Runs it to its end; with the events of its file, if one was asked for.
  finished call(std::vector<std::string> words) {
    auto process = start(std::move(words));
    return process->wait();
  }
  std::unique_ptr<running> start(std::vector<std::string> words) {
    words.insert(words.begin(), STEWARD_CPP_PROGRAM);
    return std::make_unique<running>(words, environment());
  }
};

TEST_F(a_program_in_cpp, writes_every_event_to_a_file) {
  const auto file = path("events.jsonl");
  const auto out = call({"--events", file});
  EXPECT_EQ(out.code, 0) << out.err;
  const auto events = parse_lines(read_file(file));
  expect_sound_events(events, 0);
  EXPECT_EQ(all_of_kind(events, "crash").size(), 1U);
  EXPECT_EQ(all_of_kind(events, "recover").at(0).at("actor"), "/root/fragile");
  EXPECT_THAT(out.err, HasSubstr("CRASH"));
}

TEST_F(a_program_in_cpp, has_its_events_and_what_it_prints_as_json_on_stdout) {
  const auto out = call({"--json", "word_one"});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(out.err, "");
  const auto events = parse_lines(out.out);
  expect_sound_events(events, 0);
  const auto printed = all_of_kind(events, "output");
  ASSERT_EQ(printed.size(), 2U);
  EXPECT_EQ(printed[1].at("text"), "word_one");
}

TEST_F(a_program_in_cpp, is_quiet_about_what_is_recovered_when_it_is_asked_to_be) {
  const auto out = call({"--quiet", "word_one"});
  EXPECT_EQ(out.code, 0);
  EXPECT_THAT(out.err, Not(HasSubstr("CRASH")));
  EXPECT_THAT(out.out, HasSubstr("word_one\n"));
}

TEST_F(a_program_in_cpp, takes_the_seed_of_everything_random) {
  const auto seed_line = [&](const char* seed) { return call({"--seed", seed}).out; };
  const auto seven = seed_line("7");
  EXPECT_THAT(seven, HasSubstr("seed "));
  EXPECT_EQ(seven, seed_line("7"));
  EXPECT_NE(seven, seed_line("8"));
}

TEST_F(a_program_in_cpp, refuses_an_option_that_nobody_knows_and_starts_nothing) {
  const auto file = path("events.jsonl");
  const auto out = call({"--evnts", file});
  EXPECT_EQ(out.code, 2);
  EXPECT_THAT(out.err, HasSubstr("'--evnts' is not understood here (did you mean '--events'?)"));
  EXPECT_EQ(out.out, "");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(a_program_in_cpp, keeps_its_own_words_and_all_behind_two_dashes) {
  const auto out = call({"word_one", "--quiet", "other", "--", "word_two", "--events"});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_THAT(out.out, HasSubstr("word_one\nword_two\n"));
}

TEST_F(a_program_in_cpp, tells_its_options) {
  const auto out = call({"--help"});
  EXPECT_EQ(out.code, 0);
  for (const auto* option : {"--events", "--json", "--quiet", "--verbose", "--seed", "--color", "--dates"})
    EXPECT_THAT(out.out, HasSubstr(option));
}

TEST_F(a_program_in_cpp, stops_in_order_at_a_signal_and_writes_its_last_event) {
  const auto file = path("events.jsonl");
  auto process = start({"--events", file, "--verbose", "wait"});
  ASSERT_TRUE(process->has_said("RECOVER"));
  process->signal(SIGTERM);
  const auto out = process->wait();
  EXPECT_EQ(out.code, 143) << out.err;
  const auto events = parse_lines(read_file(file));
  expect_sound_events(events, 143);
  EXPECT_FALSE(all_of_kind(events, "stop").empty());
}

TEST_F(a_program_in_cpp, cannot_run_with_an_events_file_that_cannot_be_written) {
  const auto out = call({"--events", path("no/such/folder/events.jsonl")});
  EXPECT_EQ(out.code, 2);
  EXPECT_THAT(out.err, HasSubstr("nothing was started"));
  EXPECT_EQ(out.out, "");
}

class explained : public program_test {};

TEST_F(explained, keys_are_found_by_name_by_section_and_by_path) {
  const auto by_name = run({"explain", "deadline"});
  EXPECT_EQ(by_name.code, 0);
  EXPECT_THAT(by_name.out, HasSubstr("pool.deadline (config key)\n"));
  EXPECT_THAT(by_name.out, HasSubstr("a duration such as 200ms or 5s, 0s or from 1ms to 24h"));
  const auto by_section = run({"explain", "pool.deadline"}).out;
  EXPECT_THAT(by_section, testing::StartsWith("pool.deadline (config key)\n"));
  EXPECT_TRUE(by_name.out.starts_with(by_section)) << "what follows is the cause class of that name";
  EXPECT_EQ(run({"explain", "tree.children.squares.pool.deadline"}).out, by_section);
  EXPECT_EQ(run({"explain", "tree.children[0].pool.deadline"}).out, by_section) << "as a fault has it";
  const auto restart = run({"explain", "child.restart"}).out;
  EXPECT_THAT(restart, HasSubstr("permanent"));
  EXPECT_EQ(run({"explain", "tree.children.squares.restart"}).out, restart) << "behind an element of a list";
  EXPECT_EQ(run({"explain", "tree.children[0].restart"}).out, restart);
  EXPECT_EQ(run({"explain", "run.0.expect"}).out, run({"explain", "step.expect"}).out);
  EXPECT_EQ(run({"explain", "tree.squares.restart"}).code, 2);
  EXPECT_THAT(run({"explain", "pool.worker_backoff.min"}).out,
              testing::AllOf(HasSubstr("worker_backoff.min"), Not(HasSubstr("\nbackoff.min"))));
}

TEST_F(explained, words_of_the_output_are_known_too) {
  EXPECT_THAT(run({"explain", "task_quarantine"}).out, HasSubstr("(event kind)"));
  EXPECT_THAT(run({"explain", "heartbeat"}).out, testing::AllOf(HasSubstr("(config key)"), HasSubstr("(cause class)")));
  EXPECT_THAT(run({"explain", "4"}).out, HasSubstr("the root gave up"));
  EXPECT_THAT(run({"explain", "143"}).out, HasSubstr("stopped by"));
}

TEST_F(explained, what_is_unknown_gets_a_suggestion) {
  const auto out = run({"explain", "dedline"});
  EXPECT_EQ(out.code, 2);
  EXPECT_EQ(out.out, "");
  EXPECT_THAT(out.err, HasSubstr("did you mean 'deadline'?"));
  EXPECT_EQ(run({"explain"}).code, 2);
  EXPECT_EQ(run({"explain", "deadline", "--reference"}).code, 2);
}

TEST_F(explained, json_has_the_same) {
  const auto out = json::parse(run({"explain", "restart", "--json"}).out);
  ASSERT_EQ(out.size(), 3U) << "a key of a child, what views show, and a kind of event";
  EXPECT_EQ(out[0].at("name"), "child.restart");
  EXPECT_EQ(out[0].at("default"), "permanent");
  EXPECT_EQ(out[2].at("about"), "event kind");
}

TEST_F(explained, every_key_of_the_reference_is_explained) {
  const auto page = run({"explain", "--reference"}).out;
  std::string section;
  std::size_t keys = 0;
  for (const auto& line : lines_of(page)) {
    if (line.starts_with("## ")) section = line.substr(3);
    if (!line.starts_with("| `")) continue;
    const auto key = section + "." + line.substr(3, line.find('`', 3) - 3);
    if (++keys % 10 == 0) {
      EXPECT_EQ(run({"explain", key}).code, 0) << key;
    }
  }
  EXPECT_GT(keys, 100U);
}

}  // namespace
}  // namespace steward::test
