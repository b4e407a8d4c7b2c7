#include "live_commands.hpp"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <thread>

#include "tests/support/sanitized.hpp"

// Programs as there are, killed and started again, and what is left of them.

namespace steward::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct kind_of_program {
  const char* name;
  const char* script;  ///< WORD is one that finds all its processes
};

std::ostream& operator<<(std::ostream& out, const kind_of_program& x) { return out << x.name; }

constexpr kind_of_program kinds[] = {
    {"plain", "echo up; sleep 300; : WORD"},
    {"forks", "sh -c 'sleep 300; : WORD' & sh -c 'sleep 300; : WORD' & echo up; wait; : WORD"},
    {"ignores_sigterm", "trap '' TERM; echo up; while :; do sleep 0.02; done; : WORD"},
    {"floods", "echo up; yes WORD"},
    {"closes_its_output", "echo up; exec >&- 2>&-; sleep 300; : WORD"},
    {"leaves_daemons",
     "setsid sh -c 'sleep 300; : WORD' & (setsid sh -c 'sleep 300; : WORD' &) ; echo up; "
     "sleep 300; : WORD"},
    {"writes_without_an_end_of_line", "echo up; printf 'half a WORD'; sleep 300; :"},
};

std::string script_of(const kind_of_program& x, const std::string& word) {
  std::string out = x.script;
  for (auto at = out.find("WORD"); at != std::string::npos; at = out.find("WORD", at)) out.replace(at, 4, word);
  return out;
}

class programs : public live_commands, public testing::WithParamInterface<kind_of_program> {};

TEST_P(programs, are_killed_and_started_again_and_leave_nothing) {
  constexpr int rounds = 20;
  const auto word = fresh_word();
  auto spec = shell(script_of(GetParam(), word));
  spec.ready.line = "^up$";
  spec.stop = {SIGTERM, 300ms, SIGKILL};
  auto with = policy();
  with.start_within = 60s;
  const auto before = open_descriptors();
  ASSERT_TRUE(begin(spec, with));
  const auto with_one = open_descriptors();
  for (int i = 1; i <= rounds; ++i) {
    ASSERT_EQ(::kill(pid(), SIGKILL), 0);
    ASSERT_TRUE(await(event_kind::recover, "/root/web", static_cast<std::size_t>(i)));
  }
  for (const auto& crash : events_of(event_kind::crash)) {
    EXPECT_EQ(crash.why->cls, cause_class::signal);
    EXPECT_EQ(crash.why->signal, SIGKILL);
    EXPECT_GT(crash.pid.value_or(0), 0);
  }
  EXPECT_LE(open_descriptors(), with_one + 2);
  end();
  EXPECT_EQ(await_processes(word, 0), 0U);
  EXPECT_LE(open_descriptors(), before);
  siginfo_t ended{};
  EXPECT_EQ(::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT), 0) << "the zygote is a child of ours";
  EXPECT_EQ(ended.si_pid, 0) << "nobody has reaped it";
}

INSTANTIATE_TEST_SUITE_P(all, programs, testing::ValuesIn(kinds), [](const auto& x) { return x.param.name; });

class program : public live_commands {
protected:
  admin_result do_it(operation what) { return tree_->operate(what, "/root/web", "ann"); }
};

TEST_F(program, http_server_is_killed_and_serves_again) {
  const auto port = free_port();
  command_spec spec{.run = {"python3", "-u", "-m", "http.server", std::to_string(port), "--bind", "127.0.0.1"},
                    .ready = {.http = "http://127.0.0.1:" + std::to_string(port) + "/"},
                    .working_directory = "/var/empty"};
  if (::access("/var/empty", X_OK) != 0) spec.working_directory = "/tmp";
  auto with = policy();
  with.start_within = 60s;
  ASSERT_TRUE(begin(spec, with));
  constexpr int rounds = STEWARD_SANITIZED ? 3 : 20;
  for (int i = 1; i <= rounds; ++i) {
    ASSERT_EQ(::kill(pid(), SIGKILL), 0);
    ASSERT_TRUE(await(event_kind::recover, "/root/web", static_cast<std::size_t>(i)));
  }
  EXPECT_THAT(lines("stderr"), testing::Contains(HasSubstr("\"GET / HTTP/1.1\" 200")));
}

TEST_F(program, that_ends_with_an_ok_code_has_finished) {
  auto with = policy();
  with.restart = restart_type::transient;
  auto spec = shell("exit 7");
  spec.ok_codes = {0, 7};
  ASSERT_TRUE(begin(spec, with));
  ASSERT_TRUE(await(event_kind::stop, "/root/web"));
  EXPECT_TRUE(events_of(event_kind::crash).empty());
}

TEST_F(program, that_ends_with_another_code_has_crashed_and_its_last_words_are_told) {
  auto with = policy();
  with.restart = restart_type::temporary;
  ASSERT_TRUE(begin(shell("echo one >&2; echo two >&2; exit 7"), with));
  ASSERT_TRUE(await(event_kind::crash, "/root/web"));
  const auto crash = last(event_kind::crash);
  EXPECT_EQ(crash.why->cls, cause_class::exit);
  EXPECT_EQ(crash.why->code, 7);
  EXPECT_THAT(crash.why->stderr_tail, ElementsAre("one", "two"));
  EXPECT_THAT(lines("stderr"), ElementsAre("one", "two"));
}

TEST_F(program, that_crashes_too_often_makes_its_supervisor_give_up) {
  ASSERT_TRUE(begin(shell("exit 1"), policy(), {3, 60s}));
  ASSERT_TRUE(await(event_kind::give_up, "/root"));
  EXPECT_EQ(events_of(event_kind::crash).size(), 4U);
}

TEST_F(program, that_crashes_too_often_may_be_parked) {
  auto with = policy();
  with.intensity = intensity{1, 60s};
  with.on_spent = spent_policy::park;
  ASSERT_TRUE(begin(shell("exit 1"), with));
  ASSERT_TRUE(await(event_kind::park, "/root/web"));
  EXPECT_EQ(tree_->which_child("/root/web")->status, child_status::parked);
}

TEST_F(program, is_started_stopped_restarted_and_killed_by_hand) {
  ASSERT_TRUE(begin(shell("exec sleep 300")));
  const int first = pid();
  EXPECT_TRUE(do_it(operation::stop));
  EXPECT_EQ(last(event_kind::stop).text, "shut down: SIGTERM");
  EXPECT_TRUE(do_it(operation::start));
  const int second = pid();
  EXPECT_NE(first, second);
  EXPECT_TRUE(do_it(operation::restart));
  const int third = pid();
  EXPECT_NE(second, third);
  EXPECT_TRUE(events_of(event_kind::crash).empty());
  EXPECT_TRUE(do_it(operation::kill));
  ASSERT_TRUE(await(event_kind::recover, "/root/web"));
  EXPECT_EQ(last(event_kind::crash).why->cls, cause_class::killed);
  EXPECT_THAT(last(event_kind::crash).why->message, HasSubstr("ann"));
  EXPECT_TRUE(do_it(operation::park));
  EXPECT_TRUE(do_it(operation::revive));
}

TEST_F(program, that_ignores_the_signal_is_killed_and_that_is_told) {
  auto spec = shell("trap '' TERM; echo up; while :; do sleep 0.02; done");
  spec.ready.line = "^up$";
  spec.stop = {SIGTERM, 100ms, SIGKILL};
  ASSERT_TRUE(begin(spec));
  end();
  const auto told = last(event_kind::stop);
  EXPECT_EQ(told.level, event_level::warn);
  EXPECT_THAT(told.text, HasSubstr("killed"));
}

TEST_F(program, is_stopped_by_its_own_signal) {
  auto spec = shell("trap 'echo bye; exit 0' INT; echo up; while :; do sleep 0.02; done");
  spec.ready.line = "^up$";
  spec.stop = {SIGINT};
  ASSERT_TRUE(begin(spec));
  end();
  EXPECT_EQ(lines().back(), "bye");
  EXPECT_EQ(last(event_kind::stop).text, "shut down: exit code 0");
}

TEST_F(program, restarts_with_its_group_in_order) {
  auto one = shell("exec sleep 300");
  supervisor_spec tree;
  tree.strategy = strategy::rest_for_one;
  tree.intensity = {100, 60s};
  tree.children = {child::command("web", one, policy()), child::command("behind", one, policy())};
  ASSERT_TRUE(begin(tree));
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  ASSERT_TRUE(await(event_kind::recover, "/root/web"));
  ASSERT_TRUE(await(event_kind::ready, "/root/behind", 2));
}

TEST_F(program, that_floods_is_read_to_its_end_and_what_is_left_out_is_counted) {
  constexpr std::uint64_t all = STEWARD_SANITIZED ? 1'000'000 : 20'000'000;
  auto with = policy();
  with.restart = restart_type::temporary;
  auto spec = shell("yes 1234 | head -n " + std::to_string(all) + "; echo the end");
  spec.logs.lines_a_second = 100;
  ASSERT_TRUE(begin(spec, with));
  // 100 MB: it is never blocked for good, and little is told.
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (events_of(event_kind::stop).empty() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(10ms);
  ASSERT_FALSE(events_of(event_kind::stop).empty());
  std::uint64_t told = 0;
  std::uint64_t lost = 0;
  for (const auto& e : events_of(event_kind::log)) {
    told += e.stream ? 1U : 0U;
    lost += e.lost.value_or(0);
  }
  EXPECT_EQ(told + lost, all + 1);
  EXPECT_GT(lost, told);
}

TEST_F(program, may_write_anything) {
  auto with = policy();
  with.restart = restart_type::temporary;
  auto spec = shell("printf 'a\\000b\\377\\033[31m\\n'; head -c 10000 /dev/zero | tr '\\0' x; printf 'y\\nlast'");
  spec.logs.line_length = 100;
  ASSERT_TRUE(begin(spec, with));
  ASSERT_TRUE(await(event_kind::stop, "/root/web"));
  const auto all = lines();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], std::string("a\0b\xff\x1b[31m", 9));
  EXPECT_EQ(all[1], std::string(100, 'x') + " [9901 bytes more were left out]");
  EXPECT_EQ(all[2], "last");
}

TEST_F(program, that_goes_into_the_background_is_ended_and_not_lost) {
  const auto word = fresh_word();
  auto with = policy();
  with.restart = restart_type::temporary;
  ASSERT_TRUE(begin(shell("(setsid sh -c 'sleep 300; : " + word + "' &); exit 0"), with));
  ASSERT_TRUE(await(event_kind::stop, "/root/web"));
  EXPECT_EQ(await_processes(word, 0), 0U);
}

TEST_F(program, is_not_started_before_what_the_last_one_left_is_gone) {
  const auto word = fresh_word();
  // The grandchild holds the file as long as it lives; who finds it held fails to start.
  const auto lock = "/tmp/" + word;
  auto spec = shell("exec 9> " + lock + "; flock -n 9 || exit 9; setsid sh -c 'sleep 300; : " + word +
                    "' & echo up; sleep 300");
  spec.ready.line = "^up$";
  ASSERT_TRUE(begin(spec));
  for (std::size_t i = 1; i <= 10; ++i) {
    ASSERT_EQ(::kill(pid(), SIGKILL), 0);
    ASSERT_TRUE(await(event_kind::recover, "/root/web", i));
  }
  EXPECT_EQ(events_of(event_kind::crash).size(), 10U) << "no start has failed";
  ::unlink(lock.c_str());
}

TEST_F(program, is_taken_into_a_new_spec_at_its_next_restart) {
  ASSERT_TRUE(begin(shell("echo old; exec sleep 300")));
  supervisor_spec next;
  next.intensity = {1'000, 600s};
  next.children = {child::command("web", shell("echo new; exec sleep 300"), policy())};
  std::vector<reload_change> changes;
  EXPECT_TRUE(tree_->reload(next, &changes).empty());
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].what, "command");
  EXPECT_EQ(changes[0].waits_for, "its next restart");
  EXPECT_TRUE(do_it(operation::restart));
  const auto until = std::chrono::steady_clock::now() + 20s;
  const auto newest = [this] {
    const auto all = lines();
    return all.empty() ? std::string{} : all.back();  // the old one may have been ended before it wrote
  };
  while (newest() != "new" && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(newest(), "new");
}

TEST_F(program, of_a_dynamic_supervisor_runs_as_often_as_is_asked_for) {
  supervisor_spec tree;
  tree.strategy = strategy::simple_one_for_one;
  tree.initial = 3;
  tree.children = {child::command("job", shell("exec sleep 300"), policy())};
  ASSERT_TRUE(begin(tree));
  EXPECT_EQ(events_of(event_kind::ready).size(), 3U);
}

TEST_F(program, costs_no_thread_and_no_descriptor_before_the_first_one) {
  ASSERT_TRUE(begin(supervisor_spec{}));
  const auto none = open_descriptors();
  end();
  ASSERT_TRUE(begin(shell("exec sleep 300")));
  EXPECT_GT(open_descriptors(), none);
}

class killed_program : public testing::TestWithParam<bool> {};

TEST_P(killed_program, leaves_nothing_within_a_second) {
  const auto word = fresh_word();
  ::setenv("STEWARD_TEST_WORD", word.c_str(), 1);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const int child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    if (GetParam())
      ::execl("/proc/self/exe", "command_test", "--keep", "--spawn", nullptr);
    else
      ::execl("/proc/self/exe", "command_test", "--keep", nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  char first = 0;
  ASSERT_EQ(::read(ends[0], &first, 1), 1);
  EXPECT_GE(await_processes(word, 2), 2U);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(await_processes(word, 0), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, STEWARD_SANITIZED ? 10s : 1s);
  ::close(ends[0]);
  ::unsetenv("STEWARD_TEST_WORD");
}

INSTANTIATE_TEST_SUITE_P(all, killed_program, testing::Bool(),
                         [](const auto& x) { return x.param ? "without_a_zygote" : "with_a_zygote"; });

}  // namespace
}  // namespace steward::test
