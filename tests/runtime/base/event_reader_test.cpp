#include "observe/event_reader.hpp"

#include "steward/sinks.hpp"
#include "tests/support/random_events.hpp"

#include <gtest/gtest.h>

#include <unistd.h>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace steward;
using test::random_events;

TEST(event_reader, makes_the_same_event_of_the_line_that_was_written) {
  random_events events{20'261'129};
  for (int i = 0; i < 5'000; ++i) {
    const auto e = events.next();
    const auto line = to_json_line(e);
    std::string problem;
    const auto back = event_of_line(line, problem);
    ASSERT_TRUE(back.has_value()) << problem << "\n" << line;
    ASSERT_TRUE(*back == e) << line << "\n" << to_json_line(*back);
  }
}

TEST(event_reader, makes_the_same_line_again_of_numbers_that_are_not_finite) {
  event e;
  e.recovery_ms = std::nan("");
  std::string problem;
  const auto back = event_of_line(to_json_line(e), problem);
  ASSERT_TRUE(back.has_value()) << problem;
  EXPECT_TRUE(std::isnan(*back->recovery_ms));
  EXPECT_EQ(to_json_line(*back), to_json_line(e));
}

constexpr const char* good =
    R"({"v":1,"seq":7,"ts":"2023-11-14T22:13:20.000042Z","run":"r","level":"info","kind":"ready","actor":"/root/a"})";

std::string with(const std::string& from, const std::string& to) {
  std::string out = good;
  out.replace(out.find(from), from.size(), to);
  return out;
}

TEST(event_reader, says_what_is_wrong_with_a_line) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "it is no JSON"},
      {"{\"v\":1,", "it is no JSON"},
      {"[]", "'the line' is no object"},
      {with("\"v\":1", "\"v\":2"), "it is of another version of the format"},
      {with("\"v\":1,", ""), "'v' is missing"},
      {with("\"seq\":7", "\"seq\":-7"), "'seq' is no number that fits"},
      {with("\"seq\":7", "\"seq\":1.5"), "'seq' is no whole number"},
      {with("\"seq\":7", "\"seq\":\"7\""), "'seq' is no whole number"},
      {with("2023-11-14T", "2023-13-14T"), "'ts' is no time"},
      {with("2023-11-14T", "2023-11-1xT"), "'ts' is no time"},
      {with("T22:", "T24:"), "'ts' is no time"},
      {with("2023-11-14T", "9999-11-14T"), "'ts' is no time"},
      {with("\"ready\"", "\"\\u001b[31m\""), "unknown kind '\\x1b[31m'"},
      {with("42Z", "42"), "'ts' is no time"},
      {with("\"run\":\"r\"", "\"run\":1"), "'run' is no text"},
      {with("\"info\"", "\"loud\""), "unknown level 'loud'"},
      {with("\"ready\"", "\"unknown\""), "unknown kind 'unknown'"},
      {with("\"actor\"", "\"cause\":{\"class\":\"fate\"},\"actor\""), "unknown class 'fate'"},
      {with("\"actor\"", "\"cause\":{\"class\":\"signal\",\"signal\":\"SIGNOT\"},\"actor\""),
       "unknown signal 'SIGNOT'"},
      {with("\"actor\"", "\"cause\":{\"class\":\"signal\",\"address\":\"0xg\"},\"actor\""), "'address' is no address"},
      {with("\"actor\"", "\"decision\":[],\"actor\""), "'decision' is no object"},
      {with("\"actor\"", "\"decision\":{\"also\":\"x\"},\"actor\""), "'also' is no list"},
      {with("\"actor\"", "\"pid\":4294967296,\"actor\""), "'pid' is no number that fits"},
  };
  for (const auto& [line, expected] : cases) {
    std::string problem;
    EXPECT_FALSE(event_of_line(line, problem).has_value()) << line;
    EXPECT_EQ(problem, expected) << line;
  }
}

TEST(event_reader, passes_over_keys_that_it_does_not_know) {
  std::string problem;
  const auto e = event_of_line(with("\"actor\"", "\"mood\":{\"x\":[1]},\"actor\""), problem);
  ASSERT_TRUE(e.has_value()) << problem;
  EXPECT_EQ(e->actor, "/root/a");
}

struct heard {
  std::vector<event> events;
  std::vector<line_fault> faults;

  event_reader reader() {
    return {[this](const event& e) { events.push_back(e); }, [this](const line_fault& f) { faults.push_back(f); }};
  }
};

TEST(event_reader, reads_the_same_in_pieces_of_any_size) {
  random_events source{7};
  std::string text;
  std::vector<event> written;
  for (int i = 0; i < 40; ++i) {
    written.push_back(source.next());
    text += to_json_line(written.back()) + "\n";
    if (i == 20) text += "no event\n";
  }
  const auto offset = text.find("no event");
  for (const std::size_t piece : {1U, 2U, 7U, 100U, 4'096U, 1'000'000U}) {
    heard all;
    auto lines = all.reader();
    for (std::size_t at = 0; at < text.size(); at += piece) lines.read(std::string_view{text}.substr(at, piece));
    lines.finish();
    EXPECT_TRUE(all.events == written) << piece;
    ASSERT_EQ(all.faults.size(), 1U) << piece;
    EXPECT_EQ(all.faults[0].line, 22U) << piece;
    EXPECT_EQ(all.faults[0].offset, offset) << piece;
    EXPECT_FALSE(all.faults[0].torn);
    EXPECT_EQ(lines.lines(), 41U);
  }
}

TEST(event_reader, tells_a_torn_last_line_wherever_it_was_torn) {
  const std::string line = std::string{good} + "\n";
  for (std::size_t size = 1; size < line.size() - 1; ++size) {
    heard all;
    auto lines = all.reader();
    lines.read(line + line.substr(0, size));
    lines.finish();
    EXPECT_EQ(all.events.size(), 1U);
    ASSERT_EQ(all.faults.size(), 1U) << size;
    EXPECT_TRUE(all.faults[0].torn);
    EXPECT_EQ(all.faults[0].line, 2U);
    EXPECT_EQ(all.faults[0].offset, line.size());
    EXPECT_EQ(all.faults[0].what, "it is torn: it is no JSON");
  }
}

TEST(event_reader, takes_a_last_line_that_lacks_its_end_only) {
  heard all;
  auto lines = all.reader();
  lines.read(good);
  lines.finish();
  EXPECT_EQ(all.events.size(), 1U);
  EXPECT_TRUE(all.faults.empty());
}

TEST(event_reader, passes_over_a_line_that_is_too_long_without_keeping_it) {
  heard all;
  auto lines = all.reader();
  const std::string piece(std::size_t{1} << 20, 'x');
  for (int i = 0; i < 6; ++i) lines.read(piece);
  lines.read("\n");
  lines.read(std::string{good} + "\n");
  lines.finish();
  EXPECT_EQ(all.events.size(), 1U);
  ASSERT_EQ(all.faults.size(), 1U);
  EXPECT_EQ(all.faults[0].what, "it has more than 4194304 bytes");
  EXPECT_EQ(lines.lines(), 2U);
}

TEST(event_reader, reads_a_file_and_says_when_there_is_none) {
  const auto path = std::filesystem::temp_directory_path() / ("steward_event_reader_" + std::to_string(::getpid()));
  std::ofstream{path} << good << "\n"
                      << good << "\n"
                      << R"({"v":1,"seq)";
  heard all;
  const auto problem = read_events(
      path, [&](const event& e) { all.events.push_back(e); }, [&](const line_fault& f) { all.faults.push_back(f); });
  std::filesystem::remove(path);
  EXPECT_FALSE(problem.has_value());
  EXPECT_EQ(all.events.size(), 2U);
  ASSERT_EQ(all.faults.size(), 1U);
  EXPECT_TRUE(all.faults[0].torn);
  const auto missing = read_events(path, [](const event&) {}, {});
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(*missing, path.string() + " cannot be read");
}

}  // namespace
