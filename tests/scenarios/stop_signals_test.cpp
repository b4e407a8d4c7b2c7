#include "cli/stop_signals.hpp"
#include "tests/support/subprocess.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <utility>

namespace steward::test {
namespace {

/// A process that listens for signals and says so; what `on_stop` then does is its affair.
class listener {
public:
  explicit listener(const std::function<void(int ready)>& body) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      body(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    said_ = ends[0];
  }
  ~listener() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(said_);
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  /// Waits for the next word of the process; false when it is gone.
  bool hear() const {
    char byte = 0;
    return ::read(said_, &byte, 1) == 1;
  }
  void signal(int number) const { ::kill(pid_, number); }
  int end() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

private:
  int pid_ = -1;
  int said_ = -1;
};

void say(int to) { [[maybe_unused]] const auto written = ::write(to, "x", 1); }

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

TEST(stop_signals, end_the_program_at_the_second_though_the_first_is_still_being_carried_out) {
  listener one{[](int ready) {
    cli::stop_signals signals;
    signals.listen([ready](int) {
      say(ready);
      wait_for_ever();
    });
    say(ready);
    wait_for_ever();
  }};
  ASSERT_TRUE(one.hear());
  one.signal(SIGINT);
  ASSERT_TRUE(one.hear());
  one.signal(SIGTERM);
  const int status = one.end();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 143);
}

TEST(stop_signals, that_come_before_anybody_listens_are_taken_then) {
  listener one{[](int ready) {
    cli::stop_signals signals;
    ::kill(::getpid(), SIGTERM);
    signals.listen([ready](int signal) {
      if (signal == SIGTERM) say(ready);
    });
    wait_for_ever();
  }};
  EXPECT_TRUE(one.hear());
}

TEST(stop_signals, reload_as_often_as_they_are_asked_until_the_stop) {
  listener one{[](int ready) {
    cli::stop_signals signals;
    signals.listen([ready](int) { say(ready); }, [ready] { say(ready); });
    say(ready);
    wait_for_ever();
  }};
  ASSERT_TRUE(one.hear());
  for (int i = 0; i < 3; ++i) {
    one.signal(SIGHUP);
    ASSERT_TRUE(one.hear());
  }
  one.signal(SIGTERM);
  ASSERT_TRUE(one.hear());
  one.signal(SIGHUP);
  const int status = one.end();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 129);
}

}  // namespace
}  // namespace steward::test
