#include "process/oom_counter.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "process/keeper.hpp"

namespace steward::process {
namespace {

namespace fs = std::filesystem;

class oom_counter_of : public testing::Test {
protected:
  oom_counter_of() {
    char path[] = "/tmp/steward-cgroup-XXXXXX";
    if (::mkdtemp(path) == nullptr) ADD_FAILURE() << "no directory";
    root_ = path;
  }
  ~oom_counter_of() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream{root_ / path} << text;
  }
  oom_counter open() { return oom_counter{(root_ / "cgroup").string(), (root_ / "mount").string()}; }

  fs::path root_;
};

TEST_F(oom_counter_of, cgroup_2_follows_the_file) {
  write("cgroup", "0::/a/b\n");
  write("mount/a/b/memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 7\n");
  oom_counter counter = open();
  ASSERT_TRUE(counter.valid());
  EXPECT_EQ(counter.kills(), 2U);
  write("mount/a/b/memory.events", "low 0\nhigh 0\nmax 3\noom 3\noom_kill 3\noom_group_kill 7\n");
  EXPECT_EQ(counter.kills(), 3U);
}

TEST_F(oom_counter_of, cgroup_1_is_found_beside_an_empty_cgroup_2) {
  write("cgroup", "9:name=systemd:/\n4:memory:/job\n1:cpu:/\n0::/\n");
  write("mount/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  oom_counter counter = open();
  ASSERT_TRUE(counter.valid());
  EXPECT_EQ(counter.kills(), 5U);
}

TEST_F(oom_counter_of, nothing_is_zero) {
  EXPECT_EQ(open().kills(), 0U);
  write("cgroup", "garbage\n::\n0\n0::/none\n");
  oom_counter counter = open();
  EXPECT_FALSE(counter.valid());
  EXPECT_EQ(counter.kills(), 0U);
}

TEST_F(oom_counter_of, a_file_of_garbage_is_zero) {
  write("cgroup", "0::/\n");
  write("mount/memory.events", "oom_kill x\n");
  EXPECT_EQ(open().kills(), 0U);
}

TEST(cause_of_a_report, is_memory_when_the_kernel_killed_for_want_of_it) {
  exit_report report;
  report.signaled = true;
  report.signal = SIGKILL;
  report.oom_killed = true;
  report.rss_peak_kib = 123;
  cause why = cause_of(report);
  EXPECT_EQ(why.cls, cause_class::memory);
  EXPECT_EQ(why.signal, SIGKILL);
  EXPECT_EQ(why.message, "killed by the kernel: out of memory (cgroup)");
  EXPECT_EQ(why.rss_peak_kib, 123U);
}

TEST(cause_of_a_report, blames_no_limit_for_a_kill_that_came_early_or_from_us) {
  exit_report report;
  report.signaled = true;
  report.signal = SIGKILL;
  report.cpu_seconds = 2;
  report.cpu_ms = 500;
  EXPECT_EQ(cause_of(report).message, "");
  report.cpu_ms = 2500;
  report.sent_signal = SIGKILL;
  EXPECT_EQ(cause_of(report).message, "");
  report.sent_signal = SIGTERM;
  EXPECT_EQ(cause_of(report).message, "processor time limit of 2 s");
}

}  // namespace
}  // namespace steward::process
