#include "steward/sinks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace steward;
namespace fs = std::filesystem;
using testing::HasSubstr;

event crash_of(const std::string& actor) {
  event e;
  e.level = event_level::error;
  e.kind = event_kind::crash;
  e.actor = actor;
  e.why = cause{};
  e.why->cls = cause_class::exception;
  e.why->exception = "std::domain_error";
  e.why->message = "no debts";
  return e;
}

TEST(sinks, show_people_what_went_wrong_and_tell_the_rest_when_the_log_goes) {
  std::string shown;
  auto events = std::make_unique<event_log>("r1");
  events->add_sink(console_sink({}, [&](std::string_view lines) { shown += lines; }));
  for (int n = 0; n < 5; ++n) events->emit(crash_of("/root/total"));
  EXPECT_THAT(shown, HasSubstr("CRASH"));
  EXPECT_THAT(shown, HasSubstr("/root/total"));
  EXPECT_THAT(shown, HasSubstr("no debts"));
  const auto before = shown.size();
  events.reset();  // two of them were folded
  EXPECT_GT(shown.size(), before);
  EXPECT_THAT(shown.substr(before), HasSubstr("2"));
}

TEST(sinks, print_each_event_as_a_line_of_json) {
  std::vector<std::string> lines;
  event_log events{"r2"};
  events.add_sink(json_sink([&](std::string_view line) { lines.emplace_back(line); }));
  events.emit(crash_of("/root/a"));
  events.emit(crash_of("/root/b"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].back(), '\n');
  const auto second = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(second["seq"], 2);
  EXPECT_EQ(second["actor"], "/root/b");
}

// In a process of its own, where nothing was written before.
void write_both() {
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  {
    event_log events{"r3"};
    events.add_sink(json_sink());
    events.add_sink(console_sink());
    events.emit(crash_of("/root/a"));
  }
  std::_Exit(0);
}

TEST(sinks, write_to_standard_output_and_error_by_themselves) {
  EXPECT_EXIT(write_both(), testing::ExitedWithCode(0), "\"actor\":\"/root/a\"(.|\n)*CRASH    /root/a");
}

class json_file : public testing::Test {
protected:
  void SetUp() override {
    auto pattern = (fs::temp_directory_path() / "steward-json-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(json_file, has_every_event_at_once) {
  const auto path = (folder_ / "events.jsonl").string();
  event_log events{"r4"};
  events.add_sink(json_file_sink(path));
  events.emit(crash_of("/root/a"));
  std::ifstream in{path};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  EXPECT_EQ(nlohmann::json::parse(text)["run"], "r4");
}

TEST_F(json_file, that_cannot_be_had_is_refused_with_its_path) {
  const auto path = (folder_ / "no" / "such" / "folder").string();
  try {
    auto sink = json_file_sink(path);
    FAIL() << "it was opened";
  } catch (const std::runtime_error& problem) {
    EXPECT_THAT(problem.what(), HasSubstr(path));
    EXPECT_THAT(problem.what(), HasSubstr("No such file or directory"));
  }
}

TEST_F(json_file, on_a_full_disk_says_so_once_and_disturbs_nothing) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  std::vector<std::string> problems;
  {
    event_log events{"r5"};
    events.add_sink(json_file_sink("/dev/full", [&](const std::string& what) { problems.push_back(what); }));
    for (int n = 0; n < 3; ++n) events.emit(crash_of("/root/a"));
  }
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems[0], HasSubstr("No space left on device"));
}

}  // namespace
