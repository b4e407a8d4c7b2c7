#include "observe/patient_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

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
  /// Up to the end, or to so many bytes.
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

}  // namespace
}  // namespace steward
