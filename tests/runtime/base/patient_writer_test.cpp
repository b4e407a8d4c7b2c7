#include "observe/patient_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <tuple>

namespace steward {
namespace {

class patient_writer_test : public testing::Test {
protected:
  patient_writer_test() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~patient_writer_test() override {
    ::close(ends_[0]);
    close_write();
  }
  void close_write() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  /// Up to the end, or to this many bytes.
  std::string read(std::size_t most = ~std::size_t{0}) {
    std::string all;
    char buffer[4096];
    while (all.size() < most) {
      const auto count = ::read(ends_[0], buffer, std::min(sizeof buffer, most - all.size()));
      if (count <= 0) break;
      all.append(buffer, static_cast<std::size_t>(count));
    }
    return all;
  }

  int ends_[2] = {-1, -1};
};

TEST_F(patient_writer_test, writes_at_once_what_is_taken) {
  patient_writer out(ends_[1]);
  out.write("one\n");
  EXPECT_EQ(read(4), "one\n");
}

TEST_F(patient_writer_test, keeps_the_order_of_what_nobody_reads_yet) {
  std::string all;
  std::string got;
  std::thread reader;
  {
    patient_writer out(ends_[1]);
    for (int i = 0; all.size() < 300'000; ++i) {
      const auto line = "line " + std::to_string(i) + "\n";
      out.write(line);  // the pipe holds 64 KiB: this would wait for ever
      all += line;
    }
    reader = std::thread([&] { got = read(); });
  }
  close_write();
  reader.join();
  EXPECT_EQ(got, all);
}

TEST_F(patient_writer_test, says_how_much_is_missing) {
  std::string got;
  std::thread reader;
  {
    patient_writer out(ends_[1]);
    const std::string line(9'999, 'x');
    for (int i = 0; i < 200; ++i) out.write(line + "\n");
    reader = std::thread([&] { got = read(); });
    out.finish();
    out.write("the end\n");
  }
  close_write();
  reader.join();
  EXPECT_LT(got.size(), 1'200'000u);
  EXPECT_THAT(got, testing::HasSubstr("bytes are missing here"));
  EXPECT_TRUE(got.ends_with("the end\n"));
}

TEST_F(patient_writer_test, ends_though_nobody_reads) {
  patient_writer out(ends_[1]);
  for (int i = 0; i < 30; ++i) out.write(std::string(10'000, 'x'));
  out.finish(0);
  const auto begun = std::chrono::steady_clock::now();
  out.finish();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5)) << "it waits again";
  ::close(ends_[0]);
  ends_[0] = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

TEST_F(patient_writer_test, waits_for_its_reader_where_nothing_may_be_lost) {
  constexpr std::size_t limit = 100'000;
  const std::string line = std::string(999, 'x') + "\n";
  std::atomic<std::size_t> written{0};
  std::string got;
  {
    patient_writer out(ends_[1], {limit, patient_writer::excess::waited_for});
    std::thread writer([&] {
      for (int i = 0; i < 1'000; ++i) {
        out.write(line);
        written += line.size();
      }
    });
    // So much is taken without a reader.
    while (written.load() < limit) std::this_thread::yield();
    std::thread reader([&] { got = read(1'000'000); });
    writer.join();
    EXPECT_EQ(written.load(), 1'000'000u);
    out.finish(patient_writer::without_end);
    reader.join();
    EXPECT_EQ(out.problem(), 0);
    EXPECT_EQ(out.lines_lost(), 0u);
  }
  ASSERT_EQ(got.size(), 1'000'000u);
  for (std::size_t i = 0; i < got.size(); i += line.size()) ASSERT_EQ(got.compare(i, line.size(), line), 0) << i;
}

TEST_F(patient_writer_test, tells_of_a_reader_that_is_gone) {
  patient_writer out(ends_[1], patient_writer::whole);
  const std::string line = std::string(9'999, 'x') + "\n";
  for (int i = 0; i < 30; ++i) out.write(line);
  EXPECT_EQ(out.problem(), 0);
  ::close(ends_[0]);
  ends_[0] = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  out.finish(patient_writer::without_end);
  EXPECT_EQ(out.problem(), EPIPE);
  const auto lost = out.lines_lost();
  EXPECT_GT(lost, 20u);
  out.write("one more\n");
  EXPECT_EQ(out.lines_lost(), lost + 1);
}

TEST_F(patient_writer_test, waits_for_a_late_reader_of_a_descriptor_that_does_not_block) {
  ASSERT_EQ(::fcntl(ends_[1], F_SETFL, O_NONBLOCK), 0);
  const std::string line = std::string(999, 'x') + "\n";
  std::string got;
  patient_writer out(ends_[1], patient_writer::whole);
  for (int i = 0; i < 500; ++i) out.write(line);
  std::thread reader([&] { got = read(500'000); });
  out.finish(patient_writer::without_end);
  reader.join();
  EXPECT_EQ(got.size(), 500'000u);
  EXPECT_EQ(out.problem(), 0);
}

TEST_F(patient_writer_test, stops_waiting_for_a_reader_that_stalls_once_it_is_hurried) {
  patient_writer out(ends_[1], {100'000, patient_writer::excess::waited_for});
  std::atomic<bool> begun{false};
  std::thread writer([&] {
    const std::string line = std::string(999, 'x') + "\n";
    for (int i = 0; i < 1'000; ++i) {
      out.write(line);  // waits from some line on
      begun = i > 100;
    }
  });
  while (!begun.load()) std::this_thread::yield();
  out.hurry(0);
  writer.join();
  out.finish(patient_writer::without_end);
  EXPECT_EQ(out.problem(), ETIMEDOUT);
  EXPECT_GT(out.lines_lost(), 800u);
}

TEST_F(patient_writer_test, is_not_held_up_by_others_that_fill_the_same_pipe) {
  // What is ready for one of two writers may be taken by the other, and then a write would block.
  std::atomic<bool> over{false};
  std::thread other([&] {
    const int fd = ::open(("/proc/self/fd/" + std::to_string(ends_[1])).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    while (!over.load()) std::ignore = ::write(fd, "y", 1);
    ::close(fd);
  });
  patient_writer out(ends_[1]);
  for (int i = 0; i < 2'000; ++i) out.write(std::string(999, 'x') + "\n");
  over = true;
  other.join();
  out.finish(0);
}

TEST_F(patient_writer_test, tells_of_a_file_that_may_grow_no_further) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{1'000, 1'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const int fd = ::open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    patient_writer out(fd);
    for (int i = 0; i < 3; ++i) out.write(std::string(499, 'x') + "\n");
    ::_exit(out.problem() == EFBIG ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(patient_writer_test, keeps_the_status_off_the_lines_of_others) {
  patient_writer out(ends_[1]);
  out.show_status("50 %");
  out.write("one\n");
  out.show_status("51 %");
  out.write("two\n");
  out.show_status("");
  out.write("three\n");
  const std::string expected = "50 %\r\x1b[Kone\n50 %\r\x1b[K51 %\r\x1b[Ktwo\n51 %\r\x1b[Kthree\n";
  EXPECT_EQ(read(expected.size()), expected);
}

TEST_F(patient_writer_test, draws_no_status_for_a_reader_that_is_behind) {
  patient_writer out(ends_[1]);
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 100; ++i) out.write(line);
  for (int i = 0; i < 1'000; ++i) out.show_status("step " + std::to_string(i));
  out.write("last\n");
  const auto size = 100 * line.size() + std::string("last\nstep 999").size();
  EXPECT_TRUE(read(size).ends_with("x\nlast\nstep 999"));
}

}  // namespace
}  // namespace steward
