#include "observe/file_sink.hpp"

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

TEST_F(file_sink_test, begins_with_an_empty_file) {
  std::ofstream{path("events")} << "old\n";
  file_sink sink{path("events")};
  sink.write(numbered(1));
  EXPECT_EQ(lines_of(path("events")).size(), 1U);
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
