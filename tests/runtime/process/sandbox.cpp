#include "process/sandbox.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "process/keeper.hpp"
#include "process/sandbox_filter.hpp"
#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using test::exit_promise;
using test::test_pipe;
namespace fs = std::filesystem;

// A directory with the file "old" in it.
class scratch {
public:
  scratch() {
    char path[] = "/tmp/steward-sandbox-XXXXXX";
    if (::mkdtemp(path) == nullptr) ADD_FAILURE() << "no directory";
    path_ = path;
    std::ofstream{path_ / "old"} << "content";
  }
  ~scratch() { fs::remove_all(path_); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

class sandbox : public testing::TestWithParam<start_method> {
protected:
  void SetUp() override {
    if (!test::have_zygote() && GetParam() == start_method::zygote) GTEST_SKIP() << "this process has a second thread";
  }

  // What became of each call that the child tried.
  std::map<std::string, std::string> try_everything(sandbox_level level) {
    test_pipe pipe;
    start_request request;
    request.main = "try_everything";
    request.fds = {pipe.write_end()};
    request.argument = std::to_string(level == sandbox_level::none ? 0 : ::getpid()) + " " + files_.path().string();
    request.sandbox = level;
    keeper k{{GetParam()}};
    exit_promise end;
    started child = k.start(request, end.handler());
    EXPECT_TRUE(child) << child.error;
    auto report = end.wait();
    EXPECT_EQ(report.value_or(exit_report{}).code, 0);
    EXPECT_EQ(report.value_or(exit_report{}).signal, 0);
    std::istringstream lines{pipe.read_to_end().value_or("")};
    std::map<std::string, std::string> all;
    for (std::string name, result; lines >> name >> result;) all[name] = result;
    return all;
  }

  void expect_refused(const std::map<std::string, std::string>& all) {
    for (const char* name :
         {"inet",   "inet6",    "packet", "netlink",     "unix", "dgram_pair", "connect",        "sendto",
          "execve", "execveat", "ptrace", "read_memory", "kill", "setsid",     "outlive_parent", "raise_limit",
          "mount",  "unshare",  "keyctl", "bpf",         "perf", "io_uring",   "tiocsti"}) {
      EXPECT_EQ(all.at(name), "EPERM") << name;
    }
    for (const char* name : {"create", "write", "truncate", "unlink", "rename", "mkdir", "symlink", "chmod"}) {
      EXPECT_EQ(all.at(name), "EACCES") << name;
    }
    EXPECT_EQ(all.at("clone3"), "ENOSYS");
    for (const char* name : {"pair", "pair_write", "sendto_peer", "kill_self", "kill_group", "raise", "get_limit",
                             "read", "memory_file", "thread"}) {
      EXPECT_EQ(all.at(name), "ok") << name;
    }
#if defined(__x86_64__)
    EXPECT_EQ(all.at("x32"), "EPERM");
#endif
    EXPECT_TRUE(fs::exists(files_.path() / "old"));
    EXPECT_EQ(fs::file_size(files_.path() / "old"), 7U);
    EXPECT_FALSE(fs::exists(files_.path() / "new"));
  }

  scratch files_;
};

INSTANTIATE_TEST_SUITE_P(each, sandbox, testing::Values(start_method::zygote, start_method::spawn),
                         [](const auto& about) { return about.param == start_method::zygote ? "zygote" : "spawn"; });

TEST_P(sandbox, refuses_nothing_where_none_is_asked_for) {
  auto all = try_everything(sandbox_level::none);
  for (const char* name : {"unix", "dgram_pair", "read", "write", "mkdir", "fork", "thread", "null"}) {
    EXPECT_EQ(all.at(name), "ok") << name;
  }
}

TEST_P(sandbox, of_basic_level_keeps_a_child_from_the_rest_of_the_machine) {
  if (!sandbox_gaps(sandbox_level::basic).empty()) GTEST_SKIP() << sandbox_gaps(sandbox_level::basic).front();
  auto all = try_everything(sandbox_level::basic);
  expect_refused(all);
  EXPECT_EQ(all.at("fork"), "ok");
  EXPECT_EQ(all.at("null"), "ok");
  EXPECT_EQ(all.at("tgkill"), "EPERM");
  EXPECT_NE(all.at("proc_mem"), "ok");
}

TEST_P(sandbox, of_strict_level_lets_no_new_process_start) {
  if (!sandbox_gaps(sandbox_level::strict).empty()) GTEST_SKIP() << sandbox_gaps(sandbox_level::strict).front();
  auto all = try_everything(sandbox_level::strict);
  expect_refused(all);
  EXPECT_EQ(all.at("fork"), "EPERM");
  EXPECT_EQ(all.at("tgkill"), "EPERM");
  EXPECT_NE(all.at("proc_mem"), "ok");
}

TEST_P(sandbox, leaves_the_last_words_of_a_crash_alone) {
  for (auto level : {sandbox_level::basic, sandbox_level::strict}) {
    if (!sandbox_gaps(level).empty()) GTEST_SKIP() << sandbox_gaps(level).front();
    for (int number : {SIGSEGV, SIGABRT}) {
      start_request request;
      request.main = "raise_signal";
      request.argument = std::to_string(number);
      request.sandbox = level;
      keeper k{{GetParam()}};
      exit_promise end;
      ASSERT_TRUE(k.start(request, end.handler()));
      EXPECT_EQ(end.wait().value_or(exit_report{}).signal, number);
    }
  }
}

TEST(sandbox_gaps, are_none_where_none_is_asked_for) { EXPECT_TRUE(sandbox_gaps(sandbox_level::none).empty()); }

TEST(sandbox_gaps, are_the_same_each_time) {
  EXPECT_EQ(sandbox_gaps(sandbox_level::basic), sandbox_gaps(sandbox_level::basic));
}

// Enough room for whatever is asked for, and an end in a verdict.
TEST(sandbox_filter, is_complete_for_every_need) {
  for (unsigned bits = 0; bits < 16; ++bits) {
    sandbox_filter filter{{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, 42}};
    auto program = filter.program();
    if (program.empty()) GTEST_SKIP() << "an architecture without a filter";
    EXPECT_LT(program.size(), 600U);
    EXPECT_EQ(program.back().code, BPF_RET | BPF_K);
  }
}

}  // namespace
}  // namespace steward::process
