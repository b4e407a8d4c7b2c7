// What only an actor in a process can die of, and what is known of it.
#include "placed_tree.hpp"

#include "steward/child.hpp"
#include "tests/support/sanitized.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <thread>

namespace steward::test {
/// A type that nobody has announced.
struct unannounced {
  int x = 0;
};
}  // namespace steward::test

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::test::unannounced)

namespace steward::test {
namespace {

using ::testing::HasSubstr;

cause cause_of_crash(probe_tree& t, const std::string& what) {
  const auto a = t.actor("a");
  const auto before = t.events.of(event_kind::crash, "/root/a").size();
  t.ask<std::int64_t>(a, caf::add_atom::value, std::int64_t{2});
  const auto asked = t.ask<std::string>(a, what);
  EXPECT_EQ(asked.code, errc::crashed) << what;
  EXPECT_EQ(t.sum(a), 0) << what;
  // The next incarnation may be there before the crash is told of.
  if (!comes([&] { return t.events.of(event_kind::crash, "/root/a").size() > before; })) {
    ADD_FAILURE() << what << " is not told of";
    return {};
  }
  const auto crash = t.events.of(event_kind::crash, "/root/a");
  EXPECT_THAT(crash.back().text, HasSubstr(what));
  EXPECT_TRUE(crash.back().pid.has_value());
  EXPECT_THAT(asked.error, HasSubstr(describe(*crash.back().why)));
  return *crash.back().why;
}

TEST(process_actor, a_memory_fault_costs_it_alone) {
  probe_tree t{{probe_child("a", rung::process), probe_child("b", rung::thread)}};
  const auto why = cause_of_crash(t, "segv");
  EXPECT_EQ(why.cls, cause_class::signal);
  EXPECT_EQ(why.signal, SIGSEGV);
  EXPECT_EQ(why.address, 0U);
  EXPECT_THAT(why.frames, ::testing::Contains(HasSubstr("fault")));
  EXPECT_EQ(t.say(t.actor("b"), "incarnation"), "1");
}

TEST(process_actor, an_abort_costs_it_alone) {
  probe_tree t{{probe_child("a", rung::process)}};
  EXPECT_EQ(cause_of_crash(t, "abort").signal, SIGABRT);
}

TEST(process_actor, a_kill_by_a_stranger_is_told_as_such) {
  probe_tree t{{probe_child("a", rung::process)}};
  const auto why = cause_of_crash(t, "kill");
  EXPECT_EQ(why.signal, SIGKILL);
  EXPECT_THAT(why.message, HasSubstr("not sent by us"));
}

TEST(process_actor, its_last_words_on_standard_error_are_part_of_the_cause) {
  probe_tree t{{probe_child("a", rung::process)}};
  for (const auto* way : {"complain 1", "complain 0"}) {
    testing::internal::CaptureStderr();
    const auto why = cause_of_crash(t, way);
    ASSERT_EQ(why.stderr_tail.size(), 10U) << way;
    EXPECT_EQ(why.stderr_tail.front(), "complaint 4");
    EXPECT_EQ(why.stderr_tail.back(), "the last one, with no end");
    const auto shown = testing::internal::GetCapturedStderr();
    EXPECT_THAT(shown, HasSubstr("/root/a: complaint 1\n"));
    EXPECT_THAT(shown, HasSubstr("/root/a: the last one, with no end\n"));
  }
}

TEST(process_actor, whose_standard_error_nobody_reads_goes_on_when_somebody_does) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int before = ::dup(STDERR_FILENO);
  ASSERT_GE(::dup2(ends[1], STDERR_FILENO), 0);
  std::string heard;
  {
    probe_tree t{{probe_child("a", rung::process), probe_child("b", rung::process)}};
    const auto a = t.actor("a");
    std::string answer;
    std::thread asker{[&] { answer = t.say(a, "shout"); }};
    const auto b = t.actor("b");  // whatever a writes, others are read
    for (int i = 0; i < 100; ++i) EXPECT_EQ(t.say(b, "path"), "/root/b");
    std::array<char, 65'536> some{};
    while (heard.find("not so loud") == std::string::npos) {
      const auto count = ::read(ends[0], some.data(), some.size());
      if (count <= 0) break;
      heard.append(some.data(), static_cast<std::size_t>(count));
    }
    asker.join();
    EXPECT_EQ(answer, "shout");
  }
  ::dup2(before, STDERR_FILENO);
  for (const int fd : {before, ends[0], ends[1]}) ::close(fd);
  EXPECT_THAT(heard, HasSubstr("/root/a: not so loud\n"));
  EXPECT_GE(std::ranges::count(heard, 'n'), 1 << 20);
}

child_spec child_with_spare() {
  auto out = probe_child("a", rung::process);
  out.process.spare = true;
  return out;
}

std::set<int> guests_of_program() {
  std::set<int> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "stat");
    std::string line;
    std::getline(in, line);
    const auto end = line.rfind(')');
    char state = 0;
    int parent = 0;
    if (end != std::string::npos && std::sscanf(line.c_str() + end + 1, " %c %d", &state, &parent) == 2 &&
        parent == ::getpid() && state != 'Z')
      out.insert(std::stoi(name));
  }
  return out;
}

std::ptrdiff_t threads_of(int pid) {
  std::error_code gone;
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/task", gone);
  return gone ? 0 : std::distance(begin(all), end(all));
}

/// The one process that is there beside these and the actor's own; 0 when there is none in time.
int spare_beside(const std::set<int>& others, int own) {
  std::set<int> spare;
  const bool there = comes([&] {
    spare = guests_of_program();
    for (const int pid : others) spare.erase(pid);
    spare.erase(own);
    return spare.size() == 1;
  });
  return there ? *spare.begin() : 0;
}

TEST(process_actor, with_a_spare_goes_on_in_that) {
  const auto before = guests_of_program();
  probe_tree t{{child_with_spare()}};
  const auto a = t.actor("a");
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(t.say(a, "incarnation"), std::to_string(i));
    const int spare = spare_beside(before, std::stoi(t.say(a, "pid")));
    ASSERT_NE(spare, 0);
    EXPECT_EQ(t.ask<std::string>(a, std::string{"segv"}).code, errc::crashed);
    EXPECT_EQ(t.say(a, "pid"), std::to_string(spare));
  }
  t.tree.reset();
  EXPECT_TRUE(comes([&] { return guests_of_program() == before; }));
}

TEST(process_actor, whose_spare_dies_says_so_and_begins_without) {
  const auto before = guests_of_program();
  probe_tree t{{child_with_spare()}};
  const auto a = t.actor("a");
  const int spare = spare_beside(before, std::stoi(t.say(a, "pid")));
  ASSERT_NE(spare, 0);
  // One that is killed before it has begun is made once more.
  ASSERT_TRUE(comes([&] { return threads_of(spare) > 3; }));
  ::kill(spare, SIGKILL);
  ASSERT_TRUE(comes([&] { return !t.events.of(event_kind::warn, "/root/a").empty(); }));
  EXPECT_THAT(t.events.of(event_kind::warn, "/root/a").back().text, HasSubstr("its spare process has ended: SIGKILL"));
  EXPECT_EQ(t.say(a, "incarnation"), "1");
  EXPECT_EQ(t.ask<std::string>(a, std::string{"segv"}).code, errc::crashed);
  EXPECT_EQ(t.say(a, "incarnation"), "2");
  EXPECT_NE(t.say(a, "pid"), std::to_string(spare));
}

TEST(process_actor, an_exit_is_told_with_its_code) {
  probe_tree t{{probe_child("a", rung::process)}};
  const auto why = cause_of_crash(t, "exit 3");
  EXPECT_EQ(why.cls, cause_class::exit);
  EXPECT_EQ(why.code, 3);
}

TEST(process_actor, its_memory_limit_holds) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "a sanitizer's shadow needs more address space than any limit leaves";
  auto one = probe_child("a", rung::process);
  one.process.memory_limit = std::uint64_t{1} << 30U;
  probe_tree t{{one}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  EXPECT_EQ(t.say(t.actor("a"), "eat 20"), "20");
  EXPECT_THAT(t.say(t.actor("a"), "eat 2000"), HasSubstr("bad_alloc"));
}

TEST(process_actor, may_be_in_a_sandbox) {
  auto one = probe_child("a", rung::process);
  one.process.sandbox = sandbox_level::basic;
  probe_tree t{{one, probe_child("b", rung::thread)}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  EXPECT_EQ(t.say(t.actor("a"), "ask", t.actor("b")), "got 1");
  EXPECT_EQ(cause_of_crash(t, "segv").signal, SIGSEGV);
}

TEST(process_actor, that_is_stopped_hangs_and_is_killed) {
  auto one = probe_child("a", rung::process);
  one.hang_after = 100ms;
  one.on_hang = hang_policy::kill;
  probe_tree t{{one}};
  EXPECT_EQ(cause_of_crash(t, "stop_self").cls, cause_class::heartbeat);
}

bool is_stopped(int pid) {
  std::ifstream in{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("State:")) return line.find("T (stopped)") != std::string::npos;
  return false;
}

TEST(process_actor, that_is_stopped_while_it_has_nothing_to_do_is_killed_when_it_has) {
  auto one = probe_child("a", rung::process);
  one.hang_after = 100ms;
  one.on_hang = hang_policy::kill;
  probe_tree t{{one}};
  const auto a = t.actor("a");
  for (int i = 0; i < 3; ++i) {
    const auto pid = std::stoi(t.say(a, "pid"));
    ASSERT_EQ(::kill(pid, SIGSTOP), 0);
    ASSERT_TRUE(comes([&] { return is_stopped(pid); }));  // its threads do not stop at once
    EXPECT_TRUE(comes([&] { return t.say(a, "pid") != std::to_string(pid); }));
  }
  ASSERT_TRUE(comes([&] { return t.events.of(event_kind::crash, "/root/a").size() == 3; }));
  EXPECT_EQ(t.events.of(event_kind::crash, "/root/a").back().why->cls, cause_class::heartbeat);
  EXPECT_EQ(t.settled("a").failed, 0U) << "nothing was begun";
}

TEST(process_actor, that_does_not_stop_is_killed) {
  auto one = probe_child("a", rung::process);
  one.shutdown = 100ms;
  probe_tree t{{one}};
  const auto pid = std::stoi(t.say(t.actor("a"), "pid"));
  port::send_anonymously(t.actor("a"), std::string{"sleep 60000"});
  std::this_thread::sleep_for(20ms);
  EXPECT_TRUE(static_cast<bool>(t.tree->terminate_child("/root/a")));
  EXPECT_TRUE(comes([&] { return ::kill(pid, 0) != 0; }));
}

TEST(process_actor, that_does_not_start_is_killed) {
  auto one = probe_child("a", rung::process, {{"start", "hang"}});
  one.start_within = 200ms;
  const auto began = std::chrono::steady_clock::now();
  probe_tree t{{one}};
  EXPECT_FALSE(t.started.ok);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
}

TEST(process_actor, that_dies_in_its_start_fails_the_start) {
  probe_tree t{{probe_child("a", rung::process, {{"start", "segv"}})}};
  EXPECT_FALSE(t.started.ok);
  EXPECT_THAT(describe(t.started.why), HasSubstr("SIGSEGV"));
}

TEST(process_actor, a_request_that_it_has_promised_to_answer_is_answered_when_it_dies) {
  probe_tree t{{probe_child("a", rung::process)}};
  const auto asked = t.ask<std::string>(t.actor("a"), std::string{"promise_and_die"});
  EXPECT_EQ(asked.code, errc::crashed);
  EXPECT_THAT(asked.error, HasSubstr("SIGSEGV"));
}

TEST(process_actor, handles_again_what_has_killed_it) {
  auto one = probe_child("a", rung::process);
  one.redeliver = 1;
  probe_tree t{{one}};
  EXPECT_EQ(t.say(t.actor("a"), "segv_once"), "segv_once");
  const auto asked = t.ask<std::string>(t.actor("a"), std::string{"segv"});
  EXPECT_EQ(asked.code, errc::quarantined);
}

TEST(process_actor, of_a_class_needs_no_registration) {
  struct local {
    caf::behavior make_behavior() {
      return {[](caf::get_atom) { return static_cast<std::int64_t>(::getpid()); }};
    }
  };
  probe_tree t{{child::actor<local>("a", {}, {.runs_in = rung::process})}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  const auto pid = t.sum(t.actor("a"));
  EXPECT_GT(pid, 0);
  EXPECT_NE(pid, ::getpid());
}

TEST(process_actor, what_cannot_be_in_a_process_is_refused_before_the_start) {
  int shared = 0;
  struct counter {
    int* of;
    caf::behavior make_behavior() {
      return {[this](caf::get_atom) { return static_cast<std::int64_t>(*of); }};
    }
  };
  probe_tree t{{child::actor("a", [&shared] { return counter{&shared}; }, {}, {.runs_in = rung::process})}};
  EXPECT_FALSE(t.started.ok);
  EXPECT_THAT(t.started.why.message, HasSubstr("a callable"));
  auto hangs = probe_child("a", rung::thread);
  hangs.hang_after = 1s;
  hangs.on_hang = hang_policy::kill;
  probe_tree u{{hangs}};
  EXPECT_FALSE(u.started.ok);
  EXPECT_THAT(u.started.why.message, HasSubstr("a thread cannot be killed"));
}

TEST(process_actor, a_pool_has_no_spare_of_an_actor) {
  for (const auto where : {rung::thread, rung::process}) {
    auto pool = workers_child();
    auto& of = std::get<pool_spec>(pool.what);
    of.runs_in = where;
    of.process.spare = true;
    probe_tree t{{probe_child("shared", rung::thread), pool}};
    EXPECT_FALSE(t.started.ok);
    EXPECT_THAT(t.started.why.message, HasSubstr("belongs to the process of an actor"));
  }
}

TEST(process_actor, a_message_that_cannot_cross_is_answered) {
  probe_tree t{{probe_child("a", rung::process)}};
  const auto asked = t.ask<std::int64_t>(t.actor("a"), unannounced{});
  EXPECT_THAT(asked.error, HasSubstr("not announced"));
  EXPECT_EQ(t.settled("a").failed, 1U);
}

TEST(process_actor, that_breaks_the_protocol_is_ended) {
  probe_tree t{{probe_child("a", rung::process), probe_child("b", rung::thread)}};
  for (const auto* what : {"guest", "deliver", "word", "hello", "release", "ask", "exit", "answer", "garbage"}) {
    const auto why = cause_of_crash(t, std::string{"forge "} + what);
    EXPECT_EQ(why.cls, cause_class::protocol) << what << ": " << describe(why);
  }
  EXPECT_EQ(t.say(t.actor("b"), "incarnation"), "1");
}

/// Runs this program with --keep, kills it, and tells which of its processes are left after a while.
std::vector<int> left_by_killed_program(bool spawns) {
  int ends[2];
  if (::pipe(ends) != 0) return {-1};
  const int program = ::fork();
  if (program == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::execl("/proc/self/exe", "process_actor_test", "--keep", spawns ? "--spawn" : nullptr, nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::vector<int> pids(3);
  auto* out = ::fdopen(ends[0], "r");
  EXPECT_EQ(std::fscanf(out, "%d %d %d", &pids[0], &pids[1], &pids[2]), 3);
  for (const int pid : pids) EXPECT_EQ(::kill(pid, 0), 0) << pid;
  ::kill(program, SIGKILL);
  ::waitpid(program, nullptr, 0);
  std::fclose(out);
  comes([&] {
    std::erase_if(pids, [](int pid) { return ::kill(pid, 0) != 0; });
    return pids.empty();
  });
  return pids;
}

TEST(process_actor, ends_with_the_program_whatever_kills_that) {
  EXPECT_EQ(left_by_killed_program(false), std::vector<int>{});
}

TEST(process_actor, ends_with_a_program_without_a_zygote) {
  EXPECT_EQ(left_by_killed_program(true), std::vector<int>{});
}

TEST(process_actor, has_figures_of_its_mailbox_and_of_its_process) {
  probe_tree t{{probe_child("a", rung::process), probe_child("b", rung::thread)}};
  const auto pid = std::stoi(t.say(t.actor("a"), "pid"));
  std::map<std::string, int> pids;
  t.tree->figures([&](sample& x, int of) {
    EXPECT_TRUE(x.waiting.has_value());
    pids[x.path] = of;
  });
  EXPECT_EQ(pids, (std::map<std::string, int>{{"/root/a", pid}, {"/root/b", 0}}));
}

TEST(process_actor, leaves_nothing_behind) {
  int pid = 0;
  {
    probe_tree t{{probe_child("a", rung::process)}};
    pid = std::stoi(t.say(t.actor("a"), "pid"));
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace steward::test
