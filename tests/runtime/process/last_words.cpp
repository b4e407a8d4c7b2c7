#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "process/channel.hpp"
#include "process/flight_page.hpp"
#include "process/keeper.hpp"
#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using testing::HasSubstr;

struct ending {
  exit_report report;
  std::optional<cause> words;
  bool severed = false;  // the channel ended
};

class last_words : public testing::TestWithParam<start_method> {
protected:
  void SetUp() override {
    if (!test::have_zygote() && GetParam() == start_method::zygote) GTEST_SKIP() << "this process has a second thread";
  }

  ending run(const std::string& main, const std::string& argument = {}, std::uint64_t memory_limit = 0) {
    ending result;
    flight_recorder recorder = flight_recorder::create();
    EXPECT_TRUE(recorder.valid());
    auto [ours, theirs] = make_channel();
    keeper k{{GetParam()}};
    test::exit_promise end;
    start_request request;
    request.main = main;
    request.fds = {recorder.fd(), theirs};
    request.argument = argument;
    request.memory_limit = memory_limit;
    started child = k.start(request, end.handler());
    EXPECT_TRUE(child) << child.error;
    ::close(theirs);
    recorder.close_fd();
    if (child) {
      auto report = end.wait();
      EXPECT_TRUE(report.has_value());
      result.report = report.value_or(exit_report{});
      result.words = recorder.last_words();
      frame_reader reader;
      result.severed = reader.fill(ours) == read_status::closed;
    }
    ::close(ours);
    return result;
  }
};

INSTANTIATE_TEST_SUITE_P(each, last_words, testing::Values(start_method::zygote, start_method::spawn),
                         [](const auto& about) { return about.param == start_method::zygote ? "zygote" : "spawn"; });

TEST_P(last_words, say_who_sent_a_signal) {
  const auto end = run("be_shot", std::to_string(SIGSEGV));
  EXPECT_EQ(end.report.signal, SIGSEGV);
  ASSERT_TRUE(end.words);
  EXPECT_EQ(end.words->code, SI_USER);
  EXPECT_GT(end.words->sender_pid, 1);
  EXPECT_NE(end.words->sender_pid, end.report.pid);
  EXPECT_EQ(end.words->sender_uid, ::getuid());
  EXPECT_FALSE(end.words->address);
}

TEST_P(last_words, name_no_sender_where_it_was_the_process_itself) {
  for (const auto& end : {run("raise_signal", std::to_string(SIGSEGV)), run("write_to_null")}) {
    ASSERT_TRUE(end.words);
    EXPECT_EQ(end.words->sender_pid, 0);
    EXPECT_FALSE(end.words->sender_uid);
  }
}

TEST_P(last_words, give_the_address_of_a_bad_write) {
  ending end = run("write_to_null");
  EXPECT_EQ(end.report.signal, SIGSEGV);
  EXPECT_TRUE(end.severed);
  ASSERT_TRUE(end.words);
  EXPECT_EQ(end.words->cls, cause_class::signal);
  EXPECT_EQ(end.words->signal, SIGSEGV);
  EXPECT_EQ(end.words->code, SEGV_MAPERR);
  EXPECT_EQ(end.words->address, 0x10u);
  EXPECT_EQ(end.words->message, "");
  ASSERT_FALSE(end.words->frames.empty());
  // The innermost frame is the culprit itself, within this very program.
  EXPECT_THAT(end.words->frames.front(), HasSubstr("test_process+0x"));
  if (!test::have_debug_info()) GTEST_SKIP() << "built without debug information";
  EXPECT_THAT(end.words->frames.front(),
              testing::MatchesRegex("steward::test::write_to_null at misbehaving_children.cpp:[0-9]+ "
                                    "\\(test_process\\+0x[0-9a-f]+\\)"));
  EXPECT_THAT(end.words->frames, testing::Contains(HasSubstr("run_child_main at child.cpp:")));
}

TEST_P(last_words, tell_a_stack_overflow) {
  ending end = run("overflow_stack");
  EXPECT_EQ(end.report.signal, SIGSEGV);
  ASSERT_TRUE(end.words);
  EXPECT_EQ(end.words->signal, SIGSEGV);
  EXPECT_EQ(end.words->message, "stack overflow");
}

TEST_P(last_words, tell_a_stack_overflow_by_large_arrays) {
  for (const char* touch : {"", "top"}) {
    ending end = run("overflow_stack_fast", touch);
    EXPECT_EQ(end.report.signal, SIGSEGV);
    ASSERT_TRUE(end.words);
    EXPECT_EQ(end.words->message, "stack overflow") << touch;
  }
}

TEST_P(last_words, quote_an_uncaught_exception) {
  ending end = run("throw_uncaught", "the cat ate it");
  EXPECT_EQ(end.report.signal, SIGABRT);
  EXPECT_TRUE(end.severed);
  ASSERT_TRUE(end.words);
  EXPECT_EQ(end.words->cls, cause_class::signal);
  EXPECT_EQ(end.words->signal, SIGABRT);
  EXPECT_EQ(end.words->exception, "std::runtime_error");
  EXPECT_EQ(end.words->message, "the cat ate it");
  EXPECT_FALSE(end.words->address);
}

TEST_P(last_words, cut_an_over_long_text) {
  ending end = run("throw_uncaught", std::string(4000, 'x'));
  ASSERT_TRUE(end.words);
  EXPECT_EQ(end.words->message, std::string(511, 'x'));
}

TEST_P(last_words, name_each_signal_and_leave_the_wait_status_true) {
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU}) {
    ending end = run("raise_signal", std::to_string(number));
    EXPECT_TRUE(end.report.signaled);
    EXPECT_EQ(end.report.signal, number);
    ASSERT_TRUE(end.words) << signal_name(number);
    EXPECT_EQ(end.words->signal, number);
    // Somebody sent it; there is no address to tell.
    EXPECT_FALSE(end.words->address);
  }
}

TEST_P(last_words, are_none_after_kill_9_and_an_orderly_end) {
  ending killed = run("raise_signal", std::to_string(SIGKILL));
  EXPECT_EQ(killed.report.signal, SIGKILL);
  EXPECT_FALSE(killed.words);
  ending ended = run("exit_with", "0");
  EXPECT_FALSE(ended.report.signaled);
  EXPECT_FALSE(ended.words);
}

TEST_P(last_words, tell_of_bad_alloc_under_a_memory_limit) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer's shadow memory does not fit under a limit";
  // Room for what a zygote may inherit from a program that had threads: libc reserves 64 MiB of addresses for each of
  // them.
  ending end = run("eat_memory", {}, std::uint64_t{2} * 1024 * 1024 * 1024);
  EXPECT_EQ(end.report.signal, SIGABRT);
  ASSERT_TRUE(end.words);
  EXPECT_EQ(end.words->exception, "std::bad_alloc");
}

TEST(flight_page, is_shared_through_its_descriptor) {
  flight_recorder ours = flight_recorder::create();
  ASSERT_TRUE(ours.valid());
  flight_recorder theirs = flight_recorder::open(::dup(ours.fd()));
  ASSERT_TRUE(theirs.valid());
  EXPECT_EQ(theirs.page().current, 0u);
  theirs.page().current = 17;
  EXPECT_EQ(ours.page().current, 17u);
  ours.close_fd();
  flight_recorder moved = std::move(ours);
  EXPECT_FALSE(ours.valid());
  EXPECT_EQ(moved.page().current, 17u);
  EXPECT_FALSE(moved.last_words());
}

TEST(flight_page, is_not_valid_behind_a_bad_descriptor) { EXPECT_FALSE(flight_recorder::open(-1).valid()); }

TEST(flight_page, cannot_be_cut_short_by_a_worker) {
  flight_recorder recorder = flight_recorder::create();
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(::fstat(recorder.fd(), &before), 0);
  EXPECT_GE(before.st_size, 4096);
  EXPECT_NE(::ftruncate(recorder.fd(), 0), 0);
  ASSERT_EQ(::fstat(recorder.fd(), &after), 0);
  EXPECT_EQ(after.st_size, before.st_size);
}

TEST(flight_page, is_read_with_care_when_a_worker_filled_it_with_garbage) {
  flight_recorder recorder = flight_recorder::create();
  flight_page& page = recorder.page();
  std::memset(page.exception, 'e', sizeof page.exception);
  std::memset(page.message, 'm', sizeof page.message);
  page.signal = 1 << 30;
  page.frame_count = ~0U;
  page.frames[0] = 0x1234;
  page.said = ~0U;
  auto words = recorder.last_words();
  ASSERT_TRUE(words);
  EXPECT_EQ(words->exception.size(), sizeof page.exception);
  EXPECT_EQ(words->message.size(), sizeof page.message);
  EXPECT_GE(words->frames.size(), 32u);
  EXPECT_LE(words->frames.size(), 80u);
  EXPECT_LT(words->signal, NSIG);
}

}  // namespace
}  // namespace steward::process
