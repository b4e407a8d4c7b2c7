#include "observe/file_sink.hpp"
#include "steward/sinks.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using namespace steward;
namespace fs = std::filesystem;

class file_sink_test : public testing::Test {
protected:
  void SetUp() override {
    auto pattern = (fs::temp_directory_path() / "steward-sink-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const char* name) const { return (folder_ / name).string(); }

  static event numbered(std::uint64_t seq) {
    event e;
    e.seq = seq;
    return e;
  }

  static std::vector<std::string> lines_of(const std::string& file) {
    std::ifstream in{file};
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
      lines.push_back(line);
    }
    return lines;
  }

  fs::path folder_;
};

TEST_F(file_sink_test, writes_one_json_object_a_line_that_is_there_at_once) {
  file_sink sink{path("events")};
  sink.write(numbered(1));
  sink.write(numbered(2));
  const auto lines = lines_of(path("events"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines[0])["seq"], 1);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["seq"], 2);
  EXPECT_TRUE(sink.ok());
  EXPECT_EQ(sink.take_error(), std::nullopt);
  EXPECT_EQ(sink.lost(), 0U);
}

TEST_F(file_sink_test, adds_to_the_events_of_an_earlier_run) {
  { file_sink{path("events")}.write(numbered(1)); }
  file_sink sink{path("events")};
  sink.write(numbered(2));
  const auto lines = lines_of(path("events"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines[0])["seq"], 1);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["seq"], 2);
}

TEST_F(file_sink_test, begins_a_line_behind_one_that_was_torn) {
  { file_sink{path("events")}.write(numbered(1)); }
  std::ofstream{path("events"), std::ios::app} << R"({"v":1,"seq":2,"ts)";
  file_sink sink{path("events")};
  sink.write(numbered(3));
  const auto lines = lines_of(path("events"));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(nlohmann::json::parse(lines[2])["seq"], 3);
}

TEST_F(file_sink_test, leaves_alone_what_is_no_events_file) {
  const std::string scenario = "scenario: squares\n";
  std::ofstream{path("squares.yaml")} << scenario;
  file_sink sink{path("squares.yaml")};
  EXPECT_FALSE(sink.ok());
  EXPECT_THAT(sink.take_error().value_or(""), testing::HasSubstr("it holds something else than events"));
  sink.write(numbered(1));
  EXPECT_EQ(sink.lost(), 1U);
  EXPECT_EQ(lines_of(path("squares.yaml")), std::vector<std::string>{"scenario: squares"});
}

TEST_F(file_sink_test, leaves_alone_a_file_with_something_else_among_its_events) {
  { file_sink{path("events")}.write(numbered(1)); }
  std::ofstream{path("events"), std::ios::app} << "mine\n" << to_json_line(numbered(2)) << "\n";
  file_sink sink{path("events")};
  EXPECT_THAT(sink.take_error().value_or(""), testing::HasSubstr("it holds something else than events"));
}

TEST_F(file_sink_test, takes_a_torn_line_in_the_middle_for_an_event) {
  { file_sink{path("events")}.write(numbered(1)); }
  for (const auto* torn : {R"({"v)", R"({"v":1,"seq)"}) {
    std::ofstream{path("events"), std::ios::app} << torn;
    file_sink sink{path("events")};
    EXPECT_EQ(sink.take_error(), std::nullopt);
    sink.write(numbered(2));
  }
  EXPECT_EQ(lines_of(path("events")).size(), 5U);
}

TEST_F(file_sink_test, goes_on_in_a_new_file_once_the_old_one_was_renamed) {
  file_sink sink{path("events")};
  sink.write(numbered(1));
  fs::rename(path("events"), path("events.1"));
  sink.write(numbered(2));
  sink.reopen();
  sink.write(numbered(3));
  sink.reopen();  // nothing was renamed meanwhile
  sink.write(numbered(4));
  EXPECT_EQ(lines_of(path("events.1")).size(), 2U);
  const auto lines = lines_of(path("events"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines[0])["seq"], 3);
  EXPECT_TRUE(sink.ok());
}

TEST_F(file_sink_test, stays_with_the_old_file_when_a_new_one_cannot_be_opened) {
  fs::create_directory(path("logs"));
  file_sink sink{path("logs/events")};
  sink.write(numbered(1));
  fs::rename(path("logs"), path("old"));
  sink.reopen();
  sink.write(numbered(2));
  EXPECT_EQ(lines_of(path("old/events")).size(), 2U);
  EXPECT_TRUE(sink.ok());
}

TEST_F(file_sink_test, tells_once_why_the_file_cannot_be_opened) {
  file_sink sink{path("no/such/folder")};
  EXPECT_FALSE(sink.ok());
  EXPECT_EQ(sink.take_error(), "events file " + path("no/such/folder") + ": No such file or directory");
  EXPECT_EQ(sink.take_error(), std::nullopt);
  sink.write(numbered(1));
  EXPECT_FALSE(sink.ok());
  EXPECT_EQ(sink.take_error(), std::nullopt);
  EXPECT_EQ(sink.lost(), 1U);
}

TEST_F(file_sink_test, survives_a_full_disk_and_tells_it_once) {
  file_sink sink{"/dev/full"};
  EXPECT_TRUE(sink.ok());
  sink.write(numbered(1));
  sink.write(numbered(2));
  EXPECT_FALSE(sink.ok());
  EXPECT_EQ(sink.take_error(), "events file /dev/full: No space left on device");
  EXPECT_EQ(sink.take_error(), std::nullopt);
  EXPECT_EQ(sink.lost(), 2U);
}

TEST_F(file_sink_test, survives_a_reader_that_goes_away) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const int reader = ::open(path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  file_sink sink{path("fifo")};
  sink.write(numbered(1));
  EXPECT_TRUE(sink.ok());
  ::close(reader);
  sink.write(numbered(2));
  EXPECT_THAT(sink.take_error().value_or(""), testing::HasSubstr("Broken pipe"));
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

TEST_F(file_sink_test, does_not_wait_for_a_reader_of_a_fifo) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  file_sink sink{path("fifo")};
  EXPECT_THAT(sink.take_error().value_or(""), testing::HasSubstr("No such device or address"));
}

TEST_F(file_sink_test, does_not_hand_its_file_to_other_programs) {
  file_sink sink{path("events")};
  bool found = false;
  for (const auto& entry : fs::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    if (fs::read_symlink(entry.path(), gone) == fs::path{path("events")}) {
      found = true;
      EXPECT_NE(::fcntl(std::stoi(entry.path().filename().string()), F_GETFD) & FD_CLOEXEC, 0);
    }
  }
  EXPECT_TRUE(found);
}

}  // namespace
